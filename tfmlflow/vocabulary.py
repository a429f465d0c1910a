"""What users see in a store: why runs have ended, their tags, and what metrics and files are called."""

from __future__ import annotations

from enum import StrEnum


class EndReason(StrEnum):
    """Why a run has ended: the tag `tfmlflow.end_reason`."""

    COMPLETED = "completed"
    EARLY_STOPPING = "early_stopping"
    PRUNED = "pruned"  # FINISHED, as the two above
    NAN = "nan"  # FAILED, as those below
    ERROR = "error"
    OUT_OF_MEMORY = "out_of_memory"
    KILLED = "killed"  # without a word
    SIGNAL = "signal"  # KILLED, as those below
    TIMEOUT = "timeout"  # a job's time was over
    TIME_BUDGET = "time_budget"  # the sweep's time was over
    NOT_STARTED = "not_started"  # a job of a sweep that was stopped


class Tag:
    """Tags of runs, and of models where it says so."""

    # how a run has ended, and what it lacks
    END_REASON = "tfmlflow.end_reason"
    ERROR = "tfmlflow.error"  # one line
    INCOMPLETE = "tfmlflow.incomplete"  # what the store does not have, in words
    HEARTBEAT = "tfmlflow.heartbeat"  # when its trainer was seen, while it runs
    # what it is
    FINGERPRINT = "tfmlflow.fingerprint"  # names config and code
    DATA_DIGEST = "tfmlflow.data_digest"  # names the content of the data; of models too
    GIT_DIRTY = "tfmlflow.git_dirty"  # whether files differed from the commit
    COMMIT_HERE = "tfmlflow.working_folder_commit"  # of the folder that it was started in, if that is another one
    DIRTY_HERE = "tfmlflow.working_folder_dirty"
    OVERRIDES = "hydra.overrides"
    JOB_NUMBER = "hydra.job.num"
    STRATEGY = "hardware.strategy"
    DEVICES = "hardware.devices"
    FELL_BACK = "hardware.fell_back"  # the hardware that was asked for, and is not there
    BATCH_SIZE = "hardware.batch_size"  # how the number that `data.batch_size=auto` stands for was found
    WORKERS = "hardware.workers"  # how many processes train together
    PROFILE = "tfmlflow.profile"  # the verdict of a profile
    RANGE_TEST = "tfmlflow.lr_range"  # what a learning-rate range test has found; its weights are no trained model
    DIAGNOSIS = "tfmlflow.diagnosis"  # what the curves and probes of the training say, in one line
    ADVICE = "tfmlflow.advice"  # that was taken, of a run by `tfmlflow diagnose --try`
    WORKER_DIED = "tfmlflow.worker_died"  # which of them was gone, and when
    SKIPPED = "tfmlflow.skipped"  # how many examples were left out since they cannot be read
    # how it is gone on with
    ATTEMPT = "tfmlflow.attempt"  # how often it was begun
    PROGRESS = "tfmlflow.progress"  # how far it has come
    CHECKPOINTS = "tfmlflow.checkpoints"  # which there are
    LOCAL_ID = "tfmlflow.local_id"  # its name in the spool
    # sweeps
    SWEEP = "tfmlflow.sweep"  # id of the sweep that it is of
    SWEEP_PARENT = "tfmlflow.sweep_parent"  # `true` of a sweep's own run
    SWEEP_JOBS = "tfmlflow.sweep_jobs"  # how many job numbers are taken
    SWEEP_REUSES = "tfmlflow.sweep_reuses"  # runs of other sweeps that have done some of its jobs before
    BEST_RUN = "tfmlflow.best_run"
    BEST_JOB = "tfmlflow.best_job"
    # compression
    COMPRESS = "tfmlflow.compress"  # accepted or refused, and why
    COMPRESSED_FROM = "tfmlflow.compressed_from"  # the model that it was made of
    COMPRESSED_DATA = "tfmlflow.compressed_data"  # whether the data are those of that model's run
    # evaluations, and registered models
    EVALUATED_RUN = "tfmlflow.evaluated_run"
    EVALUATED_MODEL = "tfmlflow.evaluated_model"
    KEY = "tfmlflow.key"  # of a model: by which a second attempt finds it
    OBJECTIVE = "tfmlflow.objective"  # of a model's version, with the two below
    OBJECTIVE_MODE = "tfmlflow.objective_mode"
    OBJECTIVE_VALUE = "tfmlflow.objective_value"
    CHAMPION_REASON = "tfmlflow.champion_reason"
    # MLflow's own
    PARENT = "mlflow.parentRunId"
    COMMIT = "mlflow.source.git.commit"
    NOTE = "mlflow.note.content"  # the description


class Metric:
    """Metrics beside `train/<m>`, `val/<m>`, `test/<m>` and `best/<m>`, which have Keras's names behind the stroke."""

    BEST_OBJECTIVE = "best/objective"  # what runs are compared by
    BEST_EPOCH = "best/epoch"
    BATCH_LOSS = "batch/loss"  # of the steps themselves
    BATCH_LEARNING_RATE = "batch/learning_rate"
    PHASE = "phase/number"  # of a training in phases, by epoch
    TRAINED = "phase/trained_parameters"  # those that the optimizer changes


class File:
    """Files of a run."""

    HISTORY = "history.parquet"  # every point in full resolution
    PATCH = "environment/diff.patch"
    PATCH_HERE = (
        "environment/working_folder.patch"  # of the folder that it was started in, if that is another repository
    )
    PACKAGES = "environment/packages.txt"
    FOUND = "config/found.yaml"  # numbers that `auto` stands for in config.yaml
    SKIPPED = "data/skipped.txt"  # examples that were left out, and why
    WORDS = "data/vocabulary.txt"  # of texts, in the order of their numbers
    DIAGNOSIS = "diagnosis.json"  # findings, and all that they are judged by
    CONFIG = "config/config.yaml"  # as it was composed
    COMPRESSED_CONFIG = "config/compressed.yaml"  # with what was taken from the run that the model is of
    LITERT = "compressed/model.tflite"
    COMPARED = "compressed/compared.csv"  # before and after
    PARETO = "pareto.png"  # of a sweep that compresses
    PARETO_TABLE = "pareto.csv"
    REPORT = "report.html"  # of a sweep
    LEADERBOARD = "leaderboard.csv"  # of a sweep
    REUSES = "reuses.json"  # of a sweep, where the tag is too short
