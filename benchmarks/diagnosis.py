"""Precision and recall of the diagnosis, by rule, on trainings with planted faults and healthy ones.

    python benchmarks/diagnosis.py --mnist mnist.npz --cache runs.jsonl --output docs/diagnosis.md
    python benchmarks/diagnosis.py --tuning --cache tuning.jsonl        # the runs that thresholds are chosen on

Each training is forked from a process that has loaded TensorFlow; what is seen of it is appended to the cache, so that
rules can be scored again without training, and a run that was cut short goes on. Beside ours stand the thresholds that
AUTOTRAINER and SageMaker Debugger publish, on the same runs (peer_rules.py).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import peer_rules
import planted_faults as planted
import short_training
import tensorflow as tf

from tfmlflow.data.pipeline import Pipeline
from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.diagnosis.rules import NAMES, diagnose
from tfmlflow.probe.probe import Probe
from tfmlflow.probe.sample import drawn

KINDS = ("mlp", "cnn", "rnn")
HEALTHY = "healthy"
LOOKS = 5  # of the peers, spread over the epochs
MARKS = "<!-- diagnosis: start -->", "<!-- diagnosis: end -->"


class Looks(keras.callbacks.Callback):
    """What the peers' rules look at."""

    def __init__(self, sample: Any) -> None:
        super().__init__()
        self.peers: dict[str, Any] = {"epochs": []}
        self._sample = sample

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Looks, in some of the epochs."""
        if epoch % max(1, self.params["epochs"] // LOOKS) == 0:
            self.peers["epochs"].append({"epoch": epoch + 1, **peer_rules.look(self.model, self._sample)})


def run(fault: str, kind: str, number: int, tuning: bool) -> dict[str, Any]:
    """One training; what was seen of it."""
    began = time.process_time()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(number)
    found = planted.FAULTS.get(fault)
    if fault == HEALTHY and kind == "mlp" and not tuning and number % 3 == 2:
        data = planted.regressions(number // 3)
    else:
        data = (planted.tuning_data if tuning else planted.scored_data)(kind, number)
    classes = ("class imbalance", "logits as probabilities", "probabilities as logits", "labels shuffled")
    if data.task == "regression" and fault in classes:
        data = planted.tuning_data(kind, number - 1)
    plan = planted.Plan(rate=0.002 if kind == "rnn" else 0.003)
    if fault == HEALTHY:  # what people do: another rate, batch and width each; half of them stop early
        plan = planted.Plan(
            epochs=(30, 60)[number % 2],
            patience=(None, 5)[number % 2],
            rate=(0.001, 0.003, 0.002)[number % 3] * (2 if kind == "rnn" else 1),
            batch=(16, 32, 64)[number // 2 % 3],
            model={"width": (32, 64)[number % 2], "activation": ("relu", "relu", "tanh")[number // 3 % 3], "l2": 1e-4},
        )
    if len(data.train) < 400:  # as many steps as the others
        plan = planted.replace(plan, epochs=min(60, 2 * plan.epochs), batch=16)
    if found is not None:
        plan = found.plan(plan)
    if plan.change is not None:
        data = plan.change(data, number)
    pipeline = Pipeline(data.train, plan.batch, number, None, classes=data.classes if data.task == "multiclass" else 0)
    model = planted.build(data, kind, tuning, **plan.model)
    optimizer: Any = keras.optimizers.Adam(plan.rate)
    if plan.momentum is not None:
        optimizer = keras.optimizers.SGD(plan.rate, momentum=plan.momentum)
    probe = Probe(data, pipeline, {"trainer": {"epochs": plan.epochs, "class_weight": None}}, seconds=60)
    looks = Looks(drawn(data.train, 64))
    decay = [keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * (plan.decay if epoch else 1.0))]
    reason, losses = short_training.train(
        *(model, optimizer, data, planted.loss(data, plan.loss), plan.epochs, plan.batch, number, plan.patience),
        [*(decay if plan.decay != 1.0 else []), probe, looks],
    )
    probe.single_steps = lambda: np.asarray(losses)
    return {
        "fault": fault,
        "kind": kind,
        "number": number,
        "data": data.name,
        "evidence": probe.evidence(reason=reason).as_dict(),
        "peers": looks.peers,
        "spent": round(probe.spent, 3),
        "seconds": round(time.process_time() - began, 2),
    }


def forked(*which: Any) -> dict[str, Any] | None:
    """The same in a process of its own."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            text = json.dumps(run(*which))
        except Exception as error:
            text = json.dumps({"error": f"{type(error).__name__}: {error}", "which": which})
        with os.fdopen(write, "w") as stream:
            stream.write(text)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else None


def wanted(tuning: bool, healthy: int, seeds: int, first: int) -> Iterator[tuple[str, str, int, bool]]:
    begin = 100 if tuning else first
    each = healthy // max(1, seeds) // 3 * 3  # so that what is done when this is cut short is all of some seeds
    for number in range(seeds):
        last = healthy if number == seeds - 1 else (number + 1) * each
        for place in range(number * each, last):
            yield HEALTHY, KINDS[place % 3], place // 3 + (100 if tuning else 4 * first), tuning
        for fault in planted.FAULTS:
            for kind in KINDS:
                yield fault, kind, begin + number, tuning


def collect(cache: Path, which: Sequence[tuple[str, str, int, bool]]) -> list[dict[str, Any]]:
    """All runs, those that the cache has not trained now."""
    runs = {}
    if cache.exists():
        for line in cache.read_text().splitlines():
            said = json.loads(line)
            if "error" not in said:
                runs[said["fault"], said["kind"], said["number"]] = said
    began = time.monotonic()
    for place, one in enumerate(which):
        if one[:3] in runs:
            continue
        said = forked(*one)
        if said is None or "error" in said:
            print(f"{one}: {said}", file=sys.stderr, flush=True)
            continue
        runs[one[:3]] = said
        with cache.open("a") as stream:
            stream.write(json.dumps(said) + "\n")
        if place % 20 == 0:
            print(f"{place + 1}/{len(which)}  {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return [runs[one[:3]] for one in which if one[:3] in runs]


class Score:
    """Of one rule, or of one peer's."""

    def __init__(self) -> None:
        self.right = self.planted = self.wrong = 0
        self.at: dict[str, int] = defaultdict(int)

    def add(self, rule: str, fault: str, spoke: bool) -> None:
        known = planted.FAULTS.get(fault)
        if known is not None and known.rule == rule:
            self.planted += 1
            self.right += spoke
        elif spoke and (known is None or rule not in known.also):
            self.wrong += 1
            self.at[fault] += 1

    @property
    def recall(self) -> float | None:
        return self.right / self.planted if self.planted else None

    @property
    def precision(self) -> float | None:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None


def score(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, Score]]:
    found: dict[str, dict[str, Score]] = {name: defaultdict(Score) for name in ("ours", *peer_rules.PEERS)}
    for one in runs:
        said = {"ours": {finding.rule for finding in diagnose(Evidence.of(one["evidence"])).findings}}
        said |= {name: judge(one) for name, judge in peer_rules.PEERS.items()}
        rules = {"ours": NAMES, **peer_rules.RULES}
        for name, spoken in said.items():
            for rule in rules[name]:
                found[name][rule].add(rule, one["fault"], rule in spoken)
    return found


def cell(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def table(runs: Sequence[dict[str, Any]]) -> str:
    scores = score(runs)
    healthy = [one for one in runs if one["fault"] == HEALTHY]
    faulty = [one for one in runs if one["fault"] != HEALTHY]
    clean = {"ours": sum(not diagnose(Evidence.of(one["evidence"])).findings for one in healthy)}
    clean |= {name: sum(not judge(one) for one in healthy) for name, judge in peer_rules.PEERS.items()}
    first = [diagnose(Evidence.of(one["evidence"])).findings[:1] for one in faulty]
    hit = sum(bool(f) and f[0].rule == planted.FAULTS[o["fault"]].rule for f, o in zip(first, faulty, strict=True))
    any_hit = sum(
        planted.FAULTS[one["fault"]].rule in {f.rule for f in diagnose(Evidence.of(one["evidence"])).findings}
        for one in faulty
    )
    lines = [
        f"{len(faulty)} trainings with a planted fault, {len(healthy)} healthy ones. The planted fault is among the "
        f"findings in {any_hit} of {len(faulty)} ({any_hit / max(1, len(faulty)):.0%}), and the first of them in {hit} "
        f"({hit / max(1, len(faulty)):.0%}). Of the healthy ones, {clean['ours']} of {len(healthy)} have no finding; "
        + ", ".join(f"by {name} {clean[name]}" for name in peer_rules.PEERS)
        + ".",
        "",
        "| rule | planted | recall | precision | false alarms | "
        + " | ".join(f"{n}: recall, precision" for n in peer_rules.PEERS)
        + " |",
        "|---|---:|---:|---:|---|" + "---|" * len(peer_rules.PEERS),
    ]
    total: dict[str, Score] = {name: Score() for name in scores}
    for rule in NAMES:
        mine = scores["ours"][rule]
        cells = []
        for name in scores:
            one = scores[name].get(rule)
            if one is not None and one.planted:
                for key in ("right", "planted", "wrong"):
                    setattr(total[name], key, getattr(total[name], key) + getattr(one, key))
            if name != "ours":
                cells.append("" if one is None else f"{cell(one.recall)}, {cell(one.precision) or '-'}")
        at = ", ".join(f"{fault} {count}" for fault, count in sorted(mine.at.items(), key=lambda i: -i[1]))
        if mine.planted:
            lines.append(
                f"| {rule} | {mine.planted} | {cell(mine.recall)} | {cell(mine.precision)} | {at} | "
                f"{' | '.join(cells)} |"
            )
    said = [f"**{cell(total[name].recall)}, {cell(total[name].precision)}**" for name in peer_rules.PEERS]
    lines.append(
        f"| **all** | {total['ours'].planted} | **{cell(total['ours'].recall)}** | "
        f"**{cell(total['ours'].precision)}** | {total['ours'].wrong} | {' | '.join(said)} |"
    )
    return "\n".join(lines)


def explain(runs: Sequence[dict[str, Any]]) -> None:
    """Every run that is judged otherwise than planted."""
    for one in runs:
        said = diagnose(Evidence.of(one["evidence"]))
        spoken = {finding.rule: finding for finding in said.findings}
        known = planted.FAULTS.get(one["fault"])
        label = f"{one['fault']} {one['kind']} {one['number']} {one['data']}"
        if known is not None and known.rule not in spoken:
            why = said.not_judged.get(known.rule, "")
            print(f"MISSED {label}: said {', '.join(spoken) or 'nothing'} {why}")
        for rule, finding in spoken.items():
            if known is None or (rule != known.rule and rule not in known.also):
                print(f"WRONG  {label}: {rule}: {finding.sentence}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, required="--tuning" not in sys.argv)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--tuning", action="store_true")
    parser.add_argument("--healthy", type=int, default=60)
    parser.add_argument("--kinds", nargs="+", default=KINDS)
    parser.add_argument("--faults", nargs="+", default=[HEALTHY, *planted.FAULTS])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--first", type=int, default=0, help="seed, so that others can be taken once rules were changed"
    )
    parser.add_argument("--score", action="store_true", help="what the cache has, without training")
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--output", type=Path, help="a page with the marks of a table")
    given = parser.parse_args()
    planted.MNIST[:] = [given.mnist] if given.mnist else []
    which = [
        one
        for one in wanted(given.tuning, given.healthy, given.seeds, given.first)
        if one[1] in given.kinds and one[0] in given.faults
    ]
    if given.score:
        cached = {tuple(json.loads(line).get(k) for k in ("fault", "kind", "number")) for line in given.cache.open()}
        which = [one for one in which if one[:3] in cached]
    runs = collect(given.cache, which)
    if given.explain:
        explain(runs)
    said = table(runs)
    print(said)
    if given.output:
        text = given.output.read_text(encoding="utf-8")
        before, after = text.split(MARKS[0])[0], text.split(MARKS[1])[1]
        given.output.write_text(f"{before}{MARKS[0]}\n{said}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    tf.get_logger().setLevel("ERROR")
    main()
