"""Data and a model of your own, as parts of an experiment: any option of theirs can be set, swept and compared.

    cd examples
    python ../train.py data=custom data._target_=own_parts.load +data.noise=0.2 \
        model=custom model._target_=own_parts.build +model.width=32
    python ../train.py data=custom data._target_=own_parts.load model=custom model._target_=own_parts.build \
        +model.width=8,32 -m
"""

import keras
import numpy as np

import tfmlflow
from tfmlflow.data.splits import from_arrays


def load(noise: float = 0.1, examples: int = 600, seed: int = 0) -> tfmlflow.Data:
    """Points of two moons, `(examples, 2)` float32, and which moon each is of."""
    random = np.random.default_rng(seed)
    moon = random.integers(0, 2, examples)
    angle = random.uniform(0, np.pi, examples)
    x = np.stack([np.cos(angle) + moon, np.sin(angle) * (1 - 2 * moon) + moon / 2], axis=1)
    x += noise * random.normal(size=x.shape)
    return from_arrays("moons", x.astype("float32"), moon, task="binary", seed=seed)


def build(data: tfmlflow.Data, width: int = 16) -> keras.Model:
    """Two layers; the last has what the task asks for: one probability."""
    layers = [keras.layers.Dense(width, "tanh"), keras.layers.Dense(width, "tanh"), keras.layers.Dense(1, "sigmoid")]
    return keras.Sequential([keras.Input(data.input_shape), *layers])
