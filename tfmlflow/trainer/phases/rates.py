"""An optimizer with a rate for each group of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras


class GroupRates:
    """Multiplies an optimizer's learning rate for some variables, whatever its schedule and its kind.

    Keras's optimizers take each variable's step by `update_step(gradient, variable, learning_rate)`; this one stands
    before it. Where weights decay by the learning rate, those of the groups do by their own.

    Args:
        optimizer: Not built yet.
        variables: All that are ever trained.
        grouped: Those of them that ever have a rate of their own.
    """

    def __init__(self, optimizer: Any, variables: Sequence[Any], grouped: Sequence[Any]) -> None:
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        self._factors = [1.0] * len(variables)
        self._places = {id(variable): place for place, variable in enumerate(variables)}
        self._decayed: set[int] = set()
        if not grouped:
            return
        decay, step = inner.weight_decay, inner.update_step
        if decay is not None:
            inner.exclude_from_weight_decay(var_list=grouped)
            self._decayed = {self._places[id(variable)] for variable in grouped}

        def update_step(gradient: Any, variable: Any, learning_rate: Any) -> Any:
            place = inner._get_variable_index(variable)  # as the optimizers of Keras find their own variables
            rate = keras.ops.cast(learning_rate, variable.dtype) * self._factors[place]
            if place in self._decayed:
                inner.assign_sub(variable, variable * decay * rate)
            return step(gradient, variable, rate)

        inner.update_step = update_step

    def put(self, factors: Mapping[int, float]) -> None:
        """The factor of each variable, by its `id`; of others 1. Known when a step is traced."""
        for identity, place in self._places.items():
            self._factors[place] = factors.get(identity, 1.0)
