"""Wrong commands and wrong files: exit code 2, a message with the fix, and nothing loaded or left behind."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.config import HEAVY, LOADED, without_heavy_libraries
from tests.conftest import Command, run
from tfmlflow.command.compose import compose
from tfmlflow.errors import UsageError

Says = tuple[str, ...]
Refused = Callable[[str, Says], subprocess.CompletedProcess[str]]
ByRule = Callable[[str, Says], None]

WRONG_KEYS: dict[str, Says] = {
    "sed=1": ("sed:", "did you mean seed?"),
    "foo=1": ("foo:", "optimizer", "seed"),
    "optimizers=adam": ("optimizers:", "did you mean optimizer?"),
    "objective.metrc=val/loss": ("objective.metrc:", "objective"),
    "data.bacth_size=3": ("data.bacth_size:", "data=digits", "did you mean batch_size?"),
    "optimizer.lerning_rate=0.1": ("optimizer.lerning_rate:", "optimizer=adam", "did you mean learning_rate?"),
    "optimizer=sgd optimizer.lerning_rate=0.1": ("optimizer.lerning_rate:", "optimizer=sgd", "learning_rate?"),
    "model=cnn model.filtrs=[8]": ("model.filtrs:", "model=cnn", "did you mean filters?"),
    "trainer.epoch=3": ("trainer.epoch:", "did you mean epochs?"),
    "trainer.early_stopping.patiance=3": ("trainer.early_stopping.patiance:", "early_stopping.patience?"),
    "tracking.log_evry=5": ("tracking.log_evry:", "did you mean log_every?"),
    "model.head=flatten": ("model.head:", "model=cnn, pretrained have it"),
    "schedule.final=0.1": ("schedule.final:", "schedule=cosine, warmup_cosine have it"),
    "optimizer.momentum=0.5": ("optimizer.momentum:", "optimizer=rmsprop, sgd have it"),
    "hardware=cpu hardware.devices=[0]": (
        "hardware.devices:",
        "hardware=auto, central_storage, gpu, multi_gpu, ",
    ),
    "optimizer.learning_rate.x=3": ("optimizer.learning_rate.x:", "did you mean learning_rate?"),
    "+optimizer.learning_rate=1": ("+optimizer.learning_rate", "optimizer.learning_rate=value"),
    "+seed=1": ("+seed", "seed=value"),
    "~nosuch": ("nosuch: no such group or key",),
}

WRONG_TYPES: dict[str, Says] = {
    "seed=abc": ("seed=abc:", "a whole number"),
    "seed=1.5": ("seed=1.5:", "a whole number"),
    "seed=null": ("seed=null:", "a whole number"),
    "data.batch_size=true": ("data.batch_size=true:", "a whole number at least 1"),
    "data.batch_size=64.0": ("data.batch_size=64.0:", "a whole number at least 1"),
    "data.batch_size=": ("data.batch_size=:", "a whole number at least 1"),
    "trainer.epochs=99999999999999999999999": ("trainer.epochs=9999", "at most 2147483647"),
    "data.limit=4000000000": ("data.limit=4000000000:", "at most 2147483647"),
    "trainer.epochs=ten": ("trainer.epochs=ten:", "a whole number at least 1"),
    "optimizer.learning_rate=abc": ("optimizer.learning_rate=abc:", "a number greater than 0"),
    "optimizer.learning_rate=null": ("optimizer.learning_rate=null:", "a number greater than 0"),
    "optimizer.learning_rate=[0.1]": ("optimizer.learning_rate=[0.1]:", "a number greater than 0"),
    "optimizer.amsgrad=1": ("optimizer.amsgrad=1:", "true or false"),
    "model.batch_norm=yes": ("model.batch_norm=yes:", "true or false"),
    "model.batch_norm=[true,2]": ("model.batch_norm=[True, 2]:", "true or false"),
    "model.units=64": ("model.units=64:", "a list"),
    "model.units=[64,abc]": ("model.units=[64, 'abc']:", "each a whole number"),
    "trainer.metrics=accuracy": ("trainer.metrics=accuracy:", "a list"),
    "trainer.early_stopping=3": ("trainer.early_stopping=3:", "a mapping"),
    "trainer.jit_compile=maybe": ("trainer.jit_compile=maybe:", "true or false", "auto"),
    "hardware.devices=0": ("hardware.devices=0:", "a list"),
    "tracking.tags=3": ("tracking.tags=3:", "a mapping"),
    "tracking.uri=5": ("tracking.uri=5:", "text"),
    "tracking.experiment=": ("tracking.experiment=:", "text"),
}

MIXED_OR_TEXT: dict[str, Says] = {
    "augment.mixup=0.2": ("augment.mixup: augment=none has no key 'mixup'", "light, mix, photo have it"),
    "augment=mix augment.mixup=-1": ("augment.mixup=-1:", "at least 0"),
    "augment=mix trainer.loss=hinge": ("trainer.loss=hinge:", "use auto"),
    "augment=mix trainer.step._target_=math.fmod": ("trainer.step._target_=math.fmod:", "gradient_step"),
    "augment=mix data=imdb": ("augment.mixup=0.2: data=imdb", "augment=none"),
    "augment=mix data=csv data.path=/dev/null data.label=a data.text=b": ("augment.mixup=0.2: data=csv",),
    "data=csv data.path=x data.label=a data.text=a": ("data.text=a: is the label, too",),
    "data=csv data.path=x data.label=a data.text=b data.categorical=[c]": ("data.categorical=['c']:", "set it to []"),
    "data=text data.path=nowhere": ("data.path=nowhere: no such folder", "a folder for each class"),
    "data=text data.path=. data.words=2": ("data.words=2:", "at least 4"),
    "augment=mix augment.cutmix=1 data=diabetes": ("augment.cutmix=1: data=diabetes", "set it to 0"),
}

OUT_OF_RANGE: dict[str, Says] = {
    "data.fold=3": ("data.fold=3: there are no folds", "data.folds=5"),
    "data.folds=1": ("data.folds=1:", "at least 2", "null"),
    "trainer=lr_range schedule=cosine": ("schedule=cosine: trainer=lr_range", "schedule=constant"),
    "optimizer.learning_rate=0": ("optimizer.learning_rate=0:", "greater than 0"),
    "optimizer.learning_rate=-0.1": ("optimizer.learning_rate=-0.1:", "greater than 0"),
    "optimizer.learning_rate=nan": ("optimizer.learning_rate=nan:", "greater than 0"),
    "optimizer.learning_rate=inf": ("optimizer.learning_rate=inf:", "greater than 0"),
    "optimizer=sgd optimizer.momentum=1": ("optimizer.momentum=1:", "less than 1"),
    "optimizer.beta_1=1": ("optimizer.beta_1=1:", "less than 1"),
    "optimizer.clipnorm=0": ("optimizer.clipnorm=0:", "greater than 0", "null"),
    "optimizer.gradient_accumulation_steps=1": ("optimizer.gradient_accumulation_steps=1:", "at least 2", "null"),
    "data.batch_size=0": ("data.batch_size=0:", "at least 1"),
    "data.limit=0": ("data.limit=0:", "at least 1", "null"),
    "data.validation_share=0": ("data.validation_share=0:", "greater than 0 and less than 1"),
    "data.validation_share=1": ("data.validation_share=1:", "greater than 0 and less than 1"),
    "data.validation_share=1.2": ("data.validation_share=1.2:", "greater than 0 and less than 1"),
    "data.test_share=-0.1": ("data.test_share=-0.1:", "greater than 0 and less than 1"),
    "data=imdb data.words=3": ("data.words=3:", "at least 4"),
    "model.dropout=1": ("model.dropout=1:", "less than 1"),
    "model.dropout=[0.1,1]": ("model.dropout=[0.1, 1]:", "less than 1"),
    "model.l2=-0.1": ("model.l2=-0.1:", "at least 0"),
    "model.units=[0]": ("model.units=[0]:", "at least 1"),
    "model=cnn model.filters=[]": ("model.filters=[]:", "at least 1"),
    "model=resnet model.blocks=0": ("model.blocks=0:", "at least 1"),
    "augment=light augment.rotation=200": ("augment.rotation=200:", "at most 180"),
    "schedule=warmup_cosine schedule.warmup=1": ("schedule.warmup=1:", "less than 1"),
    "schedule=warmup_cosine schedule.warmup=-0.1": ("schedule.warmup=-0.1:", "at least 0"),
    "schedule=warmup_cosine schedule.final=2": ("schedule.final=2:", "at most 1"),
    "schedule=step schedule.milestones=[0.5,1.5]": ("schedule.milestones=[0.5, 1.5]:", "less than 1"),
    "schedule=step schedule.milestones=[]": ("schedule.milestones=[]:", "at least 1"),
    "schedule=plateau schedule.factor=1": ("schedule.factor=1:", "less than 1"),
    "schedule=plateau schedule.patience=0": ("schedule.patience=0:", "at least 1"),
    "schedule=exponential schedule.decay_rate=0": ("schedule.decay_rate=0:", "greater than 0"),
    "hardware.devices=[-1]": ("hardware.devices=[-1]:", "at least 0"),
    "hardware.devices=[]": ("hardware.devices=[]:", "at least 1"),
    "hardware=multi_gpu hardware.logical_cpus=1": ("hardware.logical_cpus=1:", "at least 2"),
    "hardware.intra_op_threads=-1": ("hardware.intra_op_threads=-1:", "at least 1", "null"),
    "trainer.epochs=0": ("trainer.epochs=0:", "at least 1"),
    "trainer.epochs=-3": ("trainer.epochs=-3:", "at least 1"),
    "trainer.steps_per_execution=0": ("trainer.steps_per_execution=0:", "at least 1", "auto"),
    "trainer.label_smoothing=1": ("trainer.label_smoothing=1:", "less than 1"),
    "trainer.early_stopping.patience=0": ("trainer.early_stopping.patience=0:", "at least 1", "null"),
    "tracking.log_every=0": ("tracking.log_every=0:", "at least 1"),
    "tracking.checkpoint_every=0": ("tracking.checkpoint_every=0:", "at least 1", "null"),
    "tracking.drain_timeout=-1": ("tracking.drain_timeout=-1:", "at least 0"),
    "seed=-1": ("seed=-1:", "at least 0"),
    "seed=2147483648": ("seed=2147483648:", "less than 2147483648"),
}

WRONG_WORDS: dict[str, Says] = {
    "model.activation=rellu": ("model.activation=rellu:", "did you mean relu?"),
    "model.kernel_initializer=he_norml": ("model.kernel_initializer=he_norml:", "did you mean he_normal?"),
    "model=cnn model.padding=smae": ("model.padding=smae:", "did you mean same?"),
    "model=cnn model.pooling=avg": ("model.pooling=avg:", "did you mean average?"),
    "hardware.precision=float16": ("hardware.precision=float16:", "mixed_float16"),
    "hardware.log_level=warn": ("hardware.log_level=warn:", "did you mean warning?"),
    "trainer.progress=bars": ("trainer.progress=bars:", "did you mean bar?"),
    "trainer.class_weight=balancd": ("trainer.class_weight=balancd:", "did you mean balanced?"),
    "objective.mode=maximum": ("objective.mode=maximum:", "did you mean max?"),
}

UNKNOWN_OPTIONS: dict[str, Says] = {
    "augment=lite": ("augment=lite:", "did you mean light?"),
    "data=minst": ("data=minst:", "did you mean mnist?"),
    "debug=slow": ("debug=slow:", "fast"),
    "experiment=mnist": ("experiment=mnist:", "did you mean mnist_cnn?"),
    "hardware=gpus": ("hardware=gpus:", "did you mean gpu?"),
    "model=mpl": ("model=mpl:", "did you mean mlp?"),
    "optimizer=Adam": ("optimizer=Adam:", "did you mean adam?"),
    "schedule=cosin": ("schedule=cosin:", "did you mean cosine?"),
    "tracking=wandb": ("tracking=wandb:", "mlflow"),
    "trainer=fitt": ("trainer=fitt:", "did you mean fit?"),
    "hydra/launcher=joblb": ("hydra/launcher=joblb:", "did you mean joblib?"),
}

MISSING_VALUES: dict[str, Says] = {
    "data=csv": ("data.path: no value", "data.label: no value"),
    "data=csv data.label=price": ("data.path: no value", "data.path=…"),
    "data=images": ("data.path: no value",),
    "data=tfrecord": ("data.path: no value",),
    "data=custom": ("data._target_: no value",),
    "model=custom": ("model._target_: no value",),
    "optimizer=custom": ("optimizer._target_: no value",),
    "schedule=function": ("schedule.function.path: no value",),
}

MISSING_FILES: dict[str, Says] = {
    "data=mnist data.path=no.npz": ("data.path=no.npz: no such file", "this folder is"),
    "experiment=mnist_cnn data.path=/no.npz": ("data.path=/no.npz: no such file",),
    "data=csv data.path=no.csv data.label=x": ("data.path=no.csv: no such file",),
    "data=images data.path=flowers": ("data.path=flowers: no such folder", "a folder for each class"),
    "data=tfrecord data.path=records/*.tfrecord": ("data.path=records/*.tfrecord", "no file matches"),
}

WRONG_TARGETS: dict[str, Says] = {
    "model=custom model._target_=nopkg.build": ("model._target_=nopkg.build:", "no package 'nopkg'"),
    "model=custom model._target_=kera.Sequential": ("model._target_=kera.Sequential:", "did you mean keras?"),
    "model=custom model._target_=keras.modls.build": ("keras has no 'modls'", "did you mean models?"),
    "model=custom model._target_=tfmlflow.models.mlp.biuld": ("has no 'biuld'", "did you mean build?"),
    "model=custom model._target_=tfmlflow.models.mlp": ("model._target_=tfmlflow.models.mlp:", "is a module"),
    "model=custom model._target_=build": ("model._target_=build:", "my_pkg.build"),
    "model=custom model._target_=my-pkg.build": ("model._target_=my-pkg.build:", "my_pkg.build"),
    "data=custom data._target_=nopkg.load": ("data._target_=nopkg.load:", "no package 'nopkg'"),
    "optimizer=custom optimizer._target_=keras.optimizers.Adm": ("keras.optimizers has no 'Adm'", "mean Adam?"),
    "schedule=function schedule.function.path=nopkg.decay": ("schedule.function.path=nopkg.decay:", "no package"),
    "'trainer.loss={_target_: keras.losses.Hubber}'": ("trainer.loss._target_=", "has no 'Hubber'", "mean Huber?"),
    "'trainer.metrics=[{_target_: keras.metrics.AUCC}]'": ("trainer.metrics[0]._target_=", "mean AUC?"),
}

WRONG_STORES: dict[str, Says] = {
    "tracking.uri=ftp://host/runs": ("tracking.uri=ftp://host/runs:", "sqlite:///mlflow.db"),
    "tracking.uri=mlruns": ("tracking.uri=mlruns:", "sqlite:///mlflow.db"),
    "tracking.uri=./mlruns": ("tracking.uri=./mlruns:", "sqlite:///mlflow.db"),
    "tracking.uri=file:///tmp/mlruns": ("tracking.uri=file:///tmp/mlruns:", "sqlite:///mlflow.db"),
    "tracking.uri=localhost:5000": ("tracking.uri=localhost:5000:", "http(s)://host:port"),
    "tracking.uri=sqlite:///nowhere/mlflow.db": (
        "tracking.uri=sqlite:///nowhere/mlflow.db:",
        "no such folder: nowhere",
    ),
    "tracking.uri=sqlite://mlflow.db": ("tracking.uri=sqlite://mlflow.db:", "sqlite:///relative.db"),
}

CONTRADICTIONS: dict[str, Says] = {
    "optimizer.clipnorm=1 optimizer.clipvalue=1": ("optimizer.clipnorm", "optimizer.clipvalue", "only one"),
    "optimizer=sgd optimizer.momentum=0": ("optimizer.nesterov=true:", "optimizer.momentum greater than 0"),
    "hardware=multi_gpu hardware.logical_cpus=2 hardware.devices=[0,1]": ("hardware.devices", "logical_cpus", "null"),
    "hardware=multi_gpu hardware.logical_cpus=2 trainer=fit optimizer.clipnorm=1": (
        "optimizer.clipnorm=1: with hardware=multi_gpu",
        "use trainer=loop",
    ),
    "hardware=multi_gpu hardware.logical_cpus=2 hardware.precision=mixed_float16": (
        "hardware.precision=mixed_float16: with hardware=multi_gpu",
        "use mixed_bfloat16 or float32",
    ),
    "hardware=multi_gpu optimizer.gradient_accumulation_steps=4": (
        "optimizer.gradient_accumulation_steps=4: does not go with hardware=multi_gpu",
        "set it to null, and give data.batch_size",
    ),
    "hardware=multi_gpu +trainer.step.watch=3": ("trainer.step.watch=3:", "hardware=multi_gpu", "null"),
    "objective.metric=accuracy": ("objective.metric=accuracy:", "val/accuracy"),
    "objective.metric=val_accuracy": ("objective.metric=val_accuracy:", "val/<metric>"),
    "objective.metric=test/accuracy": ("objective.metric=test/accuracy:", "val/<metric>"),
}

# One of each kind, as it is typed.
TYPED: dict[str, Says] = dict(
    next(iter(kind.items()))
    for kind in (
        *(WRONG_KEYS, WRONG_TYPES, MIXED_OR_TEXT, OUT_OF_RANGE, WRONG_WORDS, UNKNOWN_OPTIONS),
        *(MISSING_VALUES, MISSING_FILES, WRONG_TARGETS, WRONG_STORES, CONTRADICTIONS),
    )
)

NOT_COMMANDS: dict[str, Says] = {
    "data=csv data.label=y data.path=häuser.csv": ("data.path=häuser.csv: no such file",),
    "+model.größe=16": ("+model.größe=16:", "letters a-z"),
    "seed": ("'seed'", "key=value"),
    "optimizer.learning_rate": ("'optimizer.learning_rate'", "key=value"),
    "model.units=[64,32": ("model.units=[64,32: the brackets do not match",),
    "model.units={64": ("model.units={64: the brackets do not match",),
    "seed=choice(1,2)": ("seed=choice(1,2)", "--multirun"),
    "--epochs 3": ("--epochs",),
    "--bogus": ("--bogus",),
    "--cfg jobb": ("jobb", "job"),
    "--config-dir nowhere": ("--config-dir", "nowhere: no such folder"),
    "--config-name nope": ("--config-name nope:", "config.yaml"),
    "--overrides 'optimizer.lerning_rate=1 seed=3'": ("optimizer.lerning_rate:", "did you mean learning_rate?"),
    "--overrides foo": ("'foo'", "key=value"),
    "--overrides '\"seed=1'": ('--overrides "seed=1:', "quotation"),
}

WRONG_SWEEPS: dict[str, Says] = {
    "-m optimizer=sgd,adm": ("optimizer=adm:", "did you mean adam?"),
    "-m optimizer.learning_rate=0.1,0,0.2": ("optimizer.learning_rate=0:", "greater than 0", "in the job"),
    "-m optimizer=sgd,adam optimizer.learning_rate=0.1,-1": ("optimizer.learning_rate=-1:", "in the job"),
    "-m optimizer=sgd,adam optimizer.lerning_rate=1": ("optimizer.lerning_rate:", "did you mean learning_rate?"),
    "-m trainer.epochs=1,0 seed=1,2": ("trainer.epochs=0:", "in the job trainer.epochs=0"),
    "-m data=digits,csv": ("data.path: no value", "data.label: no value", "in the job data=csv"),
    "-m data=digits,mnist data.path=no.npz": ("data.path:", "data=digits has no key 'path'"),
    "-m 'seed=range(-1,2)'": ("seed=-1:", "at least 0"),
    "-m tracking.uri=sqlite:///a.db,ftp://x": ("tracking.uri=ftp://x:", "in the job"),
}

ADDED_TAKEN_AWAY_OR_GARBLED: dict[str, Says] = {
    "objective=max": ("objective=max",),
    "optimizer=null": ("optimizer=null", "adam"),
    "optimizer=": ("optimizer=:", "adam"),
    "~optimizer": ("optimizer",),
    "~trainer.epochs": ("trainer.epochs",),
    "~seed": ("seed",),
    "data.seed=abc": ("data.seed=abc:", "a whole number"),
    "+data.label=x": ("data.label", "data=digits"),
    "+optimizer.momentum=0.5": ("optimizer.momentum", "optimizer=adam"),
    "+modle.units=[3]": ("modle", "did you mean model?"),
    "experiment=mnist_cnn model.filtrs=[8]": ("model.filtrs:", "model=cnn", "did you mean filters?"),
    "objective.metric=val/": ("objective.metric=val/:", "val/<metric>"),
    "model=lstm model.units=[]": ("model.units=[]:", "at least 1"),
    "model=custom model._target_=json.load.foo": ("model._target_=json.load.foo:",),
    "schedule=function schedule.function=my_pkg.decay": ("schedule.function=my_pkg.decay", "schedule.function.path="),
    "tracking.uri=http://": ("tracking.uri=http://:", "http(s)://host:port"),
    "tracking.uri=http://localhost:port": ("tracking.uri=http://localhost:port:", "http(s)://host:port"),
    "trainer.epochs=3=4": ("trainer.epochs=3=4",),
    "'trainer.epochs = 3'": ("trainer.epochs = 3",),
    "data=csv data.path=a.csv data.label=x data.separator=\\;": ("data.separator=;", "quotes"),
    "--overrides": ("--overrides",),
    "-m optimizer=sgd,adam optimizer.momentum=0.1": ("optimizer.momentum:", "optimizer=adam has no key 'momentum'"),
    "-m seed=1,-1 hydra.sweeper.max_batch_size=1": ("seed=-1:", "at least 0"),
    "-m 'model=glob(mlpp*)'": ("model=glob(mlpp*)",),
}

WRONG_FILES: dict[str, Says] = {
    "data=mnist data.path=no_y_test.npz": ("data.path=no_y_test.npz:", "no array y_test", "x_train, y_train, x_test"),
    "data=mnist data.path=text.npz": ("data.path=text.npz:", "not an npz file", "x_train, y_train, x_test, y_test"),
    "data=csv data.path=houses.csv data.label=prise": ("no column 'prise'", "rooms, town, price"),
    "data=csv data.path=houses.csv data.label=town data.task=regression": ("data.label=town:", "holds text"),
    "data=images data.path=one_class": ("data.path=one_class:", "at least two classes", "it has 1"),
}


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> str:
    """PYTHONPATH with which a command that loads TensorFlow, Keras or MLflow ends with exit code 99."""
    return without_heavy_libraries(tmp_path_factory.mktemp("light"))


@pytest.fixture
def refused(train: Command, light: str, tmp_path: Path) -> Refused:
    """Asserts that a command is refused in the right words, before anything heavy is loaded or a run is opened."""

    def check(command: str, says: Says) -> subprocess.CompletedProcess[str]:
        done = train(*shlex.split(command), PYTHONPATH=light)
        assert_refused(done, says)
        assert "was loaded" not in done.stderr
        assert left_behind(tmp_path) == []
        return done

    return check


@pytest.fixture
def by_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ByRule:
    """Asserts the same of what a command composes; that it is not let further is shown of one of each kind, `TYPED`."""
    monkeypatch.chdir(tmp_path)

    def check(command: str, says: Says) -> None:
        with pytest.raises(UsageError) as error:
            compose(shlex.split(command))
        missing = [part for part in says if part not in str(error.value)]
        assert not missing, f"{missing} not in:\n{error.value}"
        assert "Exception" not in str(error.value)

    return check


@pytest.mark.parametrize(("command", "says"), TYPED.items(), ids=list(TYPED))
def test_a_wrong_command_is_refused_before_anything_is_loaded(refused: Refused, command: str, says: Says) -> None:
    refused(command, says)


@pytest.mark.parametrize("library", HEAVY)
def test_loading_a_heavy_library_is_noticed(library: str, tmp_path: Path, light: str) -> None:
    done = run("-c", f"import {library}", cwd=tmp_path, PYTHONPATH=light)
    assert (done.returncode, done.stderr) == (LOADED, f"{library} was loaded\n")


def test_a_right_command_gets_as_far_as_loading_them(train: Command, light: str) -> None:
    done = train("optimizer=sgd", "optimizer.learning_rate=0.1", "trainer.epochs=1", PYTHONPATH=light)
    assert done.returncode == LOADED, done.stderr


def test_another_backend_of_keras_is_refused(train: Command, light: str, tmp_path: Path) -> None:
    done = train("trainer.epochs=1", PYTHONPATH=light, KERAS_BACKEND="jax")
    assert_refused(done, ("KERAS_BACKEND=jax:", "must be tensorflow"))
    (tmp_path / "keras").mkdir()
    file = tmp_path / "keras" / "keras.json"
    file.write_text('{"backend": "torch"}')
    done = train("trainer.epochs=1", PYTHONPATH=light, KERAS_HOME=str(file.parent))
    assert_refused(done, (f"backend=torch in {file}:", "must be tensorflow"))


@pytest.mark.parametrize(("command", "says"), WRONG_KEYS.items(), ids=list(WRONG_KEYS))
def test_a_wrong_key_names_the_nearest_one(by_rule: ByRule, command: str, says: Says) -> None:
    by_rule(command, says)


@pytest.mark.parametrize(("command", "says"), WRONG_TYPES.items(), ids=list(WRONG_TYPES))
def test_a_value_of_the_wrong_type_names_the_right_one(by_rule: ByRule, command: str, says: Says) -> None:
    by_rule(command, says)


@pytest.mark.parametrize(
    ("command", "says"), (OUT_OF_RANGE | MIXED_OR_TEXT).items(), ids=list(OUT_OF_RANGE | MIXED_OR_TEXT)
)
def test_a_value_out_of_range_names_the_range(by_rule: ByRule, command: str, says: Says) -> None:
    by_rule(command, says)


@pytest.mark.parametrize(("command", "says"), WRONG_WORDS.items(), ids=list(WRONG_WORDS))
def test_a_wrong_word_names_the_nearest_one(by_rule: ByRule, command: str, says: Says) -> None:
    by_rule(command, says)


@pytest.mark.parametrize(("command", "says"), UNKNOWN_OPTIONS.items(), ids=list(UNKNOWN_OPTIONS))
def test_an_unknown_option_names_those_of_its_group(by_rule: ByRule, command: str, says: Says) -> None:
    by_rule(command, says)


@pytest.mark.parametrize(("command", "says"), MISSING_VALUES.items(), ids=list(MISSING_VALUES))
def test_a_mandatory_value_that_is_missing_is_asked_for(by_rule: ByRule, command: str, says: Says) -> None:
    by_rule(command, says)


@pytest.mark.parametrize(("command", "says"), MISSING_FILES.items(), ids=list(MISSING_FILES))
def test_a_file_that_does_not_exist_is_named(by_rule: ByRule, command: str, says: Says) -> None:
    by_rule(command, says)


@pytest.mark.parametrize(("command", "says"), WRONG_TARGETS.items(), ids=list(WRONG_TARGETS))
def test_a_target_that_does_not_exist_names_the_nearest_one(by_rule: ByRule, command: str, says: Says) -> None:
    by_rule(command, says)


@pytest.mark.parametrize(("command", "says"), WRONG_STORES.items(), ids=list(WRONG_STORES))
def test_a_store_that_cannot_be_one_is_refused(by_rule: ByRule, command: str, says: Says) -> None:
    by_rule(command, says)


@pytest.mark.parametrize(("command", "says"), CONTRADICTIONS.items(), ids=list(CONTRADICTIONS))
def test_values_that_contradict_each_other_are_refused(by_rule: ByRule, command: str, says: Says) -> None:
    by_rule(command, says)


FROM_ELSEWHERE: dict[str, Says] = {
    "lr=0.1": ("lr:", "did you mean optimizer.learning_rate?"),
    "learning_rate=0.1 optimizer=sgd": ("learning_rate:", "did you mean optimizer.learning_rate?"),
    "epochs=3": ("epochs:", "did you mean trainer.epochs?"),
    "batch_size=3": ("batch_size:", "did you mean data.batch_size?"),
    "random_state=3": ("random_state:", "did you mean seed?"),
    "--epochs 3": ("--epochs 3:", "trainer.epochs=3"),
    "--lr=0.1": ("--lr=0.1:", "optimizer.learning_rate=0.1"),
    "--batch-size 3 -m": ("--batch-size 3:", "data.batch_size=3"),
    "--nosuch": ("--nosuch:", "no such flag", "--help"),
    "-p model": ("--package:", "--cfg job"),
    "optimizer=sgd,adam": ("optimizer=sgd,adam:", "several values", "-m"),
    "seed=1,2": ("seed=1,2:", "several values", "seed=[1,2] is one list", """'seed="1,2"' one text"""),
    "trainer.loss=hubert": ("trainer.loss=hubert:", "did you mean huber?"),
    "trainer.metrics=[acc]": ("trainer.metrics=['acc']:", "accuracy"),
}


@pytest.mark.parametrize(("command", "says"), FROM_ELSEWHERE.items(), ids=list(FROM_ELSEWHERE))
def test_what_other_programs_call_it_is_answered_with_the_key(refused: Refused, command: str, says: Says) -> None:
    refused(command, says)


@pytest.mark.parametrize(("command", "says"), NOT_COMMANDS.items(), ids=list(NOT_COMMANDS))
def test_what_is_no_command_is_repeated_in_the_message(refused: Refused, command: str, says: Says) -> None:
    refused(command, says)


@pytest.mark.parametrize(("command", "says"), WRONG_SWEEPS.items(), ids=list(WRONG_SWEEPS))
def test_one_wrong_value_in_a_sweep_keeps_every_job_from_starting(refused: Refused, command: str, says: Says) -> None:
    done = refused(command, says)
    assert "Launching" not in done.stdout + done.stderr


def test_a_reference_to_nothing_is_named(train: Command, light: str) -> None:
    done = train("seed=${nosuch}", PYTHONPATH=light)
    assert_refused(done, ("seed", "nosuch"))
    assert "was loaded" not in done.stderr


def test_everything_that_is_wrong_is_said_at_once(refused: Refused) -> None:
    done = refused(
        "seed=-1 trainer.epochs=0 model.dropout=1 tracking.uri=mlruns",
        ("seed=-1:", "trainer.epochs=0:", "model.dropout=1:", "tracking.uri=mlruns:"),
    )
    assert all(line.startswith("error: ") for line in done.stderr.splitlines())


@pytest.mark.parametrize(
    ("command", "says"), ADDED_TAKEN_AWAY_OR_GARBLED.items(), ids=list(ADDED_TAKEN_AWAY_OR_GARBLED)
)
def test_other_wrong_commands_are_refused_as_well(refused: Refused, command: str, says: Says) -> None:
    refused(command, says)


@pytest.mark.parametrize(("command", "says"), WRONG_FILES.items(), ids=list(WRONG_FILES))
def test_a_wrong_file_is_refused_before_a_run_is_opened(
    train: Command, tmp_path: Path, command: str, says: Says
) -> None:
    write_wrong_files(tmp_path)
    assert_refused(train(*shlex.split(command), "trainer.epochs=1"), says)
    assert not (tmp_path / "mlflow.db").exists()
    assert not (tmp_path / "mlruns").exists()


def write_wrong_files(folder: Path) -> None:
    """One file, or folder, for each way to be wrong."""
    images, labels = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 10
    np.savez(folder / "no_y_test.npz", x_train=images, y_train=labels, x_test=images)
    (folder / "text.npz").write_text("not an archive\n")
    rows = [f"{i % 5},{'ab'[i % 2]},{i * 1.5}" for i in range(60)]
    (folder / "houses.csv").write_text("\n".join(["rooms,town,price", *rows]) + "\n")
    (folder / "one_class" / "daisies").mkdir(parents=True)
    (folder / "one_class" / "daisies" / "a.png").touch()


def assert_refused(done: subprocess.CompletedProcess[str], says: Says) -> None:
    """Exit code 2 and a message with each of `says`, without a traceback or the name of a class."""
    assert done.returncode == 2, done.stdout + done.stderr
    missing = [part for part in says if part not in done.stderr]
    assert not missing, f"{missing} not in:\n{done.stderr}"
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def left_behind(folder: Path) -> list[Path]:
    """Files in a folder, except for the list of jobs that Hydra writes before it asks the sweeper."""
    return [file for file in folder.rglob("*") if file.is_file() and file.name != "multirun.yaml"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", '{"mine": 1}'),
        ("run.json", '{"name": "mine", "status": "FINISHED", "metrics": {}}'),
        ("run.json", "not JSON"),
        ("checkpoints/index.json", '{"epoch": 3}'),
        ("checkpoints/step-00000010.npz", "weights of something else"),
    ],
)
def test_no_file_of_anybodys_is_replaced(train: Command, light: str, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content)
    done = train("hydra.run.dir=.", "trainer.epochs=1", PYTHONPATH=light)
    assert_refused(done, ("hydra.run.dir=.:", f"{name} there was not left by a training"))
    assert [file.name for file in left_behind(tmp_path)] == [Path(name).name]
    assert (tmp_path / name).read_text() == content


def test_a_wrong_command_never_touches_the_folder_that_it_names(train: Command, light: str, tmp_path: Path) -> None:
    """Once the whole output folder of a refused command was removed, `.git` and database with it."""
    files = {".git/HEAD": "ref", "mlflow.db": "runs", "mine.py": "x = 1", ".hydra/config.yaml": "of an earlier run"}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for folder in (".", "empty", "empty/../.git", str(tmp_path)):
        done = train(f"hydra.run.dir={folder}", "trainer.epochs=0", PYTHONPATH=light)
        assert_refused(done, ("trainer.epochs=0:",))
        assert sorted(tmp_path.rglob("*")) == before
        assert {name: (tmp_path / name).read_text() for name in files} == files
