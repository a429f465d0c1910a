"""The metric that decides what is the best, and which direction of it is better; loads nothing."""

from tfmlflow.objective.by_name import Mode, by_name, resolved
from tfmlflow.objective.objective import Objective, direction

__all__ = ["Mode", "Objective", "by_name", "direction", "resolved"]
