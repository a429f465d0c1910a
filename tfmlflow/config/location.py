"""Where the shipped options lie: `conf/` beside the package in a checkout, inside it once installed."""

from functools import cache
from pathlib import Path


@cache
def conf() -> Path:
    """The folder with config.yaml."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def options(group: str) -> list[str]:
    """Names of the shipped options of a group."""
    return sorted(file.stem for file in (conf() / group).glob("*.yaml"))


def groups() -> list[str]:
    """Names of the shipped groups."""
    return sorted(folder.name for folder in conf().iterdir() if folder.is_dir() and folder.name != "hydra")
