"""The index of a set of records: made by one pass over its files, the next time read from the cache."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from tfmlflow.data.bad import Bad
from tfmlflow.data.digest import of_parts
from tfmlflow.data.records import cache
from tfmlflow.data.records.examples import Examples
from tfmlflow.data.records.shard import Shard
from tfmlflow.errors import UsageError

log = logging.getLogger(__name__)

EVERY = 5.0  # seconds between two lines about a long pass


@dataclass(frozen=True)
class Index:
    """Where every record of some files lies.

    Attributes:
        places: int64 `(n, 4)`: number of the file, and as of `Shard`.
        labels: int32 `(n,)`: class indices.
        bad: Records that cannot be read.
        digest: Hash of the whole content, 32 hex digits.
    """

    places: NDArray[np.int64]
    labels: NDArray[np.int32]
    bad: tuple[Bad, ...]
    digest: str

    @classmethod
    def of(cls, files: Sequence[Path], examples: Examples) -> Index:
        """Look through the files that are not known yet.

        Raises:
            UsageError: One cannot be read, or holds something else.
        """
        progress = _Progress(files)
        with ThreadPoolExecutor() as pool:
            shards = [_shard(file, examples, pool, progress) for file in files]
        numbered = [np.insert(shard.places, 0, number, axis=1) for number, shard in enumerate(shards)]
        labels = np.concatenate([shard.labels for shard in shards])
        bad = tuple(one for file, shard in zip(files, shards, strict=True) for one in shard.named(file))
        return cls(np.concatenate(numbered), labels.astype(np.int32), bad, of_parts(shard.digest for shard in shards))


def _shard(file: Path, examples: Examples, pool: ThreadPoolExecutor, progress: _Progress) -> Shard:
    try:
        name = cache.key(file, examples)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror or error}") from error
    shard = cache.read(name)
    if shard is None:
        shard = Shard.of(file, examples, pool, progress.tell)
        cache.write(name, shard)
    progress.done(file)
    return shard


class _Progress:
    """Lines about a pass that takes long."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files, self._before, self._number = len(files), 0, 0
        self._told = time.monotonic()
        self._whole = sum(file.stat().st_size for file in files if file.is_file())
        self._console = Console(stderr=True, markup=False, highlight=False)

    def tell(self, so_far: int) -> None:
        """Of the present file, bytes."""
        if time.monotonic() - self._told >= EVERY:
            self._told = time.monotonic()
            self._console.print(
                f"looking through records, once: {(self._before + so_far) / 1e9:.1f} of {self._whole / 1e9:.1f} GB, "
                f"file {self._number + 1} of {self._files}",
                soft_wrap=True,
            )

    def done(self, file: Path) -> None:
        """With a file."""
        self._before, self._number = self._before + file.stat().st_size, self._number + 1
