"""Wrong commands with `-m`: exit code 2, one message with the fix, and nothing begun or left behind."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.config import HEAVY, without_heavy_libraries
from tests.config.test_bad_input import assert_refused, left_behind
from tests.conftest import Command

Says = tuple[str, ...]

LOG = "optimizer.learning_rate=tag(log,interval(0,0.1))"
WRONG_SPACES: dict[str, Says] = {
    "optimizer.learning_rate=interval(1e-4,1e-1)": ("optimizer.learning_rate=", "sweep=random or sweep=tpe"),
    "sweep=random 'optimizer.learning_rate=interval(0,0.1)'": ("optimizer.learning_rate=0:", "greater than 0"),
    "sweep=tpe 'model.dropout=interval(0,1)'": ("model.dropout=1:", "less than 1"),
    f"sweep=tpe '{LOG}'": (LOG, "must begin above 0"),
    "sweep=random 'seed=interval(3,1)'": ("seed=interval(3,1)", "first must be less"),
    "'optimizer=glob(nosuch*)'": ("optimizer=glob(nosuch*)",),
    "'seed=range(5,1)'": ("seed=range(5,1)",),
    "sweep=tpe 'seed=interval(0,10)'": ("seed=", "a whole number"),
    "sweep=tpe": ("sweep=tpe: nothing varies",),
    "sweep=random": ("sweep=random: nothing varies",),
}

WRONG_WAYS: dict[str, Says] = {
    "seed=1,2 sweep=bayes": ("sweep=bayes:", "grid, random, tpe"),
    "seed=1,2 sweep=random sweep.trials=0": ("sweep.trials=0:", "at least 1"),
    "seed=1,2 sweep=random sweep.trials=null": ("sweep.trials=null:", "sweep.trials=20"),
    "seed=1,2 sweep=tpe sweep.trials=null": ("sweep.trials=null:", "sweep.trials=20"),
    "seed=1,2 sweep.on_failure=halt": ("sweep.on_failure=halt:", "continue, stop"),
    "seed=1,2 sweep.pruner=medain": ("sweep.pruner=medain:", "did you mean median?"),
    "seed=1,2 sweep=tpe sweep.sampler._target_=optuna.samplers.TPSampler": ("TPSampler", "did you mean TPESampler?"),
    "seed=1,2 sweep=tpe sweep.pruner=median 'sweep.objectives=[best/accuracy max,model.parameters min]'": (
        "sweep.pruner=median:",
        "sweep.objectives",
    ),
    "seed=1,2 sweep=tpe 'sweep.objectives=[best/accuracy upwards]'": ("sweep.objectives=", "best/accuracy max"),
    "seed=1,2 hydra/launcher=process hydra.launcher.n_jobs=0": ("hydra.launcher.n_jobs=0:", "at least 1"),
    "seed=1,2 hydra/launcher=process hydra.launcher.gpus=[-1]": ("hydra.launcher.gpus=[-1]:", "[0,1]"),
    "seed=1,2 hydra/launcher=process hydra.launcher.gpus=[]": ("hydra.launcher.gpus=[]:", "[0,1]"),
    "seed=1,2 objective.metric=val/fancy 'trainer.metrics=[{_target_: keras.metrics.Mean, name: fancy}]'": (
        "objective.metric=val/fancy:",
        "objective.mode=max, or min",
    ),
    "seed=1,2 sweep.retries=-1": ("sweep.retries=-1:", "at least 0"),
    "seed=1,2 'sweep.time_budget=soon'": ("sweep.time_budget=soon:", "30 min"),
    "seed=1,2 hydra/launcher=process hydra.launcher.timeout=soon": ("hydra.launcher.timeout=soon:", "30 min"),
    "data.folds=3 data.fold=0,1,2 sweep=tpe": ("data.fold: sweep=tpe", "sweep=grid"),
    "data.folds=3 data.fold=0,1,2 sweep.pruner=median": ("sweep.pruner=median:", "sweep.pruner=none"),
    "hardware.intra_op_threads=1,2": ("hardware.intra_op_threads=1,2:", "hydra/launcher=process"),
}

VARIED_THAT_MUST_NOT: dict[str, Says] = {
    "sweep.trials=2,3": ("sweep.trials:", "the same in all jobs"),
    "sweep=grid,random": ("sweep:", "the same in all jobs"),
    "objective.metric=val/loss,val/accuracy": ("objective.metric:", "the same in all jobs"),
}

# Only Optuna can tell, so MLflow is loaded by then.
WRONG_FOR_OPTUNA: dict[str, Says] = {
    "seed=1,2 sweep=tpe +sweep.sampler.nosuch=3": ("sweep.sampler=", "nosuch"),
    "seed=1,2 sweep=tpe sweep.storage=nosuch://x": ("sweep.storage=nosuch://x:",),
    "seed=1,2 sweep.pruner=median +sweep.pruner_options.nosuch=1": ("sweep.pruner_options=", "nosuch"),
}


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> str:
    """PYTHONPATH of a Python without TensorFlow, Keras and MLflow."""
    return without_heavy_libraries(tmp_path_factory.mktemp("path"))


@pytest.fixture
def refused(train: Command, light: str, tmp_path: Path) -> Callable[[str, Says], None]:
    """Expects a command to be refused before anything was loaded or left behind."""

    def expect(command: str, says: Says) -> None:
        done = train("-m", *shlex.split(command), "trainer.epochs=1", PYTHONPATH=light)
        assert_refused(done, says)
        assert not any(f"{name} was loaded" in done.stderr for name in HEAVY)
        assert sum(line.startswith("error: ") for line in done.stderr.splitlines()) == 1, done.stderr
        assert done.stdout == ""
        assert left_behind(tmp_path) == []

    return expect


@pytest.mark.parametrize(("command", "says"), WRONG_SPACES.items(), ids=list(WRONG_SPACES))
def test_a_space_that_cannot_be_is_refused(refused: Callable[[str, Says], None], command: str, says: Says) -> None:
    refused(command, says)


@pytest.mark.parametrize(("command", "says"), WRONG_WAYS.items(), ids=list(WRONG_WAYS))
def test_a_wrong_way_to_sweep_is_refused(refused: Callable[[str, Says], None], command: str, says: Says) -> None:
    refused(command, says)


@pytest.mark.parametrize(("command", "says"), VARIED_THAT_MUST_NOT.items(), ids=list(VARIED_THAT_MUST_NOT))
def test_what_is_the_sweeps_own_cannot_vary(refused: Callable[[str, Says], None], command: str, says: Says) -> None:
    refused(command, says)


@pytest.mark.parametrize(("command", "says"), WRONG_FOR_OPTUNA.items(), ids=list(WRONG_FOR_OPTUNA))
def test_what_optuna_refuses_is_said_before_a_run_is_opened(
    train: Command, tmp_path: Path, command: str, says: Says
) -> None:
    assert_refused(train("-m", *shlex.split(command), "trainer.epochs=1"), says)
    assert [file.name for file in left_behind(tmp_path) if file.name != "tfmlflow-sweeps.db"] == []
