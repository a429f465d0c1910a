"""Whether everything that a training needs of its store and machine is there: one finding a question."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from mlflow import MlflowClient
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request
from requests import Response

from tfmlflow.config import database_driver
from tfmlflow.tracking.journal.spool import VARIABLE, Spool
from tfmlflow.tracking.operations import pending
from tfmlflow.tracking.run import opening
from tfmlflow.tracking.store import retry, store

DEADLINE = 8.0  # seconds for everything
SKEW = 5.0  # seconds between two clocks that matter to nobody
ROOM = 2_000_000_000  # bytes that should be free
NEEDED = {"tensorflow": "2.21", "keras": "3.15", "mlflow": "3.17", "hydra-core": "1.3.8"}


@dataclass(frozen=True)
class Finding:
    """An answer.

    Attributes:
        what: The question.
        fine: Whether all is well.
        said: What was seen.
        fix: What to do about it.
    """

    what: str
    fine: bool
    said: str
    fix: str = ""


def examine(uri: str) -> Iterator[Finding]:
    """Ask everything at once, and give the answers in order; one that takes too long is a finding too."""
    machine = {"versions": _versions, "spool": _spool, "disk": _disk, "GPU": _gpu}
    of_store = {
        "store writable": lambda: _writable(uri),
        "clocks": lambda: _clocks(uri),
        "server version": lambda: _server_version(uri),
    }
    pool = ThreadPoolExecutor(len(machine) + len(of_store))
    deadline = time.monotonic() + DEADLINE
    with opening.hurried():
        asked = {what: pool.submit(question) for what, question in machine.items()}
        if store.is_missing(uri):
            yield Finding("store", True, f"no database at {store.shown(uri)} yet; the first training makes it")
        else:
            first = _answer("store reachable", pool.submit(_reachable, uri), deadline)
            yield first
            if first.fine:
                asked = {what: pool.submit(question) for what, question in of_store.items()} | asked
        for what, future in asked.items():
            yield _answer(what, future, deadline)
    pool.shutdown(wait=False, cancel_futures=True)


def _answer(what: str, future: Future[Finding], deadline: float) -> Finding:
    try:
        return future.result(timeout=max(0.0, deadline - time.monotonic()))
    except Late:
        return Finding(what, False, f"no answer within {DEADLINE:.0f} s", "is the store hanging? Look at its log")
    except Exception as error:
        return Finding(what, False, retry.reason(error), "see the message")


def _reachable(uri: str) -> Finding:
    began = time.monotonic()
    if wrong := database_driver.problem(uri):
        return Finding("store reachable", False, store.shown(uri), wrong)
    try:
        store.reach(uri)
        with store.initialization_lock(uri):
            MlflowClient(uri).search_experiments(max_results=1)
    except Exception as error:
        start = "it with `mlflow server`" if uri.startswith("http") else "the database"
        fix = f"start {start}, or set MLFLOW_TRACKING_URI; trainings go on without it meanwhile"
        return Finding("store reachable", False, f"{store.shown(uri)}: {retry.reason(error)}", fix)
    return Finding("store reachable", True, f"{store.shown(uri)} in {1000 * (time.monotonic() - began):.0f} ms")


def _writable(uri: str) -> Finding:
    """A run with a metric and a file, deleted again."""
    store.reach(uri)
    with store.initialization_lock(uri):
        client = MlflowClient(uri)
    run = client.create_run("0", run_name="tfmlflow doctor")
    run_id, what = run.info.run_id, "store writable"
    try:
        client.log_metric(run_id, "probe", 1.0)
        try:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder, "probe.txt")
                file.write_text("probe")
                client.log_artifact(run_id, str(file))
            get_artifact_repository(run.info.artifact_uri, uri).delete_artifacts("probe.txt")
        except Exception as error:
            fix = f"artifacts go to {store.shown(run.info.artifact_uri)}: is it writable from here?"
            return Finding(what, False, f"runs yes, artifacts no: {retry.reason(error)}", fix)
    finally:
        client.set_terminated(run_id, "FINISHED")
        client.delete_run(run_id)
    return Finding(what, True, "a run, a metric and an artifact were written and deleted")


def _clocks(uri: str) -> Finding:
    if not uri.startswith("http"):
        return Finding("clocks", True, "the store is on this machine's clock")
    before = time.time()
    answer = _asked(uri, "/health")
    date = answer.headers.get("Date")
    if answer.status_code != 200 or date is None:
        return Finding("clocks", True, "the server does not tell its time")
    skew = parsedate_to_datetime(date).timestamp() + 0.5 - (before + time.time()) / 2
    fix = "let NTP set both clocks; points of several machines stand in the wrong order otherwise"
    return Finding("clocks", abs(skew) <= SKEW, f"the server's is {skew:+.0f} s", fix)


def _asked(uri: str, what: str) -> Response:
    """A server's answer, asked as MLflow asks: with its login, its token and its certificates."""
    return http_request(get_default_host_creds(uri), what, "GET", timeout=DEADLINE / 2, raise_on_status=False)  # type: ignore[no-any-return]


def _versions() -> Finding:
    found = {name: importlib.metadata.version(name) for name in NEEDED}
    old = [name for name, least in NEEDED.items() if _numbers(found[name]) < _numbers(least)]
    said = ", ".join([f"Python {sys.version.split()[0]}", *(f"{name} {version}" for name, version in found.items())])
    fix = "pip install -U " + " ".join(f"'{name}>={NEEDED[name]}'" for name in old)
    return Finding("versions", not old, said, fix)


def _server_version(uri: str) -> Finding:
    mine = importlib.metadata.version("mlflow")
    if not uri.startswith("http"):
        return Finding("server version", True, "no server")
    answer = _asked(uri, "/version")
    theirs = answer.text.strip()
    if answer.status_code != 200 or not theirs[:1].isdigit():
        return Finding("server version", True, f"the server does not tell, here {mine}")
    fine = _numbers(theirs)[:2] >= (3, 0)
    fix = "logged models need a server of MLflow 3: pip install -U mlflow there"
    return Finding("server version", fine, f"server {theirs}, here {mine}", fix)


def _spool() -> Finding:
    spool, wrong = Spool.chosen(), ""
    try:
        spool.ready()
    except OSError as error:
        wrong = f" cannot be written ({error.strerror or error}), so trainings use {Spool.temporary().root}"
    found = list(pending.items(*Spool.all()))
    left = [item for item in found if not item.delivered]
    stuck = [item for item in left if not item.up_to_date]
    lacking = [item for item in found if item.incomplete]
    said = f"{spool.root}{wrong}: {len(left)} runs not delivered, {len(left) - len(stuck)} of them in training"
    if lacking:
        said += (
            f"; {len(lacking)} incomplete: {', '.join((item.run_id or item.folder.key)[:8] for item in lacking[:5])}"
        )
    fix = "`tfmlflow sync` delivers them" if stuck else "`tfmlflow sync` names what is missing"
    if wrong:
        fix = f"set {VARIABLE} to a folder of yours on a local disk"
    return Finding("spool", not stuck and not lacking and not wrong, said, fix)


def _disk() -> Finding:
    root = Spool.chosen().root
    there = next(place for place in (root, *root.parents) if place.is_dir())  # it may not be made yet
    free = {str(place): shutil.disk_usage(place).free for place in (there, Path.cwd())}
    said = ", ".join(f"{place}: {size / 1e9:.1f} GB free" for place, size in free.items())
    return Finding("disk", min(free.values()) >= ROOM, said, "make room, or the records of a training have none")


def _gpu() -> Finding:
    program = shutil.which("nvidia-smi")
    if program is None:
        return Finding("GPU", True, "none (no NVIDIA driver); trainings use the CPU")
    done = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=DEADLINE / 2, check=False)
    names = [line.split(" (UUID")[0] for line in done.stdout.splitlines() if line.startswith("GPU")]
    built = _installed("nvidia-cudnn-cu12") or _installed("nvidia-cudnn-cu13")
    fix = "TensorFlow will not see it without CUDA's libraries: pip install 'tfmlflow[cuda]'"
    return Finding("GPU", not names or built, ", ".join(names) or "a driver, but no GPU", fix)


def _installed(name: str) -> bool:
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
