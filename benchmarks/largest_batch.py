"""Whether `data.batch_size=auto` finds where memory ends, under a real limit of this process's address space, on a CPU.

    python benchmarks/largest_batch.py [--gigabytes 1.2]

The model is two convolutions of 64 filters on pictures of 32x32; each size that is tried is printed as it comes.
"""

from __future__ import annotations

import argparse
import os
import resource
import time

os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def main() -> None:
    """Print what fits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.2, help="beyond what the process has when it begins")
    given = parser.parse_args()

    import keras
    import numpy as np
    import psutil

    from tfmlflow.data import Data
    from tfmlflow.data.splits import from_arrays
    from tfmlflow.hardware import Runtime
    from tfmlflow.trainer.largest_batch import LEAST_STEPS, Probe, largest

    places = np.arange(40_000)
    data = from_arrays("grey", np.zeros((40_000, 32, 32, 3), np.uint8), places % 10, task="multiclass")

    def build(data: Data) -> keras.Model:
        inputs = keras.Input(data.input_shape)
        hidden = keras.layers.Conv2D(64, 3, padding="same", activation="relu")(inputs)
        hidden = keras.layers.Conv2D(64, 3, padding="same", activation="relu")(hidden)
        hidden = keras.layers.GlobalAveragePooling2D()(hidden)
        return keras.Model(inputs, keras.layers.Dense(data.classes, activation="softmax")(hidden))

    settings = {"loss": "auto", "metrics": "auto", "label_smoothing": 0.0, "epochs": 1, "jit_compile": "auto"}
    probe = Probe(build, keras.optimizers.Adam, data, Runtime(("/device:CPU:0",)), 0, None, settings)
    probe(64)
    limit = psutil.Process().memory_info().vms + int(given.gigabytes * 1e9)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def fits(size: int) -> bool:
        began = time.perf_counter()
        told = probe(size)
        print(f"{size:6} {'fits' if told else 'does not fit':12} {time.perf_counter() - began:6.1f} s", flush=True)
        return told

    low, tried, over = largest(fits, len(data.train) // LEAST_STEPS)
    print(f"{low} fits, {over} does not; {tried} sizes tried")


if __name__ == "__main__":
    main()
