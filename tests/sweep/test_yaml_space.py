"""A space in a config file, and keys that only some options have."""

from __future__ import annotations

from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from omegaconf import open_dict

from tfmlflow.config.location import conf
from tfmlflow.errors import UsageError
from tfmlflow.sweep.plan import Plan
from tfmlflow.sweep.plan_check import check


def plan(*typed: str, said: Any = None, sweep: str = "grid") -> Plan:
    """Of a command line with these overrides and a `sweep.space`."""
    with initialize_config_dir(str(conf()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        from hydra.types import RunMode

        config = loader.load_configuration("config", [f"sweep={sweep}"], run_mode=RunMode.MULTIRUN)
        with open_dict(config):
            config.sweep.space = said
        return Plan.of(loader, config, [f"sweep={sweep}", *typed])


def points(made: Plan) -> list[str]:
    """The jobs of a grid."""
    return [" ".join(f"{key}={value}" for key, value in point.items()) for point in made.space.grid()]


def test_a_key_varies_where_the_chosen_option_has_it() -> None:
    made = plan("model=mlp,cnn", "model.units=[32],[64]")
    assert points(made) == ["model=mlp model.units=[32]", "model=mlp model.units=[64]", "model=cnn"]
    assert made.space.conditions == ["model.units varies where model is mlp"]
    check(made)


def test_a_key_that_all_options_have_or_none_varies_everywhere() -> None:
    assert len(points(plan("optimizer=sgd,adam", "optimizer.learning_rate=0.1,0.2"))) == 4
    with pytest.raises(ConfigCompositionException, match="momentom"):
        check(plan("optimizer=sgd,rmsprop", "optimizer.momentom=0.1,0.2"))


def test_a_file_says_what_varies_and_where() -> None:
    made = plan(
        "seed=1,2",
        said={
            "model": ["mlp", "cnn"],
            "model.units": {"values": [[32], [64]], "when": {"model": "mlp"}},
            "optimizer.learning_rate": "0.1,0.01",
            "optimizer.momentum": {"values": "0.1,0.9", "when": {"optimizer": ["sgd"]}},
        },
    )  # the optimizer is adam: momentum is not there
    assert len(points(made)) == 3 * 2 * 2
    assert points(made)[0] == "model=mlp model.units=[32] optimizer.learning_rate=0.1 seed=1"


def test_the_command_line_counts_more() -> None:
    said = {"optimizer": ["sgd", "adam"], "optimizer.momentum": {"values": "0.1,0.9", "when": {"optimizer": "sgd"}}}
    assert points(plan("optimizer=sgd", said=said)) == ["optimizer.momentum=0.1", "optimizer.momentum=0.9"]
    assert points(plan("optimizer.momentum=0.5", said=said)) == ["optimizer=sgd", "optimizer=adam"]


def test_a_sampler_asks_for_what_is_there() -> None:
    import optuna

    from tfmlflow.sweep.search.search import Sampled

    made = plan("model=mlp,cnn", "model.units=[32],[64]", "optimizer.learning_rate=interval(0.1,1)", sweep="tpe")
    search = Sampled(made.space, optuna.create_study(), 12, made.values)
    asked = [search.ask() for _ in range(12)]
    assert {("model.units" in one.varied, one.varied["model"]) for one in asked if one} == {
        (True, "mlp"),
        (False, "cnn"),
    }


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (3, "sweep.space=3: must be keys"),
        ({"seed": 3}, "sweep.space.seed=3: must be a list"),
        ({"seed": []}, "sweep.space.seed="),
        ({"seed": {"vals": [1]}}, "sweep.space.seed="),
        ({"seed": {"values": [1, 2], "when": "mlp"}}, "sweep.space.seed.when=mlp: must be keys"),
        ({"seed": {"values": [1, 2], "when": {"modl": "mlp"}}}, "when.modl: no such key"),
        (
            {"model": ["mlp", "cnn"], "seed": {"values": [1, 2], "when": {"model": "mpl"}}},
            "when.model=mpl: model is mlp, cnn in this sweep; did you mean mlp",
        ),
        ({"seed": "interval(3"}, "sweep.space: seed=interval"),
    ],
)
def test_what_makes_no_sense_is_named(said: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        plan(said=said)


@pytest.mark.parametrize("sweep", ["grid", "tpe"])
def test_a_sweep_is_the_same_however_it_is_typed(sweep: str) -> None:
    identity = plan("optimizer=adam,sgd", "seed=1,2", "optimizer.learning_rate=1e-3,0.01", sweep=sweep).identity("code")
    for typed in (
        ("seed=2,1", "optimizer.learning_rate=0.01,0.001", "optimizer=sgd,adam"),
        ("seed=1,2,2", "optimizer.learning_rate=1.0e-3,1e-2", "optimizer='sgd',adam"),
        ("seed=1,2", "optimizer.learning_rate=1e-3,0.01", "optimizer=adam,sgd", "model=mlp"),  # the default
        ("seed=1,2", "optimizer.learning_rate=1e-3,0.01", "optimizer=adam,sgd", "tracking.log_every=5"),
    ):
        assert plan(*typed, sweep=sweep).identity("code") == identity
    for typed in (
        ("seed=1,2,3", "optimizer.learning_rate=1e-3,0.01", "optimizer=adam,sgd"),
        ("seed=1,2", "optimizer.learning_rate=1e-3,0.01", "optimizer=adam,sgd", "trainer.epochs=7"),
    ):
        assert plan(*typed, sweep=sweep).identity("code") != identity


def test_a_sampler_is_not_given_values_that_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match=r"sweep=tpe: cannot learn .* data.name=digits, data.name=diabetes"):
        check(plan("data=digits,diabetes", sweep="tpe"))
    with pytest.raises(UsageError, match=r"sweep.pruner=median: cannot learn"):
        check(plan("data=digits,diabetes", "sweep.pruner=median"))
    apart = plan("data=digits,diabetes")
    check(apart)
    assert apart.kinds == ["data.name=digits", "data.name=diabetes"]
    assert plan("optimizer=adam,sgd").kinds == [""]


def test_an_option_that_changes_the_loss_is_seen() -> None:
    made = plan("trainer.loss=mean_absolute_error,mean_squared_error", "data=diabetes")
    assert made.kinds == ["trainer.loss=mean_absolute_error", "trainer.loss=mean_squared_error"]
