"""The advice of a diagnosis, taken: the same training with it, as a child of the run, and whether that has helped."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from rich.console import Console

from tfmlflow.analysis import diagnosed
from tfmlflow.analysis.runs import reading
from tfmlflow.analysis.runs.reached import Reached, choose, reached
from tfmlflow.analysis.runs.stored_run import StoredRun
from tfmlflow.analysis.wording import number
from tfmlflow.diagnosis.rules import Diagnosis, diagnose
from tfmlflow.errors import UsageError
from tfmlflow.job.job import ADOPT, OUTPUT, PARENT
from tfmlflow.job.report import JobReport
from tfmlflow.masking import MASK
from tfmlflow.objective import Objective
from tfmlflow.profile import again
from tfmlflow.vocabulary import Tag

OVERRIDES = "config/overrides.yaml"
STORE, EXPERIMENT = "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"  # a login stands in no command line
ELSEWHERE = ("tracking.uri=", "tracking.experiment=", "hydra.run.dir=")
CALLS = re.compile(r"_target_|^[+~]*hydra[./]|\btrust=|\$\{")


def take(console: Console, client: MlflowClient, run: StoredRun, said: Diagnosis, uri: str) -> int:
    """Train with the first advice, and say what came of it.

    Returns:
        0, or 1 if the training has failed.

    Raises:
        UsageError: The run cannot be repeated from what it holds.
    """
    finding = next((one for one in said.findings if one.advice), None)
    if finding is None:
        console.print("nothing to try: no setting was advised")
        return 0
    advice = finding.advice[0]
    words = _overrides(client, run)
    words = again.last([*(word for word in words if not word.startswith(ELSEWHERE)), *advice.split(" ")])
    console.print(f"\ntrying {advice}", soft_wrap=True)
    folder = Path("outputs", f"{datetime.now():%Y-%m-%d}", f"{datetime.now():%H-%M-%S-%f}").resolve()
    kept = {key: value for key, value in os.environ.items() if key not in (ADOPT, "MLFLOW_RUN_ID")}
    told = {STORE: uri, EXPERIMENT: run.experiment, OUTPUT: str(folder), PARENT: run.run_id}
    code = _trained([sys.executable, "-m", "tfmlflow", "train", *words], kept | told)
    report = JobReport.read(folder)
    if code < 0 or code >= 128:
        return 128 - code if code < 0 else code
    if report is None or report.run_id is None or not report.in_store:
        console.print("error: the advised training has left no run", style="red")
        return 1
    (child,) = reading.read(client, ids=[report.run_id])
    client.set_tag(child.run_id, Tag.ADVICE, advice)
    if code:
        why = child.error or child.reason or f"exit code {code}"
        console.print(f"error: the advised training failed: {why}", style="red", soft_wrap=True)
        console.print(f"run   {child.name}  {child.run_id}, a child of {run.run_id[:8]}", soft_wrap=True)
        return 1
    _compare(console, client, run, child, finding.rule)
    return 0


def _trained(command: list[str], environment: dict[str, str]) -> int:
    """The exit code of a training, which is waited for, also after Ctrl-C and SIGTERM: it ends its run itself.

    It has a session of its own, so that a Ctrl-C at the terminal reaches it by this process alone, and once. What is
    ignored here, as SIGHUP under `nohup`, stays so.
    """
    begun: list[subprocess.Popen[bytes]] = []
    came: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        came.append(number)
        for process in begun:
            process.send_signal(number)

    heard = [one for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) != signal.SIG_IGN]
    before = {one: signal.signal(one, pass_on) for one in heard}
    try:
        begun.append(subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True))
        for number in list(came):
            begun[0].send_signal(number)
        code = begun[0].wait()
        return 128 + came[0] if came and code == 1 else code  # Python itself was told, before it could say so
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _overrides(client: MlflowClient, run: StoredRun) -> list[str]:
    """Of the run's command."""
    from yaml import YAMLError, safe_load

    if not run.ours:
        raise UsageError(f"--try: {run.run_id} is no run of `tfmlflow train`, so there is no command to repeat")
    with tempfile.TemporaryDirectory() as folder:
        try:
            text = Path(client.download_artifacts(run.run_id, OVERRIDES, folder)).read_text(encoding="utf-8")
            words = [str(one) for one in safe_load(text) or []]
        except (MlflowException, OSError, YAMLError) as error:
            raise UsageError(f"--try: {run.run_id} holds no {OVERRIDES}: {str(error).splitlines()[0]}") from None
    if calls := [word for word in words if CALLS.search(word)]:
        raise UsageError(
            f"--try: {', '.join(calls)}: names what is called or looked up, out of the store; train again by hand, "
            "with the advice"
        )
    if secret := [word.partition("=")[0] for word in words if MASK in word]:
        raise UsageError(f"--try: {', '.join(secret)}: is masked in the run; train again by hand with the advice")
    return words


def _compare(console: Console, client: MlflowClient, run: StoredRun, child: StoredRun, rule: str) -> None:
    objective = choose([run])
    both = reached(client, [run, child], objective)
    before, after = both[run.run_id], both[child.run_id]
    seeds = [one.params.get("seed", "?") for one in (run, child)]
    same = f"seed {seeds[0]} both" if seeds[0] == seeds[1] else f"seeds {seeds[0]} and {seeds[1]}"
    console.print(
        f"{objective.metric} {number(before.value)} before, {number(after.value)} with the advice: "
        f"{_verdict(objective, before, after)} ({same}; one training each, so chance may have a part)",
        soft_wrap=True,
    )
    try:
        found = {one.rule for one in diagnose(diagnosed.read(client, child).evidence).findings}
    except UsageError:  # it ended before its first epoch
        return
    name = rule.replace("_", " ")
    console.print(f"{name}: {'still there' if rule in found else 'gone'}")
    console.print(f"run   {child.name}  {child.run_id}, a child of {run.run_id[:8]}", soft_wrap=True)
    console.print(f"      tfmlflow compare {shlex.join([run.run_id[:8], child.run_id[:8]])}")


def _verdict(objective: Objective, before: Reached, after: Reached) -> str:
    if after.value is None:
        return "it did not help" if before.value is not None else "neither was a number"
    if before.value is None or objective.better(after.value, before.value):
        return "it helped"
    return "no difference" if after.value == before.value else "it did not help"
