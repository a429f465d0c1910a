"""What the keys of a model may be."""

from __future__ import annotations

from tfmlflow.config.names import ACTIVATIONS, INITIALIZERS
from tfmlflow.config.values import AUTO, COUNT, DECAY, NOT_NEGATIVE, SWITCH, TABLE, TEXT, Many, Number, One, either

ACTIVATION, INITIALIZER = One(tuple(ACTIVATIONS.split())), One(tuple(INITIALIZERS.split()))
DROPOUT = Number(least=0, below=1)

MODEL = {
    "units": Many(COUNT),
    "filters": Many(COUNT, least=1),
    "kernel_size": either(COUNT, Many(COUNT)),
    "strides": either(COUNT, Many(COUNT)),
    "padding": One(("same", "valid")),
    "convolutions": COUNT,
    "pooling": either(One(("max", "average")), None, Many(either(One(("max", "average")), None))),
    "pool_size": COUNT,
    "head": One(("flatten", "average")),
    "dense_units": Many(COUNT),
    "blocks": COUNT,
    "activation": either(ACTIVATION, Many(ACTIVATION)),
    "recurrent_activation": ACTIVATION,
    "output_activation": either(AUTO, ACTIVATION),
    "kernel_initializer": INITIALIZER,
    "recurrent_initializer": INITIALIZER,
    "bias_initializer": INITIALIZER,
    "l1": NOT_NEGATIVE,
    "l2": NOT_NEGATIVE,
    "dropout": either(DROPOUT, Many(DROPOUT)),
    "head_dropout": DROPOUT,
    "dense_dropout": DROPOUT,
    "recurrent_dropout": DROPOUT,
    "batch_norm": either(SWITCH, Many(SWITCH)),
    "batch_norm_momentum": DECAY,
    "bidirectional": SWITCH,
    "embedding": COUNT,
    "base": either(TEXT, None),
    "weights": either(TEXT, None),
    "partial": SWITCH,
    "preprocessing": One(("auto", "none", "tf", "torch", "caffe", "pixels")),
    "size": either(Many(COUNT, length=2), None),
    "arguments": TABLE,
    "cut": either(TEXT, None),
    "trust": SWITCH,
}
