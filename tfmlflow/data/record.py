"""The `Data` record: what every loader returns and everything after it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tfmlflow.data.inputs import Input, Inputs, each, seen
from tfmlflow.errors import UsageError
from tfmlflow.predictor.preparation import Preparation

Task = Literal["multiclass", "binary", "regression"]


@dataclass(frozen=True)
class Split:
    """Examples of one purpose, addressable by index.

    Attributes:
        x: Array `(n, ...)`. uint8 stands for pixels, which the pipeline scales to [0, 1]; with `decode` it holds what
            `decode` takes, such as file names; with `read` where examples lie. Or several such arrays by the names of
            the model's inputs, all of them in memory.
        y: Multiclass: indices int32 `(n,)`. Binary: 0 or 1, int32 `(n, 1)`. Regression: float32 `(n, outputs)`.
        own: Gives an epoch of somebody's own batches as a `tf.data.Dataset` of `own.steps`, an `Own`; then `x` has one
            example, which stands for all, and `y` all targets, in no order.
        weight: Of each example in loss and weighted metrics, float32 `(n,)`; None: all alike.
        shown: Examples as they stand in a file, for people: a DataFrame of `n` rows, whose index counts those of the
            file.
        decode: Graph function from one element of `x` to one example, for data that is not decoded in memory.
        read: Graph function from a batch of `x` to what is there, `(batch, ...)`, for data that is not in memory; then
            `decode` takes one element of that. It may need the process that made it.
    """

    x: Inputs
    y: NDArray[Any]
    decode: Callable[[Any], Any] | None = None
    read: Callable[[Any], Any] | None = None
    weight: NDArray[np.float32] | None = None
    own: Any = None
    shown: Any = None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, indices: NDArray[np.int64]) -> Split:
        """The examples at `indices`, in that order."""
        weight = None if self.weight is None else self.weight[indices]
        shown = None if self.shown is None else self.shown.iloc[indices]
        return replace(self, x=each(self.x, lambda one: one[indices]), y=self.y[indices], weight=weight, shown=shown)


@dataclass(frozen=True)
class Data:
    """A data set, ready to train on.

    Attributes:
        name: Short name, shown in MLflow.
        task: `multiclass` (y: class index), `binary` (y: 0 or 1) or `regression`.
        train, validation, test: The splits, disjoint.
        input_shape: Shape of one example as the model sees it, without the batch axis; `()` of several inputs.
        classes: Number of classes; of a regression, 0.
        digest: Hash over the whole content (32 hex digits), the same for every way to split it.
        outputs: Length of a regression target.
        class_names, feature_names: For people, in the order of the indices.
        vocabulary: Number of token ids when an example is a sequence of them, else None.
        source: Where it came from, for the run's record.
        preparation: What was learned from the training examples, to be stored with the model.
        sample: A few examples as they came, if the splits hold something else.
        skipped: Examples that were left out since they cannot be read, a line each.
        fold: Of a cross-validation (number from 0, of how many): the fold that `validation` is; else None.
    """

    name: str
    task: Task
    train: Split
    validation: Split
    test: Split
    input_shape: tuple[int, ...]
    classes: int
    digest: str
    outputs: int = 1
    class_names: tuple[str, ...] = field(default=())
    feature_names: tuple[str, ...] = field(default=())
    vocabulary: int | None = None
    source: str = ""
    preparation: Preparation | None = None
    sample: Any = None
    skipped: tuple[str, ...] = field(default=())
    fold: tuple[int, int] | None = None

    @property
    def inputs(self) -> dict[str, Input]:
        """Shape and dtype of each of several inputs, by name; empty where there is one."""
        return seen(self.train.x) if isinstance(self.train.x, Mapping) else {}

    @property
    def input_dtype(self) -> str:
        """`int32` for token ids, else `float32`."""
        return "int32" if self.vocabulary else "float32"

    @property
    def prepared_by(self) -> Preparation:
        """How raw examples become such as these, and what the outputs of a model of them are called."""
        x = self.train.x
        if isinstance(x, Mapping):
            named = tuple(name for name, one in x.items() if one.dtype == np.uint8)
            known = self.preparation or Preparation("arrays", self.task, pixel_inputs=named)
        else:
            pixels = x.dtype == np.uint8 and self.train.decode is None
            known = self.preparation or Preparation("arrays", self.task, pixels=pixels)
        return replace(known, task=self.task, classes=self.class_names)

    @property
    def raw(self) -> Any:
        """A few examples as `prepared_by` takes them: rows, encoded pictures, an array or several by name."""
        return each(self.test.x, lambda one: one[:1]) if self.sample is None else self.sample

    def limited(self, examples: int | None) -> Data:
        """The same data with at most `examples` training examples, for quick trials."""
        if examples is None or examples >= len(self.train):
            return self
        if self.train.own is not None:
            raise UsageError(f"data.limit={examples}: data={self.name} has batches of its own; set it to null")
        return replace(self, train=self.train.take(np.arange(examples)))
