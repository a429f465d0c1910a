"""What `tfmlflow profile` says of trainings with a planted bottleneck, and of healthy ones.

    python benchmarks/bottlenecks.py --output docs

Each set-up is the command that a user types, in a fresh folder with a store of its own; what is planted is in
planted.py.
Thresholds were chosen on the set-ups of `--tuning`, which have other sizes; those that count are the others.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COMMON = (
    "optimizer.learning_rate=0.0001",
    "tracking.system_metrics=false",
    "tracking.diff=false",
    "hardware=cpu",
    "profile.seconds=6",
)
HEALTHY = "healthy"
CNN, SMALL_CNN = ("model=cnn",), ("model=cnn", "model.filters=[4]", "model.dense_units=[]")
SMALL_MLP = ("model=mlp", "model.units=[16]")


@dataclass(frozen=True)
class SetUp:
    """A training.

    Attributes:
        name: What is planted.
        bound: What it is bound by.
        words: Of the command.
    """

    name: str
    bound: str
    words: tuple[str, ...]


def data(loader: str, **named: Any) -> tuple[str, ...]:
    return ("data=custom", f"data._target_=planted.{loader}", *(f"+data.{k}={v}" for k, v in named.items()))


def set_ups(tuning: bool) -> list[SetUp]:
    """All of them; for tuning in other sizes."""
    side, epochs, examples = (24, 40, 3000) if tuning else (28, 50, 4000)
    long = (f"trainer.epochs={epochs}",)
    pictures = data("pictures", side=side, examples=examples)
    rows = data("table", examples=examples, columns=24 if tuning else 32)
    busy = 15.0 if tuning else 25.0

    def callback(each: str, milliseconds: float) -> tuple[str, ...]:
        given = f"+schedule.milliseconds={milliseconds}", f"+schedule.each={each}"
        return ("schedule=constant", "schedule._target_=planted.watched", *given)

    scales = ("augment._target_=planted.other_shapes", f"+augment.most={56 if tuning else 64}")
    any_size = ("model=custom", "model._target_=planted.any_size", *scales, "trainer.jit_compile=true")
    layers = 16 if tuning else 20
    deep = ("model=mlp", f"model.units=[{','.join(['32'] * layers)}]", "trainer.jit_compile=true", "trainer.epochs=2")
    plain, tuned = ("trainer.jit_compile=false",), ("trainer.jit_compile=true",)
    one_a_call, wide = "trainer.steps_per_execution=1", ("model=mlp", "model.units=[1024,1024]")
    many_threads = ("hardware.intra_op_threads=64", "hardware.inter_op_threads=64")
    noted = ("tracking.checkpoint_every='1 steps'",)
    large = data("pictures", side=2 * side, examples=examples)
    held = data("pictures", side=side, examples=examples, held=0.8)
    small = (*pictures, *SMALL_CNN)
    table: dict[str, tuple[str, tuple[str, ...]]] = {
        "slow decoding": ("input", (*data("slowly_decoded", side=side, examples=examples), *SMALL_CNN, *long)),
        "slow disk": ("input", (*data("slow_disk", side=side, examples=examples), *SMALL_CNN, *long)),
        "heavy augmentation": ("input", (*large, "augment=photo", *SMALL_MLP, *long)),
        "tiny batches": ("overhead", (*rows, *SMALL_MLP, f"data.batch_size={4 if tuning else 2}", *long)),
        "one step a call": ("overhead", (*rows, *SMALL_MLP, one_a_call, *plain, *long)),
        "callback in Python": ("callback", (*small, *callback("epoch", 40 * busy), *long)),
        "recompiling shapes": ("compile", (*data("pictures", side=side, examples=1000), *any_size, *long)),
        "compiling a short training": ("compile", (*rows, *deep)),
        "XLA where it hurts": ("compute", (*pictures, *CNN, "trainer.jit_compile=true", *long)),
        "too many threads": ("compute", (*pictures, *CNN, *many_threads, *long)),
        "checkpoint at each step": ("tracking", (*rows, *wide, *noted, *long)),
        "large validation set": ("evaluation", (*held, *CNN, *long)),
        "CNN": (HEALTHY, (*pictures, *CNN, *long)),
        "CNN, augmented": (HEALTHY, (*pictures, *CNN, "augment=light", *long)),
        "CNN, decoded quickly": (HEALTHY, (*data("quickly_decoded", side=side, examples=examples), *CNN, *long)),
        "MLP, wide": (HEALTHY, (*rows, *wide, "data.batch_size=128", *tuned, *long)),
        "LSTM": (HEALTHY, (*data("sequences", examples=examples), "model=lstm", "model.units=[64]", *tuned, *long)),
        "ResNet": (HEALTHY, (*pictures, "model=resnet", "model.filters=[16,32]", *long)),
    }
    return [SetUp(name, bound, words) for name, (bound, words) in table.items()]


@dataclass(frozen=True)
class Outcome:
    """What was said of a set-up."""

    set_up: SetUp
    bound: str
    sentence: str
    predicted: float | None
    realised: float | None
    shares: dict[str, float]

    @property
    def right(self) -> bool:
        return self.bound == self.set_up.bound


def profile(set_up: SetUp, tried: bool, kept: Path | None) -> Outcome:
    """What the command says, typed in an empty folder, or what it has said before."""
    file = None if kept is None else kept / f"{set_up.name}.json".replace(" ", "_")
    if file is not None and file.exists():
        return outcome(set_up, json.loads(file.read_text()))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # a shipper may still be at work there
        path = os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")])
        environment = os.environ | {"PYTHONPATH": path, "TFMLFLOW_SPOOL": f"{folder}/spool", "COLUMNS": "120"}
        words = [*COMMON, *set_up.words, f"hydra.run.dir={folder}/job", "--steps", "60", *(["--try"] if tried else [])]
        command = [sys.executable, "-m", "tfmlflow", "profile", *words]
        began = time.monotonic()
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return Outcome(set_up, "failed", (done.stderr.strip().splitlines() or [""])[-1], None, None, {})
        said, again = read(Path(folder, "job")), Path(folder, "job", "tried")
        said["realised"] = said["whole"] / read(again)["whole"] if (again / "profile").is_dir() else None
    print(f"{set_up.name}: {said['verdict']}  [{time.monotonic() - began:.0f} s]", file=sys.stderr, flush=True)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(said, indent=1))
    return outcome(set_up, said)


def outcome(set_up: SetUp, said: dict[str, Any]) -> Outcome:
    gain = said["findings"][0]["gain"] if said["findings"] else None
    shares = {name: seconds / said["whole"] for name, seconds in said["parts"].items()}
    return Outcome(set_up, said["bound"], said["verdict"], gain, said.get("realised"), shares)


def read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "profile" / "profile.json").read_text())
    return found


def table(outcomes: list[Outcome]) -> str:
    """As Markdown."""
    heads = ("set-up", "planted", "found", "predicted", "realised", "the largest shares", "verdict")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for one in outcomes:
        largest = sorted(one.shares.items(), key=lambda share: -share[1])[:3]
        shares = ", ".join(f"{name} {share:.0%}" for name, share in largest)
        found = one.bound if one.right else f"**{one.bound}**"
        gains = " | ".join("" if gain is None else f"{gain:.2f}" for gain in (one.predicted, one.realised))
        lines.append(f"| {one.set_up.name} | {one.set_up.bound} | {found} | {gains} | {shares} | {one.sentence} |")
    return "\n".join(lines)


def hits(outcomes: list[Outcome]) -> str:
    planted = [one for one in outcomes if one.set_up.bound != HEALTHY]
    healthy = [one for one in outcomes if one.set_up.bound == HEALTHY]
    return (
        f"{sum(one.right for one in planted)} of {len(planted)} planted bottlenecks are called by their class; "
        f"{sum(one.right for one in healthy)} of {len(healthy)} healthy set-ups get no advice."
    )


def write(folder: Path, outcomes: list[Outcome]) -> None:
    """Between the marks of profile.md."""
    file, start, end = folder / "profile.md", "<!-- bottlenecks: start -->", "<!-- bottlenecks: end -->"
    before, _, rest = file.read_text(encoding="utf-8").partition(start)
    _, _, after = rest.partition(end)
    file.write_text(f"{before}{start}\n{hits(outcomes)}\n\n{table(outcomes)}\n{end}{after}", encoding="utf-8")


def main() -> int:
    """Profile all, print, and return 1 if more than one planted is not found, or a healthy one is advised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="folder of profile.md")
    parser.add_argument("--tuning", action="store_true", help="the set-ups that thresholds were chosen on")
    parser.add_argument("--try", dest="tried", action="store_true", help="take the advice, too")
    parser.add_argument("--only", nargs="*", help="parts of names")
    parser.add_argument("--kept", type=Path, help="folder of what was said; what is there is not run again")
    arguments = parser.parse_args()
    parts = arguments.only or [""]
    chosen = [one for one in set_ups(arguments.tuning) if any(part in one.name for part in parts)]
    outcomes = [profile(one, arguments.tried, arguments.kept) for one in chosen]
    print(table(outcomes))
    print(hits(outcomes))
    if arguments.output is not None:
        write(arguments.output, outcomes)
    wrong = [one for one in outcomes if not one.right]
    return int(len(wrong) > 1 or any(one.set_up.bound == HEALTHY for one in wrong))


if __name__ == "__main__":
    sys.exit(main())
