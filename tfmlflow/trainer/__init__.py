"""Training: `fit` under Keras, and the callbacks that steer it."""

from tfmlflow.objective import Objective
from tfmlflow.trainer.compiling import compile_model, ensure_built, require
from tfmlflow.trainer.keras_fit import Fitted, evaluate, fit
from tfmlflow.trainer.stopping import PruningCallback, StopOnRequest

__all__ = [
    "Fitted",
    "Objective",
    "PruningCallback",
    "StopOnRequest",
    "compile_model",
    "ensure_built",
    "evaluate",
    "fit",
    "require",
]
