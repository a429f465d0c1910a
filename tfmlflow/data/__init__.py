"""Data sets: loaders that return a `Data` record, and the input pipeline that feeds a model from it."""

from tfmlflow.data.record import Data, Split, Task

__all__ = ["Data", "Split", "Task"]
