"""The command line: what is done before Hydra sees it, around Hydra, and after it.

Nothing in here imports TensorFlow, Keras or MLflow: a wrong command is answered before they load.
"""
