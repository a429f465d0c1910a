"""Parting arrays into train, validation and test: a function of the seed and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmlflow.data import labels
from tfmlflow.data.digest import of_arrays
from tfmlflow.data.record import Data, Split, Task
from tfmlflow.errors import UsageError


def from_arrays(
    name: str,
    x: NDArray[Any],
    y: NDArray[Any],
    *,
    task: Task,
    test: tuple[NDArray[Any], NDArray[Any]] | None = None,
    validation_share: float = 0.1,
    test_share: float = 0.2,
    seed: int = 0,
    input_shape: tuple[int, ...] | None = None,
    digest: str | None = None,
    **about: Any,
) -> Data:
    """Make a `Data` record of arrays.

    Args:
        name: Name of the data set.
        x: Examples `(n, ...)`.
        y: Targets `(n,)` or `(n, outputs)`.
        task: What the targets are.
        test: A test set of its own; without it `test_share` of `x` is held out.
        validation_share: Share of what is not test that is held out for validation.
        test_share: Share held out for testing.
        seed: Decides which examples go where.
        input_shape: Shape of an example, if `x` is not yet what the model sees.
        digest: Hash of the content, if it was computed on something else than the arrays.
        about: Further fields of `Data`, and `decode` and `read` of `Split`.

    Raises:
        UsageError: A split would be empty, or a target is not of the task.
    """
    if task != "regression" and y.ndim > 1 and y.shape[-1] > 1:
        raise UsageError(f"data={name}: labels of the shape {y.shape}; they must be class indices, of the shape (n,)")
    if test is not None and test[0].shape[1:] != x.shape[1:]:
        raise UsageError(f"data={name}: examples to test on have the shape {test[0].shape[1:]}, others {x.shape[1:]}")
    given = [y] if test is None else [y, test[1]]
    parts, names = labels.indices(name, task, given, tuple(about.pop("class_names", ())))
    y, test = parts[0], None if test is None else (test[0], parts[1])
    about["class_names"] = names
    everything = (x, y) if test is None else (x, y, *test)
    digest = digest or of_arrays(*everything)
    how = {"decode": about.pop("decode", None), "read": about.pop("read", None)}
    order = np.random.default_rng(seed).permutation(len(y))
    if test is None:
        held = round(len(y) * test_share)
        test_split = Split(x[order[:held]], target(y[order[:held]], task), **how)
        order = order[held:]
    else:
        test_split = Split(test[0], target(test[1], task), **how)
    held = round(len(order) * validation_share)
    validation = Split(x[order[:held]], target(y[order[:held]], task), **how)
    train = Split(x[order[held:]], target(y[order[held:]], task), **how)
    for purpose, split in {"train": train, "validation": validation, "test": test_split}.items():
        if len(split) == 0:
            raise UsageError(
                f"data={name}: the {purpose} split of {len(y)} examples is empty; "
                f"change data.validation_share ({validation_share}) or data.test_share ({test_share})"
            )
    if task != "regression":
        labels.tell_unseen(name, train.y, np.concatenate([validation.y.ravel(), test_split.y.ravel()]), names)
    if task == "multiclass":
        found = np.unique(np.concatenate([train.y, validation.y, test_split.y]))
        if found[0] < 0 or (names and found[-1] >= len(names)):
            raise UsageError(
                f"data={name}: labels go from {found[0]} to {found[-1]}; "
                f"they must be whole numbers from 0 to {len(names) - 1 if names else 'the number of classes - 1'}"
            )
    classes = 0 if task == "regression" else 2 if task == "binary" else len(names) or int(np.max(y)) + 1
    return Data(
        name=name,
        task=task,
        train=train,
        validation=validation,
        test=test_split,
        input_shape=tuple(input_shape or x.shape[1:]),
        classes=classes,
        outputs=y.shape[1] if y.ndim > 1 else 1,
        digest=digest,
        **about,
    )


def target(y: NDArray[Any], task: Task) -> NDArray[Any]:
    """Targets as losses and metrics expect them: shapes and dtypes as in `Split.y`."""
    if task == "multiclass":
        return y.astype("int32")
    return y.reshape(len(y), -1).astype("float32" if task == "regression" else "int32")
