"""Experiment tracking for TensorFlow/Keras on MLflow.

    model.fit(x, y, callbacks=[tfmlflow.TrackingCallback(monitor="val_loss")])

Names are imported when they are used, so that `import tfmlflow` loads neither TensorFlow nor MLflow.
"""

from typing import TYPE_CHECKING, Any

from tfmlflow.version import __version__

if TYPE_CHECKING:
    from tfmlflow.data.record import Data, Split
    from tfmlflow.tracking.recording.callback import TrackingCallback
    from tfmlflow.tracking.recording.own.loop import track

__all__ = ["Data", "Split", "TrackingCallback", "__version__", "track"]


def __getattr__(name: str) -> Any:
    if name == "TrackingCallback":
        from tfmlflow.tracking.recording.callback import TrackingCallback

        return TrackingCallback
    if name == "track":
        from tfmlflow.tracking.recording.own.loop import track

        return track
    if name in ("Data", "Split"):
        from tfmlflow.data import record

        return getattr(record, name)
    raise AttributeError(f"module 'tfmlflow' has no attribute {name!r}")
