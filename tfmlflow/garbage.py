"""Collections of garbage, which take time in proportion to what is loaded."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

_loaded = False


@contextlib.contextmanager
def none_while_loading() -> Iterator[None]:
    """Libraries are loaded inside: nothing is looked through meanwhile, and what is there then never again.

    What TensorFlow, Keras and MLflow consist of lives as long as the process. To look for garbage among it takes 1.5 s
    of a processor while they load, and 0.4 s each time afterwards.

    The first time alone: later there may be garbage, such as the model of a sweep's last job, which is to be found.
    """
    global _loaded
    if _loaded:
        yield
        return
    was = gc.isenabled()
    gc.disable()
    try:
        yield
        _loaded = True
    finally:
        if _loaded:
            gc.freeze()
        if was:
            gc.enable()
