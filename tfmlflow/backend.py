"""Keras runs on several backends; what is trained and tracked here runs on TensorFlow."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

NEEDED = "tensorflow"


def problems() -> Iterator[str]:
    """What asks Keras for another backend, found without loading it.

    Source: https://keras.io/getting_started/#configuring-your-backend
    """
    asked = os.environ.get("KERAS_BACKEND")
    if asked:
        if asked != NEEDED:
            yield f"KERAS_BACKEND={asked}: must be {NEEDED}, which is what tfmlflow trains with; unset it"
        return
    file = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
    try:
        backend = json.loads(file.read_text()).get("backend", NEEDED)
    except (OSError, ValueError, AttributeError):  # Keras then takes its default
        return
    if backend != NEEDED:
        needed = f"must be {NEEDED}, which is what tfmlflow trains with"
        yield f"backend={backend} in {file}: {needed}; KERAS_BACKEND={NEEDED} goes before it"
