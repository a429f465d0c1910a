"""What the keys of runs may be: of any, of what is recorded, of many, and of one that is measured."""

from __future__ import annotations

from tfmlflow.config.values import (
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    SEED,
    SWITCH,
    TABLE,
    TEXT,
    WHOLE,
    Every,
    Many,
    One,
    Pattern,
    Time,
    either,
)

RUN = {"seed": SEED}

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
    "seed": SEED,
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

PROFILE = {"steps": COUNT, "seconds": POSITIVE, "repeats": COUNT}
