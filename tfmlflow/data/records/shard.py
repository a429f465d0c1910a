"""What is known of one file of records: where each lies, its label, and which are broken."""

from __future__ import annotations

import hashlib
import zlib
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmlflow.data.bad import Bad
from tfmlflow.data.digest import LENGTH
from tfmlflow.data.records.examples import Examples
from tfmlflow.data.records.framing import HEADER, Framed, records
from tfmlflow.errors import UsageError

AT_ONCE, BYTES = 256, 1 << 22  # records that are in memory while a file is looked through, at most


@dataclass(frozen=True)
class Shard:
    """One file, looked through.

    Attributes:
        places: int64 `(n, 3)`: where the content of each whole record begins, its length (bytes), its CRC-32.
        labels: int64 `(n,)`: their class indices.
        bad: The broken ones: number, begin (bytes), and why.
        digest: Hash of the content of the whole ones, 32 hex digits.
    """

    places: NDArray[np.int64]
    labels: NDArray[np.int64]
    bad: tuple[tuple[int, int, str], ...]
    digest: str

    def named(self, file: Path) -> list[Bad]:
        """The broken ones, with the file's name."""
        return [Bad(f"{file}, record {number} at byte {begin:,}", why) for number, begin, why in self.bad]

    @classmethod
    def of(cls, file: Path, examples: Examples, pool: Executor, tell: Callable[[int], Any]) -> Shard:
        """Look through a file, reading it once.

        Args:
            file: Of records.
            examples: What they should be.
            pool: Decodes pictures.
            tell: Hears how far it has come, bytes.

        Raises:
            UsageError: The first records are none of these at all.
        """
        places, labels, bad = array("q"), array("q"), list[tuple[int, int, str]]()
        digest = hashlib.blake2b(digest_size=LENGTH // 2)
        for some in _in_parts(records(file)):
            whole = [(one, one.content) for one in some if one.content is not None]
            said = examples.look([content for _, content in whole], pool) if whole else []
            if not labels and not bad and said and all(str(one).startswith("not of") for one in said):
                raise UsageError(f"{file}: {str(said[0])[:300]} (the first {len(said):,} records are such)")
            found = {one.number: label for (one, _), label in zip(whole, said, strict=True)}
            for one in some:
                label = found.get(one.number, one.why)
                if isinstance(label, str) or one.content is None:
                    bad.append((one.number, one.begin, str(label)))
                    continue
                places.extend((one.begin + HEADER, len(one.content), zlib.crc32(one.content)))
                labels.append(label)
                digest.update(len(one.content).to_bytes(8, "little") + one.content)
            tell(some[-1].begin)
        return cls(
            np.frombuffer(places, np.int64).reshape(-1, 3) if places else np.zeros((0, 3), np.int64),
            np.frombuffer(labels, np.int64) if labels else np.zeros(0, np.int64),
            tuple(bad),
            digest.hexdigest(),
        )


def _in_parts(found: Iterator[Framed]) -> Iterator[list[Framed]]:
    """As many records as may be in memory."""
    while some := list(islice(found, 1)):
        size = len(some[0].content or b"")
        while size < BYTES and len(some) < AT_ONCE and (more := list(islice(found, 1))):
            some += more
            size += len(more[0].content or b"")
        yield some
