"""The advice of a profile, taken: what it has promised against what it gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from tfmlflow.profile import again


def trial(overrides: Sequence[str], folder: Path, say: Callable[[str], None]) -> int:
    """Profile the training again, as the first profile has advised.

    Args:
        overrides: Of the first profile.
        folder: Of its job.
        say: Takes a line for people.

    Returns:
        0, or 1 if the second one failed.
    """
    before = json.loads((folder / again.FILE).read_text(encoding="utf-8"))
    advised = next((one for one in before["findings"] if one["overrides"]), None)
    if advised is None:
        say("nothing to try: no setting was advised")
        return 0
    say(f"\ntrying {' '.join(advised['overrides'])}")
    after = again.profile([*overrides, *advised["overrides"]], folder / "tried")
    if after is None:
        say("error: the advised training has failed")
        return 1
    realised = before["whole"] / after["whole"]
    say(
        f"predicted {advised['gain']:.2f} times faster, realised {realised:.2f} "
        f"({before['whole']:.3g} s to {after['whole']:.3g} s)"
    )
    return 0
