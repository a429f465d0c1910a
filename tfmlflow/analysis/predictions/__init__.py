"""What a model's predictions are worth: classes told apart, numbers hit, and the examples it fails on."""
