"""The layers of a model, and which goes into which."""

from __future__ import annotations

from typing import Any

import keras

MOST = 400  # layers that are listed
DRAWN = 120  # layers that are drawn
LONGEST = 40_000  # characters of the summary


def of(model: keras.Model) -> dict[str, Any]:
    """What the page shows of a model, as plain values.

    Returns:
        `summary`: Keras's own, a text. `layers`: name, kind, output shape, parameters and whether they are trained.
        `edges`: pairs of places in `layers`, empty where the graph is not known, as of a subclassed model.
    """
    lines = list[str]()
    model.summary(print_fn=lambda text, line_break=False: lines.append(text), line_length=100)
    try:
        operations, edges = _graph(model)
    except Exception:  # Keras's graph has no public way in
        operations, edges = list(model.layers), []
    return {
        "summary": "\n".join(lines)[:LONGEST],
        "layers": [_layer(one) for one in operations[:MOST]],
        "edges": edges if len(operations) <= DRAWN else [],
        "left": max(0, len(operations) - MOST),
    }


def _graph(model: keras.Model) -> tuple[list[Any], list[tuple[int, int]]]:
    """Operations in the order of their use, inputs first, and the edges between them."""
    inner = getattr(model, "_functional", None) or model  # what a Sequential model is inside
    operations = list(inner.operations)
    places = {id(one): place for place, one in enumerate(operations)}
    nodes = {id(node) for several in inner._nodes_by_depth.values() for node in several}
    found = dict[tuple[int, int], None]()
    for place, one in enumerate(operations):
        for node in one._inbound_nodes:
            if id(node) not in nodes:  # the layer is used elsewhere, too
                continue
            for tensor in node.input_tensors:
                before = places.get(id(tensor._keras_history.operation))
                if before is not None:
                    found[before, place] = None
    return operations, list(found)


def _layer(one: Any) -> dict[str, Any]:
    activation = getattr(getattr(one, "activation", None), "__name__", "")
    kind = type(one).__name__
    if isinstance(one, keras.Model):
        kind += f" of {len(one.layers)} layers"
    return {
        "name": str(one.name),
        "kind": kind + (f", {activation}" if activation and activation != "linear" else ""),
        "shape": _shape(one),
        "parameters": int(one.count_params()) if getattr(one, "built", False) and hasattr(one, "count_params") else 0,
        "trained": bool(getattr(one, "trainable", True)),
    }


def _shape(one: Any) -> str:
    try:
        outputs = one.output if not isinstance(one, keras.Model) else one.outputs
    except (AttributeError, ValueError):
        return ""
    several = outputs if isinstance(outputs, list | tuple) else [outputs]
    if isinstance(outputs, dict):
        several = [*outputs.values()]
    said = [" × ".join("?" if size is None else str(size) for size in each.shape[1:]) for each in several]
    return "; ".join(said)[:80]
