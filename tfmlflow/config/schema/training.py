"""What the keys of a training may be: what it is after, how it takes its steps, and on what."""

from __future__ import annotations

from tfmlflow.config.names import LOSS_CLASSES, LOSSES, METRICS
from tfmlflow.config.values import (
    AUTO,
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
    Many,
    Number,
    One,
    Table,
    either,
)

LOSS = One(("auto", *LOSSES.split()), also=tuple(LOSS_CLASSES.split()))
METRIC = One(tuple(METRICS.split()))
GET_METHOD = Table("a mapping; name your function with schedule.function.path=my_pkg.decay")

OBJECTIVE = {"metric": TEXT, "mode": One(("auto", "min", "max"))}

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
