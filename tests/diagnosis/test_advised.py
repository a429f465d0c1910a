"""What of a stored command is not repeated without a word of its reader's."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from tfmlflow.cli.advised import CALLS, _trained

WAITS = "import signal, sys, time\nsignal.signal({0}, lambda *_: sys.exit(128 + {0}))\ntime.sleep(30)"


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_this_process_alone_is_passed_on(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    timer = threading.Timer(2.0, os.kill, (os.getpid(), number))
    timer.start()
    assert _trained([sys.executable, "-c", WAITS.format(int(number))], dict(os.environ)) == 128 + number
    assert signal.getsignal(number) == before


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGHUP)).start()
        assert _trained([sys.executable, "-c", "import time; time.sleep(1.5)"], dict(os.environ)) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
