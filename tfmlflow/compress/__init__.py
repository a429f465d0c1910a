"""Making a trained Keras model small: pruning, quantization, and what each costs; knows neither MLflow nor Hydra.

A method takes a model and its `Work`, and gives another model: `method(model, work, **keys)`. It may change the model
that it is given, and what it gives is made of Keras's own layers, where that can be.
"""
