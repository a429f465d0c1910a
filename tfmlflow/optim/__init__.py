"""Learning-rate schedules; optimizers are Keras's own, or any `_target_`."""
