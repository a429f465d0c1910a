"""Loading TensorFlow: what must stand in the environment before, and the terminal kept clean of its notices."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console

CPP_LEVELS = {"debug": "0", "info": "0", "warning": "2", "error": "2", "fatal": "3"}
NOTICE = re.compile(r"^([IWE]\d{4} |WARNING: All log messages before absl|To enable the following instructions)")


def load(log_level: str) -> None:
    """Import TensorFlow and Keras, and let TensorFlow find the devices.

    Args:
        log_level: debug and info show everything that TensorFlow says; warning and error drop the notices that its C++
            side writes before it can be told not to (missing CUDA drivers, oneDNN, CPU instructions).
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", CPP_LEVELS[log_level])
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if "tensorflow" in sys.modules:
        return
    with Console().status("loading TensorFlow") if sys.stdout.isatty() else nullcontext():
        if log_level in ("debug", "info"):
            _import()
        else:
            with _without_notices():
                _import()


def _import() -> None:
    import keras  # noqa: F401
    import tensorflow as tf

    tf.config.list_physical_devices()


@contextmanager
def _without_notices() -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            for line in caught.read().decode(errors="replace").splitlines():
                if line and not NOTICE.match(line):
                    print(line, file=sys.stderr)
