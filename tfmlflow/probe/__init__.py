"""Cheap looks into a training, for its diagnosis: one batch, some examples, the weights before and after."""
