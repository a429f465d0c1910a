"""What of a stored command is not repeated without a word of its reader's."""

from __future__ import annotations

import pytest

from tfmlflow.cli.advised import CALLS


@pytest.mark.parametrize(
    ("word", "calls"),
    [
        ("model._target_=os.getcwd", True),
        ("trainer.step._target_=my_pkg.step", True),
        ("hydra.searchpath=[file:///tmp]", True),
        ("hydra/launcher=process", True),
        ("++hydra.callbacks.mine._target_=a.b", True),
        ("model.trust=true", True),
        ("data.path=${oc.env:TOKEN}", True),
        ("optimizer.learning_rate=0.01", False),
        ("data.path=/data/hydra/t.csv", False),
        ("model=cnn", False),
    ],
)
def test_words_that_name_what_is_called_are_refused(word: str, calls: bool) -> None:
    assert bool(CALLS.search(word)) == calls
