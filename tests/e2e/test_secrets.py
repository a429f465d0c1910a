"""No secret leaves with a run: planted in every place from which text leaves, and looked for in all that was left."""

from __future__ import annotations

import shutil
import stat
import subprocess
import uuid
from pathlib import Path

import pytest

from tests import stores
from tests.conftest import ROOT, run

ID_RSA = "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n"
MODULE = """
import keras

def build(data, dsn, client_secret):
    password = "{}"
    keras.utils.set_random_seed(0)
    if client_secret == "fails":
        raise RuntimeError(f"cannot open {{dsn}} with password={{password}}")
    inputs = keras.Input(data.input_shape)
    return keras.Model(inputs, keras.layers.Dense(data.classes, "softmax")(keras.layers.Flatten()(inputs)))
"""


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def secrets() -> dict[str, str]:
    """By the place they are planted in; made anew, since words of this file are in its own repository."""
    places = ("tracked", "env", "key", "new", "folder", "override", "dsn", "remote", "csv")
    return {place: f"hunter-{place}-{uuid.uuid4().hex[:10]}" for place in places}


@pytest.fixture
def project(tmp_path: Path, secrets: dict[str, str]) -> Path:
    """Somebody's repository, with changes that are not committed."""
    folder = tmp_path / "project"
    (folder / ".aws").mkdir(parents=True)
    (folder / "settings.yaml").write_text("db_password: old\nrows: 3\n")
    (folder / "data.bin").write_bytes(b"\x00\x01")
    shutil.copy(ROOT / "train.py", folder)
    git(folder.parent, "init", "-q", str(folder))
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    git(folder, "remote", "add", "origin", f"https://me:{secrets['remote']}@github.com/me/x.git")
    (folder / "settings.yaml").write_text(f"db_password: {secrets['tracked']}\nrows: 4\n")
    (folder / "data.bin").write_bytes(b"\x00\x02")
    (folder / ".env").write_text(f"DB_PASS={secrets['env']}\n")
    (folder / "id_rsa").write_text(ID_RSA.format(secrets["key"]))
    (folder / "mine.py").write_text(MODULE.format(secrets["new"]))
    (folder / ".aws" / "config.txt").write_text(secrets["folder"])
    (folder / "people.csv").write_text(f"name\n{secrets['csv']}\n")
    return folder


def leaks(secrets: dict[str, str], root: Path, but: tuple[Path, ...]) -> dict[str, str]:
    """Files under `root` that hold one of them, by name or content."""
    found = {}
    for path in root.rglob("*"):
        if any(other == path or other in path.parents for other in but):
            continue
        content = str(path).encode() + (path.read_bytes() if path.is_file() else b"")
        found |= {f"{path}": place for place, secret in secrets.items() if secret.encode() in content}
    return found


@pytest.mark.parametrize("end", ["trained", "fails"])
def test_no_secret_leaves_with_a_run(tmp_path: Path, project: Path, secrets: dict[str, str], end: str) -> None:
    store, out = tmp_path / "store", tmp_path / "out"
    stores.ready(store)
    given = {"dsn": f"postgresql://u:{secrets['dsn']}@host/db", "client_secret": secrets["override"]}
    if end == "fails":
        given["client_secret"] = "fails"
    done = run(
        *("train.py", "model=custom", "model._target_=mine.build", "trainer.epochs=1", "data=digits"),
        *(f"+model.{key}='{value}'" for key, value in given.items()),
        *(f"tracking.uri=sqlite:///{store / 'mlflow.db'}", f"hydra.run.dir={out}"),
        cwd=project,
        TFMLFLOW_SPOOL=str(tmp_path / "spool"),
        MLFLOW_ARTIFACTS_DESTINATION=str(store / "artifacts"),
    )
    assert (done.returncode == 0) == (end == "trained"), done.stderr
    assert not [place for place, secret in secrets.items() if secret in done.stdout + done.stderr], done.stderr
    hydra = out / ".hydra"
    assert leaks(secrets, tmp_path, (project / "mine.py", project, hydra)) == {}
    assert leaks(secrets, project / "mlruns", ()) == {}
    kept = [file for file in hydra.glob("*.yaml") if secrets["dsn"] in file.read_text()]
    assert kept  # a job is repeated from it
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept} == {0o600}


def test_the_patch_holds_code_and_text_and_says_what_it_does_not(project: Path) -> None:
    arguments = ("model=custom", "model._target_=mine.build", "+model.dsn=x", "+model.client_secret=1", "debug=fast")
    done = run("train.py", *arguments, cwd=project)
    assert done.returncode == 0, done.stderr
    recorded = stores.only_run(project)
    client = stores.client(project)
    patch = Path(client.download_artifacts(recorded.info.run_id, "environment/diff.patch")).read_text()
    assert "+rows: 4" in patch
    assert "+import keras" in patch
    head = patch[: patch.index("diff --git")]
    for line in (
        "# masked, so that it does not repeat: settings.yaml",
        "# masked, so that it does not repeat: mine.py",
        "# left out: data.bin: is no text",
        "# left out: .env: may hold a secret",
        "# left out: id_rsa: may hold a secret",
        "# left out: .aws/config.txt: may hold a secret",
        "# left out: people.csv: is neither code nor text of a known kind",
    ):
        assert line in head.splitlines()
    done = run("train.py", *arguments, "tracking.diff=false", cwd=project)
    assert done.returncode == 0, done.stderr
    other = next(one for one in stores.runs(project) if one.info.run_id != recorded.info.run_id)
    assert "environment/diff.patch" not in artifacts_of(client, other.info.run_id)


def artifacts_of(client: object, run_id: str) -> set[str]:
    return {entry.path for entry in client.list_artifacts(run_id, "environment")}  # type: ignore[attr-defined]


def test_a_tag_of_a_sweep_is_masked_in_the_run_of_the_sweep_too(tmp_path: Path) -> None:
    words = ("seed=1,2", "debug=fast", "+tracking.tags.api_key=hunter2hunter2", "+tracking.tags.team=red", "-m")
    done = run(str(ROOT / "train.py"), *words, cwd=tmp_path, TFMLFLOW_SPOOL=str(tmp_path / "spool"))
    assert done.returncode == 0, done.stderr
    runs = stores.runs(tmp_path)
    assert [(each.data.tags["api_key"], each.data.tags["team"]) for each in runs] == [("********", "red")] * 3
    copies = (*tmp_path.rglob(".hydra"), *tmp_path.rglob("multirun.yaml"))  # jobs are repeated from them
    assert leaks({"tag": "hunter2hunter2"}, tmp_path, copies) == {}
