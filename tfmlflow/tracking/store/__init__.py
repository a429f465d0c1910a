"""The MLflow store: addresses, names, and requests that may be said twice. Loads neither TensorFlow nor Hydra."""
