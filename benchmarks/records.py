"""Records that need not fit into memory, beside the same in memory and beside `tf.data.TFRecordDataset` with a shuffle.

    python benchmarks/records.py [--gigabytes 1] [--kilobytes 20] [--turns 3]

Noise pictures of 64 x 64 pixels with padding are written to a temporary folder; each turn is one epoch of batches of
64, read and decoded and not trained on. A process for each way tells its largest resident memory.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WAYS = ("position", "memory", "shuffle")
SIDE, BATCH, BUFFER = 64, 64, 10_000


def write(folder: Path, gigabytes: float, kilobytes: int) -> None:
    """Four files."""
    import numpy as np
    import tensorflow as tf

    random = np.random.default_rng(0)
    padding = random.bytes(kilobytes * 1000)
    pictures = [tf.io.encode_jpeg(random.integers(0, 255, (SIDE, SIDE, 3)).astype("uint8")).numpy() for _ in range(64)]
    each = round(gigabytes * 1e6 / kilobytes / 4)
    for shard in range(4):
        with tf.io.TFRecordWriter(str(folder / f"{shard}.tfrecord")) as writer:
            for number in range(each):
                example = tf.train.Example()
                example.features.feature["image"].bytes_list.value.append(pictures[number % 64])
                example.features.feature["label"].int64_list.value.append(number % 3)
                example.features.feature["padding"].bytes_list.value.append(padding)
                writer.write(example.SerializeToString())


def measure(way: str, folder: str, turns: int) -> None:
    """Print records a second of each turn, and the largest resident memory."""
    import numpy as np
    import tensorflow as tf

    from tfmlflow.data.pipeline import Pipeline
    from tfmlflow.data.record import Split
    from tfmlflow.datasets import tfrecord
    from tfmlflow.predictor.pictures import decoder

    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    if way == "shuffle":
        decode, files = decoder((SIDE, SIDE), 3), sorted(map(str, Path(folder).glob("*.tfrecord")))

        def example(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            features = {"image": tf.io.FixedLenFeature((), tf.string), "label": tf.io.FixedLenFeature((), tf.int64)}
            found = tf.io.parse_single_example(record, features)
            return tf.cast(decode(found["image"]), tf.float32) / 255.0, found["label"]

        dataset = tf.data.Dataset.from_tensor_slices(files).interleave(tf.data.TFRecordDataset, cycle_length=4)
        dataset = dataset.shuffle(BUFFER).map(example, tf.data.AUTOTUNE).batch(BATCH).prefetch(tf.data.AUTOTUNE)
    else:
        data = tfrecord.load(folder, size=(SIDE, SIDE), validation_share=0.01, test_share=0.01)
        split = data.train
        if way == "memory":
            blobs = np.concatenate([split.read(split.x[row : row + 64]).numpy() for row in range(0, len(split), 64)])
            split = Split(blobs, split.y, split.decode)
        dataset = Pipeline(split, BATCH, 0).dataset
    print(f"{way:9} ready after {time.perf_counter() - begun:5.1f} s", end="")
    for _ in range(turns):
        begun, count = time.perf_counter(), 0
        for _, y in dataset:
            count += len(y)
        print(f"  {count / (time.perf_counter() - begun):7,.0f}/s", end="")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"  memory {most / 1024:,.0f} MiB, {(most - before) / 1024:,.0f} more than TensorFlow alone", flush=True)


def main() -> None:
    """Write the records, and start a process for each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--kilobytes", type=int, default=20)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--folder")
    parsed = parser.parse_args()
    if parsed.way:
        measure(parsed.way, parsed.folder, parsed.turns)
        return
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), parsed.gigabytes, parsed.kilobytes)
        os.environ["TFMLFLOW_CACHE"] = str(Path(folder) / "cache")
        for way in ("position", *WAYS):  # the first time the index is made
            command = [sys.executable, __file__, "--way", way, "--folder", folder, "--turns", str(parsed.turns)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
