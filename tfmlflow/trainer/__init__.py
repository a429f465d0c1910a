"""Training: `fit` under Keras, a `loop` of our own, and the callbacks that steer it."""

from tfmlflow.objective import Objective
from tfmlflow.trainer.callbacks.going_on import GoOn
from tfmlflow.trainer.callbacks.stopping import PruningCallback, StopOnRequest
from tfmlflow.trainer.compiling import compile_model, ensure_built, require
from tfmlflow.trainer.evaluation import evaluate
from tfmlflow.trainer.fitting import Fitted
from tfmlflow.trainer.phases.phase import Unfreezing
from tfmlflow.trainer.phases.phases import Phases
from tfmlflow.trainer.steps.step import gradient_step
from tfmlflow.trainer.train import fit, loop

__all__ = [
    "Fitted",
    "GoOn",
    "Objective",
    "Phases",
    "PruningCallback",
    "StopOnRequest",
    "Unfreezing",
    "compile_model",
    "ensure_built",
    "evaluate",
    "fit",
    "gradient_step",
    "loop",
    "require",
]
