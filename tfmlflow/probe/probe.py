"""The callback that looks into a training before its first step and after its last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tfmlflow.data.pipeline import Pipeline
from tfmlflow.data.record import Data
from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.probe import about, gradients, layers, neighbours, outputs
from tfmlflow.probe.kernels import moved, some
from tfmlflow.probe.look import Look, harmless
from tfmlflow.probe.sample import Sample, drawn
from tfmlflow.trainer import values

SECONDS = 5.0  # that a look may take, the one before and the one after; a third of a second is usual
BATCH = 64  # examples of which gradients and activations are taken
NUMBERS = 1_000_000  # of a batch of so many examples, at most
SOME = 1000  # examples whose neighbours are looked for
MANY = 4000  # among which twins are looked for
LARGEST = 200_000_000  # weights of a model up to which gradients are taken
STEPS = 200  # losses of single steps, at either end


class Probe(keras.callbacks.Callback):
    """Collects what rules need to know of a training.

    What fails, or has not come to its end in time, is not known; the training goes on.

    Args:
        data, pipeline: What is trained on.
        settings: The run's, nested.
        seconds: That each of the two looks may take.
        looks: Whether weights, examples, gradients and outputs are looked at, beside the curves. Batches of
            somebody's own are not asked for once more, nor are layers of their own, which may count their calls.

    Attributes:
        known: What was found, by names of `Evidence`.
        single_steps: Gives the losses of all steps, where they are kept; else those that the model's loss keeps.
    """

    def __init__(
        self, data: Data, pipeline: Pipeline, settings: Mapping[str, Any], seconds: float = SECONDS, looks: bool = True
    ) -> None:
        super().__init__()
        self._data, self._pipeline, self._settings = data, pipeline, settings
        self.known: dict[str, Any] = {}
        self._look = Look(self.known, seconds)
        self.single_steps: Callable[[], np.ndarray[Any, Any]] | None = None
        self._looks, self._calls = looks and data.train.own is None, True
        self._early, self._late = np.zeros(0), np.zeros(0)
        self._waits: list[float] = []
        self._kernels: dict[str, np.ndarray[Any, Any]] = {}
        self._rates: list[float] = []
        self._logs: list[dict[str, float]] = []
        self._train: Sample | None = None

    @property
    def spent(self) -> float:
        """Seconds that both looks took."""
        return self._look.spent

    @harmless
    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Looks at data, model and gradients as they are before the first step."""
        data, pipeline = self._data, self._pipeline
        self.known |= {"task": data.task, "batch_size": pipeline.batch_size}
        self._early = self._late = np.zeros(0)
        self._calls = about.is_keras_own(self.model) and self.model.count_params() <= LARGEST
        if self._looks:
            self._look.within(self._before)

    @harmless
    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Reads the losses of the first steps, before they are overwritten."""
        if len(self._early) < STEPS and batch >= max(STEPS // 4, 2 * len(self._early)):
            self._early = self._read(first=True)

    @harmless
    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the learning rate."""
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        rate = values.number(getattr(optimizer, "learning_rate", None))
        self._rates += [] if rate is None else [rate]

    @harmless
    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Notes how long the steps of the epoch have waited for their data."""
        waited = self._pipeline.wait.share()
        self._waits += [] if waited is None else [waited]

    @harmless
    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remembers the metrics."""
        if len(self._early) < STEPS and len(self._logs) < 3:
            self._early = self._read(first=True)
        self._logs.append(values.scalars({k: v for k, v in (logs or {}).items() if k != "learning_rate"}))

    @harmless
    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Looks at weights, gradients, activations and outputs as the last step has left them."""
        self._late = self._read()
        if self._looks:
            self._look.within(self._after)

    def _read(self, first: bool = False) -> np.ndarray[Any, Any]:
        """Losses of single steps, of a model whose loss keeps them (`step_trace`)."""
        trace: Any = getattr(self.model, "_loss_tracker", None)
        if not hasattr(trace, "recent"):
            return self._early
        read = trace.read(0)
        return np.asarray(read.losses) if not first or read.count == len(read.losses) else self._early

    def _before(self) -> None:
        data, model = self._data, self.model
        self._look.note("loss", lambda: about.loss_name(model))
        self._look.note("from_logits", lambda: about.from_logits(model))
        self._look.note("labels", lambda: about.labels(data))
        self._look.note("batch_norm", lambda: about.batch_norm(model))
        kernels = [one for one in model.trainable_weights if gradients.is_kernel(one)]
        self._look.note("kernels", lambda: self._kernels.update({one.path: some(one) for one in kernels}))
        self._look.note("train", self._draw)
        if self._train is not None and self._calls:
            batch = self._train.first(self._many(self._train))
            self._look.note("gradients_before", lambda: gradients.by_layer(model, batch))

    def _many(self, sample: Sample) -> int:
        """Examples of which gradients are taken: of large ones no more than a step takes."""
        return BATCH if BATCH * sample.numbers <= NUMBERS else min(BATCH, self._pipeline.batch_size)

    def _draw(self) -> None:
        self._train = drawn(self._data.train, MANY)

    def _after(self) -> None:
        data, train = self._data, self._train
        kernels = {one.path: one for one in self.model.trainable_weights}
        self._look.note("changes", lambda: {k: moved(old, some(kernels[k])) for k, old in self._kernels.items()})
        if train is not None and self._calls:
            self._outputs(data, train)
        if train is not None:
            self._examples(data, train)

    def _outputs(self, data: Data, train: Sample) -> None:
        """What comes of it when the model is called once more."""
        model, batch = self.model, train.first(self._many(train))
        self._look.note("gradients_after", lambda: gradients.by_layer(model, batch))
        if len(batch) == BATCH and self.known["batch_size"] <= BATCH // gradients.PARTS:
            self._look.note("noise_scale", lambda: gradients.noise_scale(model, batch))
        self._look.note("activations", lambda: layers.activations(model, batch))
        held = self._look.note("held", lambda: drawn(data.validation, SOME // 2))
        if held is not None:
            said = self._look.note("predicted", lambda: outputs.predicted(model, held, self._many(held)))
            if said is not None and np.isfinite(said).all():
                logits = bool(self.known.get("from_logits"))
                self._look.note("outputs", lambda: outputs.ranges(said))
                self._look.note("recalls", lambda: outputs.recalls(said, held.y, data, logits))

    def _examples(self, data: Data, train: Sample) -> None:
        """What the examples tell without the model."""
        rows = self._look.note("rows", train.rows)
        if rows is None:
            return
        if data.vocabulary is None and not data.inputs:
            self._look.note("inputs", lambda: about.inputs(self.model, rows))
        else:
            rows = neighbours.counted(rows) if data.vocabulary is not None else rows
        self._look.note("neighbours", lambda: neighbours.agreement(rows[:SOME], train.y[:SOME], data.task))
        test = self._look.note("test", lambda: drawn(data.test, SOME // 2).rows())
        if test is not None:
            test = neighbours.counted(test) if data.vocabulary is not None else test
            self._look.note("duplicates", lambda: neighbours.twins(rows, test, len(data.train)))

    def evidence(self, history: Sequence[Mapping[str, float]] | None = None, reason: str = "", **more: Any) -> Evidence:
        """All that is known.

        Args:
            history: Metrics of each epoch, by Keras's names; else those that were seen here.
            reason: Why the training ended.
            more: Of `Evidence`.
        """
        logs = self._logs if history is None else history
        trainer = self._settings.get("trainer", {})
        train = self._data.train
        weighted = trainer.get("class_weight") is not None or train.weight is not None
        weighted = weighted or bool(getattr(train.own, "weighted", False))
        known = {name: one for name, one in self.known.copy().items() if name in Evidence.__dataclass_fields__}
        if (
            not weighted and not trainer.get("label_smoothing") and not self.model.losses
        ):  # the loss is what it is called
            known["baseline"] = about.baseline(str(known.get("loss", "")), self._data.task, train.y)
        early, late = self._early, self._late
        if self.single_steps is not None:
            early = late = np.asarray(self.single_steps(), np.float64)
        return Evidence(
            **known,
            train=_curves(logs, ""),
            validation=_curves(logs, "val_"),
            planned=trainer.get("epochs"),
            reason=reason,
            first_steps=tuple(map(float, early[:STEPS])),
            last_steps=tuple(map(float, late[-STEPS:])),
            rates=tuple(self._rates),
            input_wait=float(np.median(self._waits)) if self._waits else None,
            weighted=weighted,
            **more,
        )


def _curves(logs: Sequence[Mapping[str, float]], part: str) -> dict[str, tuple[float, ...]]:
    """Each metric's value by epoch, of training or of validation."""
    names = dict.fromkeys(name for one in logs for name in one if name.startswith("val_") == bool(part))
    return {name.removeprefix(part): tuple(one.get(name, float("nan")) for one in logs) for name in names}
