"""Training: `fit` under Keras, and the callbacks that steer it."""

from tfmlflow.trainer.keras_fit import Fitted, evaluate, fit
from tfmlflow.trainer.objective import Objective

__all__ = ["Fitted", "Objective", "evaluate", "fit"]
