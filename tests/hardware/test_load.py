"""Loading TensorFlow without its start-up notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hardware.process import Answer, answer


def stderr(folder: Path, level: str) -> str:
    """What a process says that loads and uses TensorFlow, where nobody has chosen which messages TensorFlow shows."""
    script = f"""
    import os
    del os.environ["TF_CPP_MIN_LOG_LEVEL"]
    environment.load("{level}")
    import keras, tensorflow as tf
    said = {{"sum": float(tf.reduce_sum(keras.ops.ones(3)))}}
    """
    said, noise = answer(script, folder, TF_ENABLE_ONEDNN_OPTS="1")
    assert said["sum"] == 3.0
    return noise


def test_start_up_notices_are_shown_only_to_those_who_ask(tmp_path: Path) -> None:
    assert "cpu_feature_guard" in stderr(tmp_path, "info")
    assert stderr(tmp_path, "warning") == ""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """A process with TF_CPP_MIN_LOG_LEVEL=3 in which a module warns, and gives a notice, when it is imported."""
    folder = tmp_path_factory.mktemp("loaded")
    warn = "import os, sys\nprint('a warning of Python', file=sys.stderr)\n"
    notice = "os.write(2, b'and of C++\\nI0000 00:00 a notice\\n')\n"
    (folder / "keras.py").write_text(warn + notice)
    script = """
    import os, sys
    sys.path.insert(0, ".")
    environment.load("warning")
    said = {"level": os.environ["TF_CPP_MIN_LOG_LEVEL"]}
    """
    return answer(script, folder, TF_CPP_MIN_LOG_LEVEL="3")


def test_what_is_no_notice_is_not_swallowed(loaded: Answer) -> None:
    assert loaded[1].splitlines() == ["a warning of Python", "and of C++"]


def test_a_level_that_the_user_has_set_is_left_alone(loaded: Answer) -> None:
    assert loaded[0] == {"level": "3"}
