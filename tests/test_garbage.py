"""Nothing is looked through for garbage while libraries load, nor they themselves afterwards."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from tfmlflow import garbage
from tfmlflow.garbage import none_while_loading


class Thing:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(garbage, "_loaded", False)
    yield
    gc.enable()


def test_collections_wait_until_the_end_and_leave_out_what_was_made() -> None:
    with none_while_loading():
        assert not gc.isenabled()
        made = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert not any(one is made for one in gc.get_objects())


def test_what_comes_later_is_found() -> None:
    """Jobs of a sweep load nothing any more; the model of the one before is garbage that holds itself."""
    with none_while_loading():
        pass
    left = weakref.ref(Thing())
    with none_while_loading():
        assert gc.isenabled()
    gc.collect()
    assert left() is None


def test_they_go_on_after_a_failure_and_stay_off_where_they_were() -> None:
    with pytest.raises(ImportError), none_while_loading():
        raise ImportError
    assert gc.isenabled()
    gc.disable()
    with none_while_loading():
        pass
    assert not gc.isenabled()
