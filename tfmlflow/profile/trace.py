"""A trace of a few steps by TensorFlow's own profiler, where TensorBoard is there to show it."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)


def wanted() -> bool:
    """Whether TensorBoard is installed."""
    return importlib.util.find_spec("tensorboard") is not None


def take(work: Callable[[], None], folder: Path) -> list[Path]:
    """Trace what `work` does; a profile goes on without.

    Returns:
        The files below `folder` that TensorBoard reads, none if tracing has failed.
    """
    import tensorflow as tf

    try:
        with tf.profiler.experimental.Profile(str(folder)):
            work()
    except tf.errors.OpError as error:  # somebody else is tracing
        log.warning("there is no trace: %s", error)
        return []
    return sorted(file for file in folder.rglob("*") if file.is_file())
