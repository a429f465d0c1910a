"""`tfmlflow launch`: the same command in several processes that train together."""

from __future__ import annotations

import sys

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--workers", type=click.IntRange(1, 512), required=True, help="Processes, each with one device.")
@click.option(
    "--servers", type=click.IntRange(0, 512), default=0, help="Parameter servers, for workers that do not wait."
)
@click.option("--on", type=click.Choice(["local", "ray", "slurm", "submitit_local"]), default="local", help="Engine.")
@click.option("--slurm", multiple=True, metavar="KEY=VALUE", help="Of submitit: slurm_partition=gpu, gpus_per_node=1.")
@click.option("--max-restarts", type=click.IntRange(0), default=0, show_default=True, help="After the death of one.")
@click.option("--gpus", default="", help="Index of each worker's GPU: 0,1. Without it all see what there is.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def launch(
    workers: int, servers: int, on: str, slurm: tuple[str, ...], max_restarts: int, gpus: str, command: tuple[str, ...]
) -> None:
    """Run a training in several processes of this machine: tfmlflow launch --workers 2 -- train.py
    hardware=multi_worker.

    Each has its place in TF_CONFIG, and its output gets its name before each line. When one dies, all are ended and,
    up to --max-restarts times, started again after the last whole epoch, in the same MLflow run. The exit code is 0
    only if all have ended well.

    With --servers, and hardware=parameter_server, there is a chief beside the workers, which go on when one of them
    dies: it is started again alone, or the others take its steps.
    """
    from tfmlflow.errors import UsageError
    from tfmlflow.launch.training import Training
    from tfmlflow.masking import masked_text

    try:
        training = Training.of(command, workers, max_restarts, indices(gpus), servers, on, options(slurm))
        sys.exit(training.run(lambda line: print(masked_text(line), flush=True)))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def options(words: tuple[str, ...]) -> dict[str, int | str]:
    """`key=value` each; numbers are numbers.

    Raises:
        UsageError: One is none.
    """
    from tfmlflow.errors import UsageError

    pairs = [word.partition("=") for word in words]
    if wrong := [key for key, sign, value in pairs if not (key and sign and value)]:
        raise UsageError(f"--slurm {wrong[0]}: must be KEY=VALUE, such as slurm_partition=gpu")
    return {key: int(value) if value.isdecimal() else value for key, _, value in pairs}


def indices(text: str) -> list[int]:
    """The numbers of a list such as `0,1`.

    Raises:
        UsageError: It is none.
    """
    from tfmlflow.errors import UsageError

    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() for part in parts):
        raise UsageError(f"--gpus {text}: must be indices, such as 0,1")
    return [int(part) for part in parts]
