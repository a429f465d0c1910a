"""The start of a run that is ours: opened in the store, or adopted from who has opened it for us, with its session."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from tfmlflow.masking import masked
from tfmlflow.tracking.run import opening
from tfmlflow.tracking.run.outbox import Outbox
from tfmlflow.tracking.run.session import Session
from tfmlflow.tracking.run.signals import Signals
from tfmlflow.tracking.store.names import LONGEST, legal, text
from tfmlflow.tracking.store.saved_view import SavedView
from tfmlflow.vocabulary import Tag

BEFORE = "in attempt"  # begins what an attempt that was gone on with has ended by


def given_tags(tracking: Mapping[str, Any]) -> dict[str, str]:
    """The tags of `tracking.tags`, under names that MLflow takes, secrets masked."""
    return {legal(str(key)): str(masked(str(key), value)) for key, value in tracking["tags"].items()}


def start(
    uri: str,
    experiment: str,
    name: str,
    tags: Mapping[str, str],
    *,
    adopt: str | None = None,
    parent: str | None = None,
    parent_key: str | None = None,
    view: SavedView | None = None,
    drain_timeout: float = 30.0,
    system_metrics: bool = False,
    signals: Signals | None = None,
) -> Session:
    """Open a run, or go on in one.

    Args:
        uri: Of the store, absolute.
        experiment, name, tags: Of a new run; an adopted one takes the name and the tags too.
        adopt: Id of a run that is there.
        parent: Id of the new run's parent, whose experiment is its own.
        parent_key: The parent's name in the spool, where its id is not known yet.
        view: Of the experiment's page, saved with its first run.
        drain_timeout, system_metrics, signals: As of `Session`.

    Raises:
        UsageError: The store answers, and refuses.
    """
    name, local_id = text(name)[:LONGEST], uuid.uuid4().hex
    if adopt is not None:
        opened = opening.adopt(uri, adopt, name)
    else:
        tags = opening.complete({**tags, Tag.PARENT: parent} if parent else tags)
        opened = opening.create(uri, experiment, name, tags, local_id, beside=parent, view=view)
    session = Session(
        Outbox(opened.run_id or local_id, uri),
        *(uri, opened, experiment, name, tags),
        drain_timeout=drain_timeout,
        system_metrics=system_metrics,
        signals=signals,
        ours=adopt is None,
        attempt=opened.attempts + 1,
        parent=parent_key,
    )
    if adopt is not None:
        session.tags(tags)
        if opened.attempts and (error := (opened.tags or {}).get(Tag.ERROR)) and not error.startswith(BEFORE):
            session.tags({Tag.ERROR: f"{BEFORE} {opened.attempts}: {error}"})
    return session
