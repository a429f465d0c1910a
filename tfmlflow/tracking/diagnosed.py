"""The diagnosis of a run: what is collected while it trains, judged and recorded at its end.

Whatever goes wrong in here is a warning: a training that went well must not fail for it.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from tfmlflow.data.pipeline import Pipeline
from tfmlflow.data.record import Data
from tfmlflow.diagnosis.rules import RULES, diagnose
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.masking import masked
from tfmlflow.probe.probe import Probe
from tfmlflow.tracking.run.session import Session
from tfmlflow.tracking.store import names
from tfmlflow.vocabulary import File, Tag

log = logging.getLogger(__name__)

RANGE_TEST = "tfmlflow.trainer.lr_range"  # its losses are to diverge
KEPT = ("model", "optimizer", "schedule", "trainer", "augment", "data.batch_size", "data.cache", "data.limit")


class RunDiagnosis:
    """Of one run.

    Args:
        settings: Its whole config.
        data: What it is trained on.
        runtime: Where. Of several devices and processes, only the curves are judged.

    Attributes:
        callbacks: Those that collect; none before `watch`.
        said: A line for people; empty if there is nothing to object.
        findings: What was found, once it is concluded, as in `diagnosis.json`.
    """

    def __init__(self, settings: Mapping[str, Any], data: Data, runtime: Runtime) -> None:
        self.callbacks: Sequence[keras.callbacks.Callback] = ()
        self.said = ""
        self._settings, self._data = settings, data
        self._probe: Probe | None = None
        self.findings: Sequence[Mapping[str, Any]] = ()
        self._looks = runtime.replicas == 1 and runtime.processes == 1 and runtime.coordinator is None

    def watch(self, pipeline: Pipeline) -> None:
        """Collect from now on; nothing of a profile, a range test and a compression, which are no whole training."""
        whole = "profile" not in self._settings and self._settings.get("compress", {}).get("name", "none") == "none"
        if whole and self._settings["trainer"].get("_target_") != RANGE_TEST:
            self._probe = Probe(self._data, pipeline, self._settings, looks=self._looks)
            self.callbacks = (self._probe,)

    def conclude(self, session: Session, history: Sequence[Mapping[str, float]], reason: str) -> None:
        """Judge, and leave `diagnosis.json` and the tag `tfmlflow.diagnosis` in the run.

        Args:
            session: The run.
            history: Metrics of each epoch, by Keras's names.
            reason: Why the training has ended.
        """
        if self._probe is None:
            return
        try:
            evidence = self._probe.evidence(history, reason, settings=_settings(self._settings))
            said = diagnose(evidence)
            judged = f"{said.judged} of {len(RULES)} rules judged"
            content = {**said.as_dict(), "seconds": round(self._probe.spent, 3), "evidence": evidence.as_dict()}
            self.findings = content["findings"]
            session.text(File.DIAGNOSIS, json.dumps(content, indent=1))
            self.said = said.sentence if said.findings else ""
            session.tags({Tag.DIAGNOSIS: f"{said.sentence} ({judged})"[: names.LONGEST_TAG]})
        except Exception as error:
            log.warning("there is no diagnosis: %s: %s", type(error).__name__, error)


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What advice may be about, by dotted names: no paths and no secrets."""
    found = names.flat(settings)
    kept = {key: value for key, value in found.items() if key in KEPT or key.split(".")[0] in KEPT}
    plain = {k: v for k, v in kept.items() if isinstance(v, bool | int | float | str | list) or v is None}
    plain = {k: v for k, v in plain.items() if not isinstance(v, float) or math.isfinite(v)}
    return {key: masked(key, value) for key, value in plain.items()}
