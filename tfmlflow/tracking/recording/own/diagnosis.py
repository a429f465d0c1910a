"""What is wrong with a training in somebody's own script, by its curves: its data are not ours to look at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.diagnosis.rules import RULES, Diagnosis, diagnose
from tfmlflow.tracking.recording.epochs import EpochRecorder
from tfmlflow.tracking.run.session import Session
from tfmlflow.tracking.store import names
from tfmlflow.vocabulary import File, Tag


def judge(epochs: EpochRecorder, described: Mapping[str, Any], reason: str) -> tuple[Diagnosis, Evidence]:
    """What the rules say of the epochs of a `fit`, and of what.

    Args:
        epochs: What they have reached.
        described: Its params, as of `description.of`.
        reason: Why it has ended.
    """
    trainer = described.get("trainer", {})
    evidence = Evidence(
        train=_curves(epochs, "train/"),
        validation=_curves(epochs, "val/"),
        planned=trainer.get("epochs"),
        reason=reason,
        rates=tuple(rate for _, rate in epochs.rates),
        batch_size=described.get("data", {}).get("batch_size"),
        loss=str(trainer.get("loss") or ""),
        weighted=trainer.get("class_weight") is not None,
    )
    return diagnose(evidence), evidence


def record(session: Session, said: Diagnosis, evidence: Evidence, folder: str = "") -> None:
    """Leave `diagnosis.json`, in `folder`, and the tag `tfmlflow.diagnosis` in the run."""
    content = {**said.as_dict(), "evidence": evidence.as_dict()}
    session.text(File.DIAGNOSIS, json.dumps(content, indent=1), folder)
    judged = f"{said.judged} of {len(RULES)} rules judged"
    session.tags({Tag.DIAGNOSIS: f"{said.sentence} ({judged})"[: names.LONGEST_TAG]})


def _curves(epochs: EpochRecorder, part: str) -> dict[str, tuple[float, ...]]:
    found = {name: points for name, points in epochs.history.items() if name.startswith(part)}
    return {name.removeprefix(part): tuple(value for _, value in points) for name, points in found.items()}
