"""`data.batch_size=auto`: the largest batch of which two training steps fit into the memory of a GPU."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tfmlflow.data.augment.change import mixing_of
from tfmlflow.data.pipeline import Pipeline
from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.trainer import execution
from tfmlflow.trainer.compiling import compile_model, ensure_built

USUAL = 64  # of every shipped data set; taken where there is no GPU
LEAST_STEPS = 10  # of an epoch: a larger batch is not tried, whatever fits
MOST = 1 << 16
SECONDS = 120.0  # after which nothing further is tried
CLOSE = 8  # ends when what fits and what does not are nearer than this part of what fits
ROOM = 0.9  # of what fits is taken: a training needs a little more than two steps, and memory becomes fragmented
STEPS = 2  # of the first the optimizer makes its variables
EVEN = 8  # batches are a multiple of it, as GPUs like them
SAID = ("resource_exhausted", "out of memory", "resource exhausted", "oom when allocating")


@dataclass(frozen=True)
class BatchSize:
    """What is taken.

    Attributes:
        size: Examples a batch.
        said: How it was found.
    """

    size: int
    said: str


def batch_size(
    data: Data,
    runtime: Runtime,
    strict: bool,
    fits: Callable[[int], bool],
) -> BatchSize:
    """What `auto` stands for here.

    Args:
        data: To be trained on.
        runtime: Where; only a GPU is probed, since on a CPU the memory is everybody's and its end is the process's.
        strict: Whether to refuse, where there is no GPU, in place of taking the usual size.
        fits: Whether a batch of a size fits.

    Raises:
        UsageError: There is no GPU and `strict` is set, the data have batches of their own, or not one example fits.
    """
    if data.train.own is not None:
        raise UsageError(f"data.batch_size=auto: data={data.name} has batches of its own; set it to a number")
    if not any("GPU" in device for device in runtime.devices):
        if strict:
            raise UsageError("data.batch_size=auto: is probed on a GPU, and there is none; set it to a number")
        said = f"data.batch_size=auto: is probed on a GPU alone; {USUAL} is taken on the CPU"
        return BatchSize(USUAL, f"{said} (hardware.strict=true refuses instead)")
    most = max(1, min(MOST, len(data.train) // LEAST_STEPS))
    low, tried, over = largest(fits, most)
    if low == 0:
        raise UsageError("data.batch_size=auto: not one example fits into the memory of the GPU; use a smaller model")
    if over is None:
        why = f"an epoch is to have {LEAST_STEPS} steps" if low == most else "no time was left to try more"
        said = f"data.batch_size=auto: {low} fits, and more was not tried: {why}; {tried} sizes tried"
        return BatchSize(low, said)
    size = int(low * ROOM)
    size = size // EVEN * EVEN or max(1, size)
    said = f"data.batch_size=auto: {size}, nine tenths of {low}, which fits; {over} does not; {tried} sizes tried"
    return BatchSize(size, said)


def largest(
    fits: Callable[[int], bool], most: int, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
) -> tuple[int, int, int | None]:
    """Find the largest size that fits: by doubling, then by halving the gap.

    Args:
        fits: Whether a size fits; what is larger than one that does not fit does not.
        most: Largest size to try.
        seconds: After which nothing further is tried, once one fits.
        clock: In seconds.

    Returns:
        The largest size that fitted, 0 if none; how many were tried; the smallest that did not fit, None if all did.
    """
    began, low, over, tried = clock(), 0, None, 0
    size = min(USUAL, most)
    while size > 0 and (low == 0 or clock() - began < seconds):
        tried += 1
        if fits(size):
            low = size
            if low == most:
                break
        else:
            over = size
        if over is None:
            size = min(2 * low, most)
        elif low == 0:
            size = over // 2
        elif over - low <= max(1, low // CLOSE):
            break
        else:
            size = (low + over) // 2
    return low, tried, over


class Probe:
    """Takes two training steps on a batch of a size, with a model of its own.

    Args:
        build: Makes a model for the data.
        optimizer: Makes an optimizer.
        data, runtime, seed, augment: As of the training.
        settings: Of the trainer.
    """

    def __init__(
        self,
        build: Callable[..., keras.Model],
        optimizer: Callable[[], keras.optimizers.Optimizer],
        data: Data,
        runtime: Runtime,
        seed: int,
        augment: Any,
        settings: dict[str, Any],
    ) -> None:
        self._build, self._optimizer, self._data, self._runtime = build, optimizer, data, runtime
        self._seed, self._augment, self._settings = seed, augment, settings

    def __call__(self, size: int) -> bool:
        """Whether they fit into memory."""
        logger = tf.get_logger()
        level = logger.level
        logger.setLevel("ERROR")  # it warns of one graph a size
        try:
            self._train(size)
        except Exception as error:
            if not out_of_memory(error):
                raise
            return False
        finally:
            logger.setLevel(level)
            self._forget()
        return True

    def _train(self, size: int) -> None:
        data, settings = self._data, self._settings
        classes = data.classes if data.task == "multiclass" else 0
        pipeline = Pipeline(data.train, size, self._seed, self._augment, classes=classes)
        with self._runtime, self._runtime.scope():
            model = self._build(data=data)
            ensure_built(model, data)
            chosen = settings["loss"], settings["metrics"], settings["label_smoothing"]
            compile_model(model, self._optimizer(), data, *chosen, mixed=mixing_of(self._augment) is not None)
            steps = pipeline.steps * int(settings["epochs"])
            model.jit_compile = execution.jit_compile(settings["jit_compile"], model, steps, 1)
            keras.Model.fit(model, pipeline.dataset.take(STEPS), shuffle=False, verbose=0)

    def _forget(self) -> None:
        """Leave nothing: no memory, no names of layers, no random state that the training would begin with."""
        policy = keras.config.dtype_policy()
        gc.collect()
        keras.backend.clear_session()
        keras.config.set_dtype_policy(policy)
        keras.utils.set_random_seed(self._seed)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is at its end: of TensorFlow's allocator, or of XLA in other words."""
    if isinstance(error, tf.errors.ResourceExhaustedError | MemoryError):
        return True
    return isinstance(error, tf.errors.OpError) and any(one in str(error).lower() for one in SAID)
