"""A callback's own faults cost its records, never the training that it watches."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from tfmlflow.errors import UsageError

log = logging.getLogger(__name__)

Method = TypeVar("Method", bound=Callable[..., Any])


class Guarded(Protocol):
    """Has a place for what went wrong."""

    def trouble(self, where: str, error: Exception) -> None:
        """Note a fault."""


def guarded(method: Method) -> Method:
    """A method whose exceptions are noted and go no further; wrong usage, and the end of the program, do."""

    @functools.wraps(method)
    def guard(self: Guarded, *arguments: Any, **named: Any) -> Any:
        try:
            return method(self, *arguments, **named)
        except UsageError:
            raise
        except Exception as error:
            self.trouble(method.__name__, error)
            return None

    return guard  # type: ignore[return-value]


class Troubles:
    """Warns of each kind of fault once, with its traceback in the debug log.

    Args:
        missing: Told what is missing in the run for it.
    """

    def __init__(self, missing: Callable[[str], None]) -> None:
        self._missing = missing
        self._seen: set[str] = set()

    def note(self, where: str, error: BaseException) -> None:
        """A fault in `where`."""
        kind = f"{where}: {type(error).__name__}"
        if kind in self._seen:
            return
        self._seen.add(kind)
        said = str(error).splitlines()[0][:200] if str(error) else ""
        log.warning("tracking failed in %s: %s; the training goes on, its record is incomplete", kind, said)
        log.debug("tracking failed", exc_info=error)
        try:
            self._missing(f"what {kind}: {said} has kept from being recorded")
        except Exception:
            return
