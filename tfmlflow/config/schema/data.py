"""What the keys of data and of their augmentation may be."""

from __future__ import annotations

from tfmlflow.config.values import (
    AUTO,
    COUNT,
    DECAY,
    INNER_SHARE,
    SEED,
    SHARE,
    SWITCH,
    TEXT,
    WHOLE,
    Many,
    Number,
    One,
    either,
)

DATA = {
    "batch_size": either(COUNT, AUTO),
    "limit": either(COUNT, None),
    "cache": either(One(("memory",)), None),
    "validation_share": INNER_SHARE,
    "test_share": INNER_SHARE,
    "folds": either(Number(whole=True, least=2), None),
    "fold": WHOLE,
    "group": either(TEXT, None),
    "seed": SEED,
    "path": either(TEXT, None),
    "label": TEXT,
    "task": either(One(("multiclass", "binary", "regression")), None),
    "categorical": either(Many(TEXT), None),
    "drop": either(Many(TEXT), None),
    "text": either(TEXT, None),
    "separator": either(TEXT, None),
    "encoding": either(TEXT, None),
    "size": Many(COUNT, length=2),
    "channels": Number(whole=True, least=1, most=4),
    "image_key": TEXT,
    "label_key": TEXT,
    "on_bad": One(("error", "skip")),
    "words": Number(whole=True, least=4),
    "length": COUNT,
}

AUGMENT = {
    "rotation": Number(least=0, most=180),
    "translation": DECAY,
    "zoom": DECAY,
    "shear": Number(least=0, below=90),
    "flip_horizontal": SWITCH,
    "flip_vertical": SWITCH,
    "cutout": SHARE,
    "brightness": SHARE,
    "contrast": SHARE,
    "fill_mode": One(("constant", "nearest", "reflect", "wrap")),
    "mixup": Number(least=0, most=100),
    "cutmix": Number(least=0, most=100),
}
