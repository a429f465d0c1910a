"""Composing an experiment: where options lie, what values are allowed, and messages that name the fix.

Nothing in here imports TensorFlow, Keras or MLflow: a wrong command is answered before they load.
"""
