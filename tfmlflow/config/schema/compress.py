"""What the keys of a compression may be."""

from __future__ import annotations

from tfmlflow.config.values import (
    AUTO,
    COUNT,
    DECAY,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    SWITCH,
    TEXT,
    WHOLE,
    Many,
    Number,
    One,
    Pattern,
    either,
)

LITERT = ("litert", "litert_dynamic", "litert_float16", "litert_int8")

COMPRESS = {
    "from": TEXT,
    "then": Many(One(("qat", "int8", "int4", "float8", "float16", *LITERT))),
    "metric": either(AUTO, Pattern(r"val/[\w.@-]+", "val/<metric>")),
    "max_loss": NOT_NEGATIVE,
    "trust": SWITCH,
    "seconds": POSITIVE,
    "sparsity": DECAY,
    "schedule": One(("polynomial", "constant")),
    "initial_sparsity": DECAY,
    "begin": SHARE,
    "end": SHARE,
    "frequency": COUNT,
    "structure": either(One(("units",)), Pattern(r"\d+:\d+", "n:m, such as 2:4"), None),
    "layers": either(Many(TEXT, least=1), None),
    "skip": Many(TEXT),
    "shrink": SWITCH,
    "keep_zeros": SWITCH,
    "bits": Number(whole=True, least=2, most=8),
    "activation_bits": Number(whole=True, least=2, most=16),
    "momentum": DECAY,
    "epochs": WHOLE,
    "learning_rate": POSITIVE,
    "mode": One(("int8", "int4", "float8")),
    "dtype": One(("float16", "bfloat16")),
    "weights": One(("float32", "float16", "dynamic", "int8")),
    "examples": COUNT,
}
