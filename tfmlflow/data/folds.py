"""Which examples are trained on, validated with and tested on: a function of the seed and nothing else.

A test set is taken first, the same with folds and without; folds part what is left.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmlflow.errors import UsageError

log = logging.getLogger(__name__)
SHOWN = 10  # classes in a message

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Parted:
    """Places of examples, in the order in which they are taken."""

    train: Places
    validation: Places
    test: Places


def parted(
    name: str,
    y: NDArray[Any],
    *,
    classes: bool,
    test_share: float | None,
    validation_share: float,
    seed: int,
    folds: int | None = None,
    fold: int = 0,
    groups: NDArray[Any] | None = None,
) -> Parted:
    """Part examples.

    Args:
        name: Of the data set, for messages.
        y: Targets `(n,)` or `(n, outputs)`.
        classes: Whether they are class indices, of which each fold is to have its share.
        test_share: Share held out for testing; None: there is a test set of its own.
        validation_share: Share of what is not test that is held out for validation; with folds it is not used.
        seed: Decides which examples go where.
        folds: How many folds what is not test is parted into; None: none.
        fold: Which of them is held out for validation, from 0.
        groups: Of each example `(n,)`; those of one group are never on two sides.

    Raises:
        UsageError: There are not as many examples, groups or members of any class as folds.
    """
    if groups is not None:
        groups = _numbered(name, groups, len(y))
    order = np.random.default_rng(seed).permutation(len(y))
    test = order[:0]
    if test_share is not None:
        test, order = _apart(order, groups, round(len(order) * test_share))
    if folds is None:
        validation, train = _apart(order, groups, round(len(order) * validation_share))
        return Parted(train, validation, test)
    if not 0 <= fold < folds:
        raise UsageError(f"data.fold={fold}: with data.folds={folds} they are 0 to {folds - 1}")
    held = _fold(
        name, y.reshape(len(y), -1)[order, 0] if classes else None, len(order), folds, fold, seed, _of(groups, order)
    )
    return Parted(order[~held], order[held], test)


def _of(groups: NDArray[Any] | None, order: Places) -> NDArray[Any] | None:
    return None if groups is None else groups[order]


def _numbered(name: str, groups: NDArray[Any], count: int) -> NDArray[Any]:
    if groups.shape != (count,):
        raise UsageError(f"data={name}: groups of the shape {groups.shape}; there must be one an example, ({count},)")
    found, numbers = np.unique(groups, return_inverse=True)
    if len(found) < 3:
        raise UsageError(f"data={name}: {len(found)} groups; train, validation and test need one each")
    return np.asarray(numbers)


def _apart(order: Places, groups: NDArray[Any] | None, wanted: int) -> tuple[Places, Places]:
    """The first `wanted` of them and the rest; of groups as many whole ones as come nearest to it, at least one."""
    if groups is None:
        return order[:wanted], order[wanted:]
    mine = groups[order]
    found, first, sizes = np.unique(mine, return_index=True, return_counts=True)
    turn = np.argsort(first)
    totals = np.cumsum(sizes[turn])
    count = min(max(1, int(np.argmin(np.abs(totals - wanted))) + 1), max(1, len(found) - 1))
    taken = np.isin(mine, found[turn[:count]])
    return order[taken], order[~taken]


def _fold(
    name: str, labels: NDArray[Any] | None, count: int, folds: int, fold: int, seed: int, groups: NDArray[Any] | None
) -> NDArray[np.bool_]:
    """Which of `count` examples are in the fold."""
    from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold

    most, what = (count, "examples") if groups is None else (len(np.unique(groups)), "groups")
    if folds > most:
        raise UsageError(
            f"data.folds={folds}: data={name} has {most} {what} beside the test set; at most so many folds"
        )
    if labels is not None:
        values, sizes = np.unique(labels, return_counts=True)
        if sizes.max() < folds:
            raise UsageError(
                f"data.folds={folds}: no class of data={name} has so many examples beside the test set; the largest "
                f"has {sizes.max()}"
            )
        if (few := values[sizes < folds]).size:
            said = ", ".join(map(str, few[:SHOWN]))
            log.warning("data=%s: fewer than %s examples of the classes %s; some folds have none", name, folds, said)
    how: dict[str, Any] = {"n_splits": folds, "shuffle": True, "random_state": seed}
    if groups is not None:  # of targets that are no classes it evens out the sizes alone
        splitter: Any = StratifiedGroupKFold(**how)
        labels = np.zeros(count, np.int32) if labels is None else labels
    else:
        splitter = KFold(**how) if labels is None else StratifiedKFold(**how)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of few members, said above
        places = [held for _, held in splitter.split(np.zeros(count), labels, groups)][fold]
    chosen = np.zeros(count, np.bool_)
    chosen[places] = True
    return chosen
