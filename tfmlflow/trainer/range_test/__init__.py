"""A learning-rate range test: steps at a growing learning rate, to see at which the loss falls."""
