"""Training: `fit` under Keras, and the callbacks that steer it."""

from tfmlflow.trainer.keras_fit import Fitted, compile_model, ensure_built, evaluate, fit, require
from tfmlflow.trainer.objective import Objective

__all__ = ["Fitted", "Objective", "compile_model", "ensure_built", "evaluate", "fit", "require"]
