"""Nothing is looked through for garbage while libraries load, nor they themselves afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tfmlflow.garbage import none_while_loading


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    gc.enable()


def test_collections_wait_until_the_end_and_leave_out_what_was_made() -> None:
    with none_while_loading():
        assert not gc.isenabled()
        made = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert not any(one is made for one in gc.get_objects())


def test_they_go_on_after_a_failure_and_stay_off_where_they_were() -> None:
    with pytest.raises(ImportError), none_while_loading():
        raise ImportError
    assert gc.isenabled()
    gc.disable()
    with none_while_loading():
        pass
    assert not gc.isenabled()
