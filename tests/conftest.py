"""What tests share: commands as a user types them, stores to look into, and the one MNIST file."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import stores
from tests.forked import shipper, started
from tfmlflow.tracking.shipper import launch

pytest_plugins = ["tests.servers.fixtures"]
gc.disable()  # until all tests are collected: as in tfmlflow/garbage.py

ROOT = Path(__file__).resolve().parents[1]
MNIST = Path(os.environ.get("TFMLFLOW_TEST_MNIST", ROOT.parent / "shared" / "data" / "mnist.npz"))

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["TFMLFLOW_SPOOL"] = tempfile.mkdtemp(prefix="tfmlflow-test-spool-")  # never the user's
os.environ["TFMLFLOW_CACHE"] = tempfile.mkdtemp(prefix="tfmlflow-test-cache-")
for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"):
    os.environ.pop(name, None)

launch.start = lambda spool, uri: shipper(None, spool, uri)  # loading MLflow takes two seconds of a processor

for number in (signal.SIGINT, signal.SIGQUIT):  # a shell that runs tests in the background has them ignored
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def pytest_collection_finish() -> None:
    """What TensorFlow and some thousand tests consist of is not looked through for garbage."""
    gc.freeze()
    gc.enable()
    if "tensorflow" in sys.modules:
        # A sixth of what small models cost in these processes; those that are forked optimize graphs as users' do.
        import tensorflow as tf

        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


SET_BY_OTHERS = ("MLFLOW_", "KERAS_BACKEND")

Command = Callable[..., subprocess.CompletedProcess[str]]


def clean_environment() -> dict[str, str]:
    """The environment without what another test of this process may have set, as `mlflow.set_tracking_uri` does."""
    return {key: value for key, value in os.environ.items() if not key.startswith(SET_BY_OTHERS)} | {"COLUMNS": "120"}


def run(
    *arguments: str, cwd: Path, timeout: float = 300, fresh: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`python <arguments>` in `cwd`, output captured; `fresh`: by an interpreter that has loaded nothing yet."""
    env = {**clean_environment(), **environment}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = started(arguments, cwd, env, output, errors, fresh)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(["python", *arguments], code, output.read().decode(), errors.read().decode())


@pytest.fixture
def train(tmp_path: Path) -> Command:
    """`python train.py <arguments>` in an empty folder."""

    def command(*arguments: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
        return run(str(ROOT / "train.py"), *arguments, **{"cwd": tmp_path} | kwargs)  # type: ignore[arg-type]

    return command


@pytest.fixture
def ready_store(tmp_path: Path) -> None:
    """The store that `train` writes to is there already."""
    stores.ready(tmp_path)


@pytest.fixture(scope="session")
def mnist() -> Path:
    """MNIST as an npz file; in CI it must be there."""
    if not MNIST.is_file():
        if os.environ.get("CI"):
            pytest.fail(f"no MNIST at {MNIST}")
        pytest.skip(f"no MNIST at {MNIST}; name it in TFMLFLOW_TEST_MNIST")
    return MNIST


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser; in CI it must be there."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium is installed")
        pytest.skip("no Chromium is installed")
    return found
