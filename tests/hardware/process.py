"""A fresh process without GPUs, in which a test sets up hardware as it likes."""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.conftest import run

Answer = tuple[dict[str, Any], str]

PRELUDE = """
import json
from tfmlflow.errors import UsageError
from tfmlflow.hardware import auto, cpu, gpu, multi_gpu, environment

def refusal(function, *arguments, **settings):
    try:
        return function(*arguments, **settings) and None
    except UsageError as error:
        return str(error)

"""


def answer(script: str, folder: Path, fresh: bool = True, **environment: str) -> Answer:
    """Run a script that makes a dictionary `said`; returns it and what went to stderr.

    Unless `fresh`, by a process that has loaded TensorFlow.
    """
    code = PRELUDE + textwrap.dedent(script) + "\nprint(json.dumps(said))\n"
    done = run("-c", code, cwd=folder, fresh=fresh, **{**quiet(), **environment})
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said, done.stderr


def shared(script: str, name: str, factory: pytest.TempPathFactory, fresh: bool = True, **environment: str) -> Answer:
    """As `answer`, in one process for all tests that want it, also where several pytest workers run them."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return answer(script, factory.mktemp(name), fresh, **environment)
    file = factory.getbasetemp().parent / f"{name}.json"
    with FileLock(file.with_suffix(".lock")):
        if not file.is_file():
            file.write_text(json.dumps(answer(script, factory.mktemp(name), fresh, **environment)))
    said, stderr = json.loads(file.read_text())
    return said, stderr


def quiet() -> dict[str, str]:
    """No GPU, also where there is one; and of the messages only errors, unless a test says otherwise."""
    return {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2")}
