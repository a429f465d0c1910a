"""What tells of a training that goes wrong: norms of gradients, sizes of updates, units that are silent.

All by layer, in every so many steps, measured in the graph: a step in between pays for a comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmlflow.data.inputs import names

KINDS = ("gradient_norm", "update_ratio", "zeros")
UNMEASURED = -1.0  # which none of these can be
ACTIVE = (keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU)


class Watch:
    """Measures a step of a model.

    Args:
        model: Compiled and built.
        every: Steps between two that are measured.
    """

    def __init__(self, model: keras.Model, every: int) -> None:
        self._model, self._every = model, every
        self._weights = model.trainable_weights
        self._layers = list(dict.fromkeys(_layer(weight) for weight in self._weights))
        self._outputs = _activations(model)

    def apply(self, gradients: Sequence[Any], x: Any) -> dict[str, tf.Tensor]:
        """Apply gradients, and measure if it is time.

        Args:
            gradients: Of the loss as the optimizer has scaled it.
            x: Of the batch.

        Returns:
            `gradient_norm/<layer>`, `update_ratio/<layer>` (the update's norm by the weights') and `zeros/<layer>`
            (share of the layer's outputs that are zero); `UNMEASURED` in a step that is not measured.
        """
        optimizer, weights = self._model.optimizer, self._weights
        taken = getattr(optimizer, "inner_optimizer", optimizer)._iterations  # steps, where gradients accumulate too
        names = [f"{kind}/{layer}" for kind in KINDS[:2] for layer in self._layers]
        names += [f"{KINDS[2]}/{name}" for name in self._outputs]

        def plain() -> list[tf.Tensor]:
            optimizer.apply_gradients(zip(gradients, weights, strict=True))
            return [tf.constant(UNMEASURED)] * len(names)

        def measured() -> list[tf.Tensor]:
            before = [tf.identity(weight.value) for weight in weights]
            scale = tf.identity(optimizer.scale_loss(tf.ones(())))  # of the loss, before the step changes it
            zeros = [tf.reduce_mean(tf.cast(tf.equal(out, 0), tf.float32)) for out in self._forward(x)]
            optimizer.apply_gradients(zip(gradients, weights, strict=True))
            moved = [weight.value - old for weight, old in zip(weights, before, strict=True)]
            norms, updates, sizes = (self._norms(values) for values in (gradients, moved, before))
            ratios = [update / tf.maximum(size, 1e-12) for update, size in zip(updates, sizes, strict=True)]
            return [*(norm / scale for norm in norms), *ratios, *zeros]

        due = tf.equal(tf.math.floormod(tf.cast(taken.value, tf.int32) + 1, self._every), 0)
        return dict(zip(names, tf.cond(due, measured, plain), strict=True))

    def _norms(self, values: Sequence[Any]) -> list[tf.Tensor]:
        """One a layer."""
        squares: dict[str, list[tf.Tensor]] = {layer: [] for layer in self._layers}
        for weight, value in zip(self._weights, values, strict=True):
            dense = tf.convert_to_tensor(value) if value is not None else tf.zeros(())
            squares[_layer(weight)].append(tf.reduce_sum(tf.square(tf.cast(dense, tf.float32))))
        return [tf.sqrt(tf.add_n(squares[layer])) for layer in self._layers]

    def _forward(self, x: Any) -> list[tf.Tensor]:
        if not self._outputs:
            return []
        inner: Callable[..., Any] = keras.Function(self._model.inputs, list(self._outputs.values()))
        given = [x[name] for name in names(self._model)] if isinstance(x, Mapping) else tf.nest.flatten(x)
        return list(inner(given))


def _layer(weight: Any) -> str:
    return str(weight.path.rsplit("/", 1)[0])


def _activations(model: keras.Model) -> dict[str, Any]:
    """Outputs of the layers that may be silent, of a model whose graph is known."""
    found: dict[str, Any] = {}
    for layer in model.layers if isinstance(model, keras.Sequential | keras.Model) and hasattr(model, "inputs") else ():
        activation = getattr(layer, "activation", None)
        silent = isinstance(layer, ACTIVE) or getattr(activation, "__name__", "") in ("relu", "relu6")
        if silent and hasattr(layer, "output"):
            found[layer.name] = layer.output
    return found
