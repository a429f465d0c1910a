"""What strategies of a sweep find with as many trials: grid, random, TPE, and TPE with ASHA, on a part of MNIST.

    python benchmarks/search.py --data mnist.npz --output docs

Every sweep is the command that a user types, in a fresh folder with a store of its own; the figures are read from that
store. The k-th repetition of each strategy has `seed=k sweep.seed=k`: other initial weights and another order of the
data, and other points where chance chooses them; the split of the data is the same in all. A pruned trial counts as a
trial, and not as a result. Two sweeps run at once, so nothing here is a time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from search_picture import Trial, best_so_far, draw

ROOT = Path(__file__).resolve().parents[1]
START, END = "<!-- search: start -->", "<!-- search: end -->"
TRIALS = 20
SPACE = ("optimizer.learning_rate=tag(log,interval(1e-4,1.0))", "model.dropout=interval(0.0,0.6)")
CELLS = (  # middles of 5 by 4 cells of the same space
    "optimizer.learning_rate=0.00025,0.0016,0.01,0.063,0.4",
    "model.dropout=0.075,0.225,0.375,0.525",
)
TPE = ("sweep=tpe", f"sweep.trials={TRIALS}", *SPACE)
ASHA = ("sweep.pruner=asha", "+sweep.pruner_options.min_resource=1", "+sweep.pruner_options.reduction_factor=3")
STRATEGIES: dict[str, tuple[str, ...]] = {
    "grid": ("sweep=grid", *CELLS),
    "random": ("sweep=random", f"sweep.trials={TRIALS}", *SPACE),
    "TPE": TPE,
    "TPE + ASHA": (*TPE, *ASHA),
}
COMMON = (
    "data.seed=0",
    "tracking.log_model=false",
    "tracking.checkpoint_every=null",
    "tracking.system_metrics=false",
    "trainer.progress=none",
)


def main() -> None:
    """Run the sweeps, draw the picture and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="MNIST as an npz file")
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="folder of results.md and images/search.png")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--examples", type=int, default=2000, help="for training")
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--kept", type=Path, help="JSON file of the trials; not run again if it is there")
    parser.add_argument("--at-once", type=int, default=2, help="sweeps")
    arguments = parser.parse_args()
    if arguments.kept and arguments.kept.exists():
        kept = json.loads(arguments.kept.read_text())
        sweeps = {name: [[Trial(**trial) for trial in trials] for trials in kept[name]] for name in STRATEGIES}
    else:
        sweeps = swept(arguments)
    if arguments.kept:
        arguments.kept.write_text(json.dumps(sweeps, default=asdict))
    (arguments.output / "images").mkdir(parents=True, exist_ok=True)
    draw(sweeps, arguments.output / "images" / "search.png")
    print(table(sweeps))
    write(arguments.output / "results.md", table(sweeps))


def swept(arguments: argparse.Namespace) -> dict[str, list[list[Trial]]]:
    """The trials of every strategy and repetition."""
    part = (f"data.limit={arguments.examples}", f"trainer.epochs={arguments.epochs}")
    tasks = [(strategy, seed) for seed in range(1, arguments.seeds + 1) for strategy in STRATEGIES]

    def one(task: tuple[str, int]) -> list[Trial]:
        strategy, seed = task
        found = sweep([*STRATEGIES[strategy], *part], seed, arguments.data.resolve())
        print(f"{strategy}, seed {seed}: {best_so_far(found)[-1]:.4f}, {epochs(found):.0f} epochs", flush=True)
        return found

    with ThreadPoolExecutor(arguments.at_once) as pool:
        results = list(pool.map(one, tasks))
    return {
        strategy: [found for (name, _), found in zip(tasks, results, strict=True) if name == strategy]
        for strategy in STRATEGIES
    }


def sweep(overrides: Sequence[str], seed: int, data: Path) -> list[Trial]:
    """The trials of one sweep, in their order."""
    with tempfile.TemporaryDirectory(prefix="tfmlflow-search-", ignore_cleanup_errors=True) as name:
        store = f"sqlite:///{Path(name) / 'mlflow.db'}"
        command = [sys.executable, str(ROOT / "train.py"), "-m", *overrides, "data=mnist", f"data.path={data}"]
        command += [f"seed={seed}", f"sweep.seed={seed}", f"tracking.uri={store}", *COMMON]
        environment = os.environ | {"TFMLFLOW_SPOOL": str(Path(name) / "spool"), "TF_CPP_MIN_LOG_LEVEL": "2"}
        done = subprocess.run(command, cwd=name, env=environment, capture_output=True, text=True)
        if done.returncode not in (0, 1):  # 1: a training has failed, which is a trial that has found nothing
            raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
        found = read(store)
    if len(found) != TRIALS:
        raise SystemExit(f"{' '.join(command)}: {len(found)} runs in the store, not {TRIALS}\n{done.stdout[-3000:]}")
    return found


def read(store: str) -> list[Trial]:
    """The trials of the only sweep in a store."""
    from mlflow import MlflowClient

    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("mnist")
    runs = [
        run for run in client.search_runs([experiment.experiment_id], max_results=1000)
        if "hydra.job.num" in run.data.tags
    ]  # fmt: skip
    found = []
    for run in sorted(runs, key=lambda run: int(run.data.tags["hydra.job.num"])):
        counts = run.info.status == "FINISHED" and run.data.tags["tfmlflow.end_reason"] != "pruned"
        found.append(
            Trial(
                value=run.data.metrics["best/loss"] if counts else None,
                test=run.data.metrics.get("test/accuracy"),
                epochs=len(client.get_metric_history(run.info.run_id, "train/loss")),
            )
        )
    return found


def table(sweeps: dict[str, list[list[Trial]]]) -> str:
    """One line a strategy, as Markdown: medians, with the least and the most of the repetitions."""
    half = TRIALS // 2
    reference = statistics.median(epochs(trials) for trials in sweeps["TPE"])
    lines = [
        f"| strategy | best val/loss after {half} trials | after {TRIALS} trials | test accuracy of that one, % "
        "| epochs trained | fewer than TPE |",
        "|---|---|---|---|---|---|",
    ]
    for strategy, repetitions in sweeps.items():
        cells = [
            spread(repetitions, lambda trials: best_so_far(trials)[half - 1], ".4f"),
            spread(repetitions, lambda trials: best_so_far(trials)[-1], ".4f"),
            spread(repetitions, lambda trials: 100 * tested(trials), ".2f"),
            spread(repetitions, epochs, ".0f"),
            f"{100 * (1 - statistics.median(map(epochs, repetitions)) / reference):.0f} %",
        ]
        lines.append(f"| {strategy} | {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(repetitions: list[list[Trial]], figure: Callable[[list[Trial]], float], digits: str) -> str:
    """`median (least to most)` of a figure of each repetition."""
    values = [figure(trials) for trials in repetitions]
    middle, least, most = (f"{value:{digits}}" for value in (statistics.median(values), min(values), max(values)))
    return middle if least == most else f"{middle} ({least} to {most})"


def epochs(trials: list[Trial]) -> float:
    """Epochs trained in all."""
    return float(sum(trial.epochs for trial in trials))


def tested(trials: list[Trial]) -> float:
    """Test accuracy of the trial with the best validation loss."""
    best = min((trial for trial in trials if trial.value is not None), key=lambda trial: trial.value or 0.0)
    return best.test or 0.0


def write(file: Path, content: str) -> None:
    """Put the table between its marks in the page, or at its end."""
    page = file.read_text(encoding="utf-8") if file.exists() else ""
    before, _, rest = page.partition(START)
    file.write_text(f"{before}{START}\n{content}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
