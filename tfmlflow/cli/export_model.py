"""`tfmlflow export-model`: a stored model in another format."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tfmlflow.export.exporting import Export


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("model")
@click.argument("overrides", nargs=-1, type=click.UNPROCESSED)
@click.option("--to", type=click.Choice(["keras", "savedmodel", "litert", "onnx"]), required=True, help="Format.")
@click.option("--output", metavar="PATH", help="File, of savedmodel a folder; without it named after MODEL, here.")
@click.option("--force", is_flag=True, help="Replace an earlier export there.")
@click.option("--tolerance", type=click.FloatRange(0), help="Largest difference of an output.")
@click.option("--trust", is_flag=True, help="Run code that the model brings with it: custom objects and lambdas.")
@click.option("--log", "logged", is_flag=True, help="Put it into the model's run, as exports/...")
def export_model(
    model: str,
    overrides: tuple[str, ...],
    to: str,
    output: str | None,
    force: bool,
    tolerance: float | None,
    trust: bool,
    logged: bool,
) -> None:
    """Write the network of MODEL, a run id (or how it begins) or a model URI, as a file of another format.

    Its outputs are compared with those of the stored model, on the input example that was stored with it or on a test
    set that OVERRIDES name; where they differ, nothing is left and the exit code is 1. What is learned beside the
    weights (scaling, categories, class names) is put beside it as preparation.json.

    \b
    tfmlflow export-model 6d065d96 --to onnx
    tfmlflow export-model models:/houses@champion --to litert data=csv data.path=new.csv data.label=price
    """
    from tfmlflow.command.entry import complain
    from tfmlflow.errors import JobFailed, UsageError
    from tfmlflow.export.request import Request
    from tfmlflow.stoppable import stoppable

    try:
        request = Request.of(model, to, output, force, tolerance, logged)
        from tfmlflow.command.compose import compose

        with_data = any(word.startswith("data") for word in overrides)
        cfg = compose(overrides, required=("data",) if with_data else ())

        from tfmlflow.export.exporting import export_model

        with stoppable():
            done = export_model(request, cfg, with_data, trust)
        _print(done)
        if logged and done.stored.run_id is not None:
            from tfmlflow.tracking.operations import exports

            for place in exports.log(done.stored.run_id, cfg.tracking.uri, to, done.files):
                print(f"logged {place}")
    except UsageError as error:
        sys.exit(complain(error))
    except JobFailed as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def _print(done: Export) -> None:
    from tfmlflow.export.notes import lines

    print("\n".join(lines(done)))
