"""Random numbers of somebody's own script, which are the same with and without a callback."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """What is drawn inside is none of the script's: MLflow draws the names of runs, Keras seeds for a copied model.

    Python's and NumPy's global generators, by whose state Keras seeds the weights of the next model.
    """
    state, numpys = random.getstate(), np.random.get_state()
    random.seed()  # else runs of scripts that are seeded alike would have one name
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpys)
