"""What examples tell by themselves, without a model: do neighbours have the same label, are there twins?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NEAR = 5  # neighbours that are asked
FEATURES = 64  # to which rows of more are projected: distances stay what they are, but for a few percent
WORDS = 512  # columns in which tokens are counted
FAINT = 1e-4  # of the largest deviation: a feature of less is noise, which scaling would make as large as the others
HITS = 5  # test examples with a twin, at least: a few blank ones have twins anywhere
SAME = 1e-3  # of the usual distance to the nearest, below which two examples are twins

Rows = NDArray[np.float32]


def counted(tokens: Rows) -> Rows:
    """Sequences of token ids as how often each is in there, `(n, WORDS)`; 0 is padding."""
    found = np.zeros((len(tokens), WORDS), np.float32)
    for row, ids in zip(found, tokens.astype(np.int64), strict=True):
        np.add.at(row, ids[ids > 0] % WORDS, 1.0)
    found /= np.maximum(found.sum(axis=1, keepdims=True), 1.0)
    return found


def projected(*rows: Rows) -> list[Rows]:
    """Rows of one kind, each feature by its deviation, in at most `FEATURES` numbers."""
    scale = rows[0].std(axis=0)
    kept = scale > FAINT * scale.max()
    scaled = [np.nan_to_num(one[:, kept] / scale[kept]).clip(-1e6, 1e6) for one in rows]
    width = int(kept.sum())
    if width > FEATURES:
        turn = np.random.default_rng(0).normal(size=(width, FEATURES)).astype(np.float32) / np.sqrt(FEATURES)
        scaled = [one @ turn for one in scaled]
    return scaled


def agreement(rows: Rows, y: NDArray[Any], task: str) -> dict[str, float]:
    """How well the nearest others tell an example's target; as of `Evidence.neighbours`."""
    (near,) = projected(rows)
    if near.shape[1] == 0 or len(near) < 4 * NEAR:
        return {}
    distances = _squares(near, near)
    np.fill_diagonal(distances, np.inf)
    closest = np.argpartition(distances, NEAR, axis=1)[:, :NEAR]
    if task == "regression":
        target = y.reshape(len(y), -1).astype(np.float64)
        said = target[closest].mean(axis=1)
        whole = ((target - target.mean(axis=0)) ** 2).sum()
        score = 1 - ((target - said) ** 2).sum() / whole if whole > 0 else 0.0
        chance = -1 / NEAR  # R2 of the mean of some targets by chance
        return {"score": float(score), "chance": chance, "deviation": 3 / np.sqrt(len(y)), "count": float(len(y))}
    classes = y.reshape(-1).astype(np.int64)
    votes = np.apply_along_axis(np.bincount, 1, classes[closest], minlength=int(classes.max()) + 1)
    said = votes.argmax(axis=1)
    # labels in any order: how often what is said would meet one of the same shares
    shares = np.bincount(classes) / len(classes)
    chance = float(shares[said].mean())
    deviation = float(np.sqrt(max(chance * (1 - chance), 1e-9) / len(classes)))
    score = float(np.mean(said == classes))
    return {"score": score, "chance": chance, "deviation": deviation, "count": float(len(classes))}


def twins(train: Rows, test: Rows, whole: int) -> dict[str, float]:
    """Shares of examples with a twin; as of `Evidence.duplicates`.

    Args:
        train, test: Samples.
        whole: How many training examples there are: of those that are not in the sample, as many are twins.
    """
    known, asked = projected(train, test)
    if known.shape[1] == 0 or len(known) < 20 or len(asked) < 10:
        return {}
    mine = known[:1000]
    among = _squares(mine, known)
    among[np.arange(len(mine)), np.arange(len(mine))] = np.inf
    usual = float(np.median(np.sqrt(np.maximum(among.min(axis=1), 0))))
    if usual == 0:  # most have one: rows of a few values, of which twins tell nothing
        return {}
    border = (SAME * usual) ** 2 + 1e-12 * float((known**2).sum(axis=1).mean())  # rounding of the squares
    more = max(1.0, whole / len(known))
    hits = int(np.sum(_squares(asked, known).min(axis=1) <= border))
    share = hits / len(asked) if hits >= HITS else 0.0
    within = float(np.mean(among.min(axis=1) <= border))
    return {
        "test": min(1.0, share * more),
        "train": min(1.0, within * more),
        "count": float(len(asked)),
        "hits": float(hits),
    }


def _squares(first: Rows, second: Rows) -> NDArray[np.float64]:
    """Squared distances, `(n, m)`; in double precision, for those of twins are differences of large numbers."""
    one, two = first.astype(np.float64), second.astype(np.float64)
    found: NDArray[np.float64] = (one**2).sum(axis=1)[:, None] + (two**2).sum(axis=1)[None] - 2 * one @ two.T
    return found
