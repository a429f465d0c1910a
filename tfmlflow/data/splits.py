"""Parting arrays into train, validation and test: a function of the seed and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmlflow.data import labels
from tfmlflow.data.digest import of_arrays
from tfmlflow.data.folds import parted
from tfmlflow.data.inputs import Inputs, arrays, require_as_many, shapes
from tfmlflow.data.record import Data, Split, Task
from tfmlflow.errors import UsageError


def from_arrays(
    name: str,
    x: Inputs,
    y: NDArray[Any],
    *,
    task: Task,
    test: tuple[Inputs, NDArray[Any]] | None = None,
    weight: NDArray[Any] | None = None,
    validation_share: float = 0.1,
    test_share: float = 0.2,
    seed: int = 0,
    folds: int | None = None,
    fold: int = 0,
    groups: NDArray[Any] | None = None,
    input_shape: tuple[int, ...] | None = None,
    digest: str | None = None,
    **about: Any,
) -> Data:
    """Make a `Data` record of arrays.

    Args:
        name: Name of the data set.
        x: Examples `(n, ...)`, or several inputs by name.
        y: Targets `(n,)` or `(n, outputs)`.
        task: What the targets are.
        weight: Of each example in `x`, at least 0, `(n,)`; those of a test set of its own weigh alike.
        test: A test set of its own; without it `test_share` of `x` is held out.
        validation_share: Share of what is not test that is held out for validation.
        test_share: Share held out for testing.
        seed: Decides which examples go where.
        folds: Of a cross-validation: how many folds what is not test is parted into, those of classes stratified; then
            `validation_share` is not used.
        fold: Which of them is the validation split, from 0.
        groups: Of each example `(n,)`, of any kind; those of one group are never in two splits.
        input_shape: Shape of an example, if `x` is not yet what the model sees.
        digest: Hash of the content, if it was computed on something else than the arrays.
        about: Further fields of `Data`, and `decode` and `read` of `Split`.

    Raises:
        UsageError: A split would be empty, there is no such fold, or a target is not of the task.
    """
    if task != "regression" and y.ndim > 1 and y.shape[-1] > 1:
        raise UsageError(f"data={name}: labels of the shape {y.shape}; they must be class indices, of the shape (n,)")
    require_as_many(f"data={name}", x, len(y))
    if test is not None:
        require_as_many(f"data={name}, to test on", test[0], len(test[1]))
        if shapes(test[0]) != shapes(x):
            raise UsageError(f"data={name}: examples to test on have the shape {shapes(test[0])}, others {shapes(x)}")
    weights = None if weight is None else _weights(name, weight, len(y))
    given = [y] if test is None else [y, test[1]]
    parts, names = labels.indices(name, task, given, tuple(about.pop("class_names", ())))
    y, test = parts[0], None if test is None else (test[0], parts[1])
    about["class_names"] = names
    everything = (*arrays(x), y, *(() if test is None else (*arrays(test[0]), test[1])))
    everything += () if weights is None else (weights,)
    digest = digest or of_arrays(*everything)
    how = {"decode": about.pop("decode", None), "read": about.pop("read", None)}
    whole = Split(x, target(y, task), weight=weights, **how)
    places = parted(
        *(name, y),
        classes=task != "regression",
        test_share=test_share if test is None else None,
        validation_share=validation_share,
        seed=seed,
        folds=folds,
        fold=fold,
        groups=groups,
    )
    train, validation = whole.take(places.train), whole.take(places.validation)
    test_split = whole.take(places.test) if test is None else Split(test[0], target(test[1], task), **how)
    for purpose, split in {"train": train, "validation": validation, "test": test_split}.items():
        if len(split) == 0:
            raise UsageError(
                f"data={name}: the {purpose} split of {len(y)} examples is empty; "
                f"change data.validation_share ({validation_share}) or data.test_share ({test_share})"
            )
    if task != "regression":
        labels.tell_unseen(name, train.y, np.concatenate([validation.y.ravel(), test_split.y.ravel()]), names)
    classes = 2 if task == "binary" else 0
    if task == "multiclass":
        found = np.unique(np.concatenate([train.y, validation.y, test_split.y]))
        if found[0] < 0 or (names and found[-1] >= len(names)):
            raise UsageError(
                f"data={name}: labels go from {found[0]} to {found[-1]}; "
                f"they must be whole numbers from 0 to {len(names) - 1 if names else 'the number of classes - 1'}"
            )
        classes = len(names) or int(found[-1]) + 1  # one that only a test set of its own has is one, too
    return Data(
        name=name,
        task=task,
        train=train,
        validation=validation,
        test=test_split,
        input_shape=tuple(input_shape or (() if isinstance(x, Mapping) else x.shape[1:])),
        classes=classes,
        outputs=y.shape[1] if y.ndim > 1 else 1,
        digest=digest,
        fold=None if folds is None else (fold, folds),
        **about,
    )


def target(y: NDArray[Any], task: Task) -> NDArray[Any]:
    """Targets as losses and metrics expect them: shapes and dtypes as in `Split.y`."""
    if task == "multiclass":
        return y.astype("int32")
    return y.reshape(len(y), -1).astype("float32" if task == "regression" else "int32")


def _weights(name: str, weight: NDArray[Any], count: int) -> NDArray[np.float32]:
    if weight.shape != (count,):
        raise UsageError(f"data={name}: weights of the shape {weight.shape}; there must be one an example, ({count},)")
    made = weight.astype(np.float32)
    if not np.isfinite(made).all() or made.min() < 0 or not made.any():
        raise UsageError(
            f"data={name}: weights from {weight.min()} to {weight.max()}; they must be numbers of at least 0, not all 0"
        )
    return made
