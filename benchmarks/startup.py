"""How long a command takes to answer before any training, against a bare Hydra app with the same option files.

    python benchmarks/startup.py --runs 11

The peer is what Hydra itself costs: `hydra.main` around an empty function, with a copy of `conf/` that keeps every
group and option file and drops what we tell Hydra to do differently (help, logging, sweeper). The two take turns, so
that a busy machine slows both; the last column, the least processor time, hardly depends on what else runs. Exit code 1
when a median wall time is more than `--limit` times the peer's.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMANDS: dict[str, tuple[list[str], int, int]] = {  # arguments, our exit code, the peer's
    "--help": (["--help"], 0, 0),
    "--cfg job": (["--cfg", "job"], 0, 0),
    "a wrong override": (["optimizer.lerning_rate=0.1"], 2, 1),
}
BARE = """\
import sys

sys.path = [folder for folder in sys.path if folder != {root!r}]  # without our Hydra plugin

import hydra
from omegaconf import DictConfig


@hydra.main(config_path="conf", config_name="config", version_base="1.3")
def main(cfg: DictConfig) -> None:
    pass


if __name__ == "__main__":
    main()
"""


@dataclass(frozen=True)
class Taken:
    """What one process took, seconds."""

    wall: float
    processor: float


@dataclass(frozen=True)
class Row:
    """What a command took, each time it was run.

    Attributes:
        name: Of the command.
        ours, bare: Ours and the peer's, in the order of the runs.
    """

    name: str
    ours: list[Taken]
    bare: list[Taken]

    @property
    def ratio(self) -> float:
        """Our median wall time over the peer's."""
        ours, bare = (statistics.median(taken.wall for taken in side) for side in (self.ours, self.bare))
        return ours / bare

    @property
    def processor_ratio(self) -> float:
        """Our least processor time over the peer's."""
        ours, bare = (min(taken.processor for taken in side) for side in (self.ours, self.bare))
        return ours / bare


def main() -> int:
    """Measure, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=11, help="of each command and app, after one that is not counted")
    parser.add_argument("--limit", type=float, default=1.5, help="largest ratio that is good enough")
    arguments = parser.parse_args()
    if arguments.runs < 7:
        parser.error("--runs: at least 7, for a median that means something")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = write_bare_app(folder / "bare")
        if output(ROOT / "train.py", ["--cfg", "job"], 0, folder) != output(bare, ["--cfg", "job"], 0, folder):
            sys.exit("the bare app composes another config, so its time says nothing about ours")
        rows = [measured(command, bare, folder, arguments.runs) for command in COMMANDS]
    print(table(rows))
    return int(any(row.ratio > arguments.limit for row in rows))


def write_bare_app(folder: Path) -> Path:
    """The peer: our option files, and nothing else of ours."""
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("hydra"))
    config = folder / "conf" / "config.yaml"
    lines = config.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("  - override hydra/")]
    if "hydra:" in kept:
        start = kept.index("hydra:")
        end = next((i for i in range(start + 1, len(kept)) if kept[i] and not kept[i][0].isspace()), len(kept))
        del kept[start:end]
    config.write_text("\n".join(kept) + "\n", encoding="utf-8")
    app = folder / "app.py"
    app.write_text(BARE.format(root=str(ROOT)), encoding="utf-8")
    return app


def measured(name: str, bare: Path, folder: Path, runs: int) -> Row:
    """Run a command with both apps in turn; the first time, which fills the caches, is not counted."""
    arguments, our_code, bare_code = COMMANDS[name]
    row = Row(name, [], [])
    for run in range(runs + 1):
        ours = taken(ROOT / "train.py", arguments, our_code, folder)
        theirs = taken(bare, arguments, bare_code, folder)
        if run:
            row.ours.append(ours)
            row.bare.append(theirs)
    return row


def taken(app: Path, arguments: list[str], code: int, folder: Path) -> Taken:
    """What one process takes, which must end with exit code `code`."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    output(app, arguments, code, folder)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Taken(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def output(app: Path, arguments: list[str], code: int, folder: Path) -> str:
    """What one process prints."""
    done = subprocess.run([sys.executable, str(app), *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode != code:
        sys.exit(f"{app} {' '.join(arguments)}: exit code {done.returncode}, not {code}\n{done.stderr}")
    return done.stdout


def table(rows: list[Row]) -> str:
    """The rows as Markdown, seconds."""
    lines = [
        "| command | ours: median (min to max), s | bare Hydra: median (min to max), s | ratio | of processor time |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        walls = ([taken.wall for taken in side] for side in (row.ours, row.bare))
        ours, bare = (f"{statistics.median(wall):.3f} ({min(wall):.3f} to {max(wall):.3f})" for wall in walls)
        lines.append(f"| {row.name} | {ours} | {bare} | {row.ratio:.2f} | {row.processor_ratio:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
