"""Training: `fit` under Keras, a `loop` of our own, and the callbacks that steer it."""

from tfmlflow.objective import Objective
from tfmlflow.trainer.callbacks.going_on import GoOn
from tfmlflow.trainer.callbacks.stopping import PruningCallback, StopOnRequest
from tfmlflow.trainer.compiling import compile_model, ensure_built, require
from tfmlflow.trainer.evaluation import evaluate
from tfmlflow.trainer.fitting import Fitted
from tfmlflow.trainer.largest_batch import BatchSize, Probe, batch_size
from tfmlflow.trainer.one_order import require_alike
from tfmlflow.trainer.phases.phase import Unfreezing
from tfmlflow.trainer.phases.phases import Phases
from tfmlflow.trainer.range_test.run import lr_range
from tfmlflow.trainer.steps.step import gradient_step
from tfmlflow.trainer.train import fit, loop

__all__ = [
    "BatchSize",
    "Fitted",
    "GoOn",
    "Objective",
    "Phases",
    "Probe",
    "PruningCallback",
    "StopOnRequest",
    "Unfreezing",
    "batch_size",
    "compile_model",
    "ensure_built",
    "evaluate",
    "fit",
    "gradient_step",
    "loop",
    "lr_range",
    "require",
    "require_alike",
]
