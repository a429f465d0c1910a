"""How a run can end before its time, or otherwise than hoped."""


class UsageError(ValueError):
    """The command, config or data is wrong; the message names the value, what is allowed and the fix (exit code 2)."""


class Interrupted(SystemExit):
    """SIGTERM or SIGINT arrived; everything was made safe first (exit code 128 + signal number)."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signum = signum


class WorkerLost(RuntimeError):
    """A process without which a training cannot go on is gone; the message names it (exit code 1)."""


class JobFailed(Exception):
    """A job failed, and has said why when it did (exit code 1)."""
