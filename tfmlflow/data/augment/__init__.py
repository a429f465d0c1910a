"""Augmentation of batches in the input pipeline: stateless, so that step and seed decide every change."""

from tfmlflow.data.augment.geometry import geometric, none

__all__ = ["geometric", "none"]
