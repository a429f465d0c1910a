"""What was found out about files of records, kept in the user's cache folder, or in `$TFMLFLOW_CACHE`."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path

import numpy as np
import platformdirs

from tfmlflow import whole_file
from tfmlflow.data.records.examples import Examples
from tfmlflow.data.records.shard import Shard

log = logging.getLogger(__name__)

VERSION = 1  # of what is kept
EDGE, BLOCK, BLOCKS = 1 << 16, 1 << 12, 16  # bytes at begin and end, and of blocks in between, that a key is made of


def key(file: Path, examples: Examples) -> str:
    """Names a file and what was looked for in it: path, size, time of the last change, a sample of the content."""
    about = file.stat()
    sample = hashlib.blake2b()
    with file.open("rb") as stream:
        between = (about.st_size * number // BLOCKS for number in range(1, BLOCKS))
        for begin, size in ((0, EDGE), *((place, BLOCK) for place in between), (max(0, about.st_size - EDGE), EDGE)):
            stream.seek(begin)
            sample.update(stream.read(size))
    named = [VERSION, str(file.resolve()), about.st_size, about.st_mtime_ns, sample.hexdigest()]
    named += [examples.image_key, examples.label_key, examples.channels]
    return hashlib.blake2b(json.dumps(named).encode(), digest_size=16).hexdigest()


def read(name: str) -> Shard | None:
    """What was kept; None if there is nothing, or it was damaged."""
    try:
        with np.load(_file(name), allow_pickle=False) as kept:
            said = json.loads(str(kept["about"]))
            bad = tuple((int(number), int(begin), str(why)) for number, begin, why in said["bad"])
            shard = Shard(kept["places"], kept["labels"], bad, str(said["digest"]))
    except FileNotFoundError:
        return None
    except Exception as error:
        log.info("%s is damaged, and made anew: %s", _file(name), error)
        return None
    fits = shard.places.dtype == shard.labels.dtype == np.int64 and shard.places.shape == (len(shard.labels), 3)
    return shard if fits else None


def write(name: str, shard: Shard) -> None:
    """Keep it; a folder that cannot be written costs the next start a pass over the files."""
    about = json.dumps({"bad": shard.bad, "digest": shard.digest})
    try:
        with whole_file.replacing(_file(name), durable=False) as stream:
            np.savez(stream, places=shard.places, labels=shard.labels, about=np.array(about))
    except OSError as error:
        log.info("%s: cannot be kept: %s", _file(name), error)


def _file(name: str) -> Path:
    chosen = os.environ.get("TFMLFLOW_CACHE")
    return (Path(chosen) if chosen else platformdirs.user_cache_path("tfmlflow")) / "records" / f"{name}.npz"
