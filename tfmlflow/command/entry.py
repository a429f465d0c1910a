"""The way from a command line to a checked config, a trained job and an exit code."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from tfmlflow.command import flags
from tfmlflow.command.arguments import quoted, require_options, spread
from tfmlflow.command.mappings import as_override, opened
from tfmlflow.command.run_start import Refused
from tfmlflow.command.swept import conditional
from tfmlflow.config.location import conf
from tfmlflow.errors import JobFailed, UsageError, WorkerLost
from tfmlflow.job.job import OUTPUT, take_run_id
from tfmlflow.job.job import Job as Here
from tfmlflow.job.report import JobReport
from tfmlflow.masking import masked_text
from tfmlflow.output import outlive_output
from tfmlflow.vocabulary import EndReason

Job = Callable[[DictConfig], float | None]


def command(job: Job, arguments: Sequence[str]) -> int:
    """Run `job` on the config, or configs, that `arguments` compose.

    Args:
        job: Takes a checked config, returns the objective.
        arguments: The command line without the program's name. `--overrides "a=1 b=2"` stands for `a=1 b=2`, which is
            what MLproject needs to pass any number of them.

    Returns:
        0 all well, 1 a job failed, 2 the command or config is wrong, 130 or 143 after SIGINT or SIGTERM.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us instead of being printed by Hydra
    take_run_id()
    outlive_output()
    _find_modules_in(Path.cwd())
    try:
        arguments = conditional(flags.first(opened(quoted(spread(arguments)))))
        if "--version" in arguments:
            print(flags.versions())
            return 0
        require_options(arguments)
        if (folder := os.environ.get(OUTPUT)) and not any(word.startswith("hydra.run.dir=") for word in arguments):
            arguments = [*arguments, f"hydra.run.dir={as_override(folder)}"]
        sys.argv[1:] = list(arguments)
        hydra.main(config_path=str(conf()), config_name="config", version_base="1.3")(_checked(job))()
    except UsageError as error:
        return complain(error)
    except JobFailed:
        return 1
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        from tfmlflow.command.explain import explain

        return complain(explain(error, arguments))
    except Refused as refused:
        return complain(refused.error)
    except KeyboardInterrupt:  # before there is a run, whose end says it
        print("stopped by SIGINT", file=sys.stderr)
        return 130
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 2 if error.code else 0
    return 0


def complain(error: UsageError) -> int:
    """Print what is wrong, and return exit code 2."""
    lines = masked_text(str(error)).splitlines()
    print("\n".join(line if line.startswith(" ") else f"error: {line}" for line in lines), file=sys.stderr)
    return 2


def _checked(job: Job) -> Job:
    """`job` on a checked config, its errors printed at once, so that those of a sweep are seen when they happen.

    A single run then leaves with its exit code; a job of a sweep raises `JobFailed`, which the launcher notes before it
    goes on to the next.
    """

    @functools.wraps(job)
    def checked(cfg: DictConfig) -> float | None:
        from tfmlflow.command.job import current
        from tfmlflow.config.check import check

        here = current()
        _find_modules_in(Path(HydraConfig.get().runtime.cwd))
        _close_to_others(here.folder, HydraConfig.get().output_subdir)
        if here.stop_requested is not None and (reason := here.stop_requested()) is not None:  # before it has begun
            JobReport("KILLED", reason, start=here.start).write(here.folder)
            return None
        try:
            check(cfg)
            return job(cfg)
        except UsageError as error:
            code = complain(error)
            _leave_report(here, error)
        except JobFailed:
            code = 1
        except Exception as error:
            lost = isinstance(error, WorkerLost)  # of whose death the chief's own frames tell nothing
            said = f"error: {error}\n" if lost else traceback.format_exc()
            print(masked_text(said), end="", file=sys.stderr)
            code = 1
            _leave_report(here, error)
        if here.number is None:
            sys.exit(code)
        raise JobFailed

    return checked


def _leave_report(here: Here, error: Exception) -> None:
    """Of a job that has failed before it had a run."""
    if JobReport.of(here.folder, here.start) is None:
        said = str(error) if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"
        said = masked_text(said.splitlines()[0]) if said else ""
        JobReport("FAILED", EndReason.ERROR, error=said, start=here.start).write(here.folder)


def _close_to_others(folder: Path, subfolder: str | None) -> None:
    """Hydra's copies of the config are what a job is repeated from, so secrets stay in them: for their owner alone."""
    copies = (folder / subfolder).glob("*.yaml") if subfolder else ()
    for file in (*copies, folder.parent / "multirun.yaml"):
        with contextlib.suppress(OSError):
            text = file.read_text(encoding="utf-8")
            if masked_text(text) != text:
                file.chmod(0o600)


def _find_modules_in(folder: Path) -> None:
    """Let `model._target_=mine.build` be found in the folder that one works in, after all that is installed."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
