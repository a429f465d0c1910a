"""Collections of garbage, which take time in proportion to what is loaded."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def none_while_loading() -> Iterator[None]:
    """Libraries are loaded inside: nothing is looked through meanwhile, and what is there then never again.

    What TensorFlow, Keras and MLflow consist of lives as long as the process. To look for garbage among it takes 1.5 s
    of a processor while they load, and 0.4 s each time afterwards.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was:
            gc.enable()
