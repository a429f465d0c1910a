"""The trackers that are compared, each as documented: ours, MLflow's Keras callback, MLflow's autologging.

A tracker is a context in which one `fit` is called with the callbacks that it gives; when the context is left without
an error, the store has everything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import keras
import mlflow
from mlflow.keras import MlflowCallback

import tfmlflow

Tracker = Callable[[], AbstractContextManager[list[keras.callbacks.Callback]]]


@contextlib.contextmanager
def untracked() -> Iterator[list[keras.callbacks.Callback]]:
    """Plain Keras."""
    yield []


@contextlib.contextmanager
def ours(**settings: Any) -> Iterator[list[keras.callbacks.Callback]]:
    """`TrackingCallback` alone, which opens and ends its run."""
    yield [tfmlflow.TrackingCallback(**settings)]


@contextlib.contextmanager
def callback(**settings: Any) -> Iterator[list[keras.callbacks.Callback]]:
    """`MlflowCallback` in a run."""
    with mlflow.start_run():
        yield [MlflowCallback(**settings)]
        mlflow.flush_async_logging()


@contextlib.contextmanager
def autolog(**settings: Any) -> Iterator[list[keras.callbacks.Callback]]:
    """`mlflow.keras.autolog`, which opens and ends its run; that of `mlflow.tensorflow` needs tensorboard."""
    mlflow.keras.autolog(**settings)
    try:
        yield []
        mlflow.flush_async_logging()
    finally:
        mlflow.keras.autolog(disable=True)
