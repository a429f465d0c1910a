"""What TensorFlow writes again and again once a worker is gone, which is told in one line already.

Its C++ side logs each call that does not reach the worker, as errors that no setting turns off. The files of the
processes keep it.
"""

from __future__ import annotations

import re

BEGIN = re.compile(
    r"[EW]\d{4} .*\] (Failed to (register|remove) function remotely|BaseCollectiveExecutor::StartAbort)"
    r"|WARNING: All log messages before absl"
)
MORE = re.compile(
    r"Additional GRPC error information|:UNKNOWN:Error received from peer|This could happen if the remote"
    r"|/job:\w+/replica:\d+/task:\d+|The tasks have crashed\. Check the task logs"
)


class Noise:
    """Tells of each line of one process whether it is such noise."""

    def __init__(self) -> None:
        self._inside = False

    def is_in(self, line: str) -> bool:
        """Whether `line`, the next one, is to be left out."""
        self._inside = BEGIN.match(line) is not None or (self._inside and MORE.match(line) is not None)
        return self._inside
