"""A look into a training, which may fail or be late, and is no business of the training then."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)


def harmless(hook: Callable[..., None]) -> Callable[..., None]:
    """A hook whose failure is no business of the training."""

    @functools.wraps(hook)
    def tried(*given: Any, **named: Any) -> None:
        try:
            hook(*given, **named)
        except Exception as error:
            log.debug("the diagnosis fails in %s", hook.__name__, exc_info=error)

    return tried


class Look:
    """Finds out one thing after the other, within its time.

    Args:
        known: What was found, by name; it is added to.
        seconds: That each look may take.

    Attributes:
        spent: Seconds that all looks took.
    """

    def __init__(self, known: dict[str, Any], seconds: float) -> None:
        self._known, self._seconds = known, seconds
        self._until = 0.0
        self.spent = 0.0
        self._looking: threading.Thread | None = None

    def within(self, look: Callable[[], None]) -> None:
        """Let `look` take what is left of the time; what it has found by then counts."""
        began = time.monotonic()
        self._until = began + self._seconds
        thread = self._looking = threading.Thread(target=look, name="tfmlflow-probe", daemon=True)
        thread.start()
        thread.join(self._seconds)
        self._looking = None
        self.spent += time.monotonic() - began
        if thread.is_alive():
            log.info("the diagnosis takes more than its time; it goes without what is not known by now")

    def note(self, name: str, look: Callable[[], Any]) -> Any:
        """Find out one thing, if it can be."""
        if self._over():
            return None
        try:
            found = look()
        except Exception as error:  # models and data of any kind come here
            log.debug("the diagnosis goes without %s", name, exc_info=error)
            return None
        if found is None or self._over():  # what comes too late may be of weights that have changed since
            return None
        self._known[name] = found
        return found

    def _over(self) -> bool:
        return threading.current_thread() is not self._looking or time.monotonic() > self._until
