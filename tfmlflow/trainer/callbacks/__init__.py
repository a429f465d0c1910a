"""Keras callbacks that steer a training, keep what is best, and show how it goes."""
