"""What every key of the shipped options may be: one table, by group and key.

A key that the chosen option does not have is refused by Hydra; a key that is not listed here (an argument of somebody's
own model, data or optimizer) takes any value.
"""

from __future__ import annotations

from typing import Any

from tfmlflow.config.names import ACTIVATIONS, INITIALIZERS, LOSS_CLASSES, LOSSES, METRICS
from tfmlflow.config.values import (
    COUNT,
    DECAY,
    INNER_SHARE,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    SWITCH,
    TABLE,
    TEXT,
    WHOLE,
    Every,
    Many,
    Number,
    One,
    Pattern,
    Table,
    Time,
    either,
)

LOSS = One(("auto", *LOSSES.split()), also=tuple(LOSS_CLASSES.split()))
METRIC = One(tuple(METRICS.split()))
ACTIVATION, INITIALIZER = One(tuple(ACTIVATIONS.split())), One(tuple(INITIALIZERS.split()))
GET_METHOD = Table("a mapping; name your function with schedule.function.path=my_pkg.decay")
AUTO = One(("auto",))
DROPOUT = Number(least=0, below=1)

LITERT = ("litert", "litert_dynamic", "litert_float16", "litert_int8")

RUN = {"seed": Number(whole=True, least=0, below=2**31)}

OBJECTIVE = {"metric": TEXT, "mode": One(("auto", "min", "max"))}

DATA = {
    "batch_size": either(COUNT, AUTO),
    "limit": either(COUNT, None),
    "cache": either(One(("memory",)), None),
    "validation_share": INNER_SHARE,
    "test_share": INNER_SHARE,
    "folds": either(Number(whole=True, least=2), None),
    "fold": WHOLE,
    "group": either(TEXT, None),
    "seed": RUN["seed"],
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
    "batch_norm": SWITCH,
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

OPTIMIZER = {
    "learning_rate": POSITIVE,
    "momentum": DECAY,
    "nesterov": SWITCH,
    "rho": DECAY,
    "epsilon": POSITIVE,
    "centered": SWITCH,
    "beta_1": DECAY,
    "beta_2": DECAY,
    "amsgrad": SWITCH,
    "initial_accumulator_value": NOT_NEGATIVE,
    "weight_decay": either(NOT_NEGATIVE, None),
    "clipnorm": either(POSITIVE, None),
    "global_clipnorm": either(POSITIVE, None),
    "clipvalue": either(POSITIVE, None),
    "use_ema": SWITCH,
    "ema_momentum": DECAY,
    "ema_overwrite_frequency": either(COUNT, None),
    "loss_scale_factor": either(POSITIVE, None),
    "gradient_accumulation_steps": either(Number(whole=True, least=2), None),
}

SCHEDULE = {
    "decay_rate": POSITIVE,
    "decay_epochs": POSITIVE,
    "staircase": SWITCH,
    "milestones": Many(INNER_SHARE, least=1),
    "factor": Number(above=0, below=1),
    "final": SHARE,
    "warmup": Number(least=0, below=1),
    "patience": COUNT,
    "min_delta": NOT_NEGATIVE,
    "cooldown": WHOLE,
    "min_learning_rate": NOT_NEGATIVE,
    "function": GET_METHOD,
}

HARDWARE = {
    "strict": SWITCH,
    "devices": either(Many(WHOLE, least=1), None),
    "tpu": TEXT,
    "zone": either(TEXT, None),
    "project": either(TEXT, None),
    "communication": One(("auto", "ring", "nccl")),
    "cross_device": One(("auto", "nccl", "hierarchical_copy", "one_device")),
    "servers": COUNT,
    "peers_timeout": NOT_NEGATIVE,
    "logical_cpus": either(Number(whole=True, least=2, most=64), None),
    "memory_growth": SWITCH,
    "memory_limit": either(COUNT, None),
    "intra_op_threads": either(COUNT, None),
    "inter_op_threads": either(COUNT, None),
    "precision": One(("float32", "mixed_bfloat16", "mixed_float16")),
    "deterministic": SWITCH,
    "log_level": One(("debug", "info", "warning", "error", "fatal")),
}

TRAINER = {
    "epochs": COUNT,
    "steps_per_execution": either(COUNT, AUTO),
    "jit_compile": either(SWITCH, AUTO),
    "loss": either(LOSS, TABLE),
    "metrics": either(AUTO, Many(either(METRIC, TABLE))),
    "label_smoothing": DECAY,
    "class_weight": either(One(("balanced",)), TABLE, None),
    "early_stopping": TABLE,
    "early_stopping.patience": either(COUNT, None),
    "early_stopping.min_delta": NOT_NEGATIVE,
    "early_stopping.start_from_epoch": WHOLE,
    "stop_on_nan": SWITCH,
    "step": TABLE,
    "unfreeze": Many(TABLE),
    "progress": One(("auto", "bar", "lines", "none")),
    "start": POSITIVE,
    "end": POSITIVE,
    "steps": Number(whole=True, least=20),
    "diverge": Number(above=1),
    "by": One(("loop", "fit")),
}

TRACKING = {
    "uri": either(TEXT, None),
    "experiment": TEXT,
    "run_name": TEXT,
    "log_every": COUNT,
    "checkpoint_every": either(Every(), None),
    "keep_last": WHOLE,
    "keep_best": WHOLE,
    "diff": SWITCH,
    "log_model": SWITCH,
    "report": SWITCH,
    "histograms": either(COUNT, None),
    "register_as": either(Pattern(r"[^/:.'\"%]+", "a name without / : . % and quotes"), None),
    "system_metrics": SWITCH,
    "drain_timeout": NOT_NEGATIVE,
    "tags": TABLE,
}

SWEEP = {
    "trials": either(COUNT, None),
    "seed": RUN["seed"],
    "sampler": TABLE,
    "space": either(TABLE, None),
    "objectives": Many(Pattern(r"[\w/.@-]+ (min|max)", "a metric and its direction, such as 'best/accuracy max'")),
    "pruner": One(("none", "median", "asha", "hyperband")),
    "pruner_options": either(TABLE, None),
    "storage": either(TEXT, None),
    "on_failure": One(("continue", "stop")),
    "retries": WHOLE,
    "time_budget": either(Time(), None),
    "rerun": SWITCH,
}

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

PROFILE = {"steps": COUNT, "seconds": POSITIVE, "repeats": COUNT}

SCHEMA: dict[str, dict[str, Any]] = {
    "": RUN,
    "objective": OBJECTIVE,
    "data": DATA,
    "augment": AUGMENT,
    "model": MODEL,
    "optimizer": OPTIMIZER,
    "schedule": SCHEDULE,
    "hardware": HARDWARE,
    "trainer": TRAINER,
    "tracking": TRACKING,
    "sweep": SWEEP,
    "compress": COMPRESS,
}
