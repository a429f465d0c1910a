"""`tfmlflow evaluate`: a stored model on a data set."""

from __future__ import annotations

import sys

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("model")
@click.argument("overrides", nargs=-1, type=click.UNPROCESSED)
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True)
@click.option("--trust", is_flag=True, help="Run code that the model brings with it: custom objects and lambdas.")
@click.option("--overrides", "more", default="", help="More overrides in one word, for MLproject.")
def evaluate(model: str, overrides: tuple[str, ...], split: str, trust: bool, more: str) -> None:
    """Evaluate MODEL, a run id (or how it begins) or a model URI (models:/name@champion), on a data set.

    The data are split as in the model's training, so that its test examples are such as it has not seen; loss and
    metrics are those of the training, too. What is typed goes before.

    Nothing that comes out of the store is run, so a model with layers that are not Keras's own needs --trust.

    \b
    tfmlflow evaluate 6d065d96 data=digits
    tfmlflow evaluate models:/digits@champion data=csv data.path=new.csv data.label=digit
    """
    from tfmlflow.command.arguments import spread
    from tfmlflow.command.entry import complain
    from tfmlflow.errors import UsageError

    try:
        from tfmlflow.command.compose import compose

        words = [*overrides, *spread(["--overrides", more])]
        cfg = compose(words, required=("data",))

        from tfmlflow.evaluation.evaluation import evaluate_model

        evaluate_model(cfg, model, split, trust, words)
    except UsageError as error:
        sys.exit(complain(error))
