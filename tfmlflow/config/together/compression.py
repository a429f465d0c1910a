"""What `compress=` needs of its own keys and of the rest of the config."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfmlflow.config.option_files import whole
from tfmlflow.config.together.several import CLUSTERS, DEVICES, PREFIX

LITERT = "tfmlflow.compress.litert.convert"
BY_KERAS = "tfmlflow.compress.precision.quantize"
RANGE_TEST = "tfmlflow.trainer.lr_range"
NAMED = re.compile(r"[0-9a-f]{4,32}|.*[:/].*")  # the id of a run, or how it begins; a URI
OURS = ("name", "_target_", "from", "then", "metric", "max_loss", "trust", "seconds")  # keys that no method gets


def problems(values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong, a line each."""
    said = values["compress"]
    if not is_on(values):
        return
    reference = str(said.get("from"))
    if not NAMED.fullmatch(reference) and not Path(reference).exists():
        yield (
            f"compress.from={reference}: neither the id of a run, or its first 4 digits or more, nor a URI such as "
            "models:/name/1"
        )
    if said.get("begin", 0) > said.get("end", 1):
        yield f"compress.begin={said['begin']}: must be at most compress.end={said['end']}"
    if (structure := said.get("structure")) not in (None, "units"):
        kept, _, of = str(structure).partition(":")
        if kept.isdigit() and of.isdigit() and not 0 < int(kept) < int(of):
            yield f"compress.structure={structure}: of each {of} weights, 1 to {max(1, int(of) - 1)} can stay"
    if str(said.get("_target_")).endswith(".qat") and said.get("epochs") == 0:
        yield "compress.epochs=0: quantization-aware training needs at least 1; compress=litert_int8 does without"
    chain = [str(said.get("name")), *map(str, said.get("then") or ())]
    for name, after in itertools.pairwise(chain):
        target = said.get("_target_") if name == chain[0] else whole("compress", name).get("_target_")
        next_target = whole("compress", after).get("_target_")
        if target == LITERT:
            yield f"compress.then: {after} cannot come after {name}, which gives a LiteRT file; put it last"
        elif target == BY_KERAS and next_target != BY_KERAS.replace("quantize", "cast"):
            yield f"compress.then: {after} cannot come after {name}, whose layers are Keras's integer ones already"
    if values["trainer"].get("_target_") == RANGE_TEST:
        yield f"trainer=lr_range: trains nothing that lasts; leave it or compress={said.get('name')} away"
    if str(values["objective"].get("metric")).startswith("train/"):
        yield f"objective.metric={values['objective']['metric']}: both sides are measured on validation examples; val/…"
    last = whole("compress", chain[-1]).get("_target_") if chain[1:] else said.get("_target_")
    if last == LITERT and (name := values["tracking"].get("register_as")):
        yield f"tracking.register_as={name}: compress={chain[-1]} gives a LiteRT file, no version; set it to null"
    if "profile" in values:
        yield f"profile: measures a training; leave compress={said.get('name')} away"
    hardware = str(values["hardware"].get("_target_")).removeprefix(PREFIX)
    if hardware in (*CLUSTERS, *DEVICES):
        yield f"hardware={values['hardware'].get('name')}: compress={said.get('name')} works on one device; use auto"


def is_on(values: Mapping[str, Any]) -> bool:
    """Whether a stored model is to be compressed, and nothing new trained."""
    return "_target_" in values.get("compress", {})


def steps(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The methods, one after the other, each as a `_target_` with its arguments.

    Args:
        said: The group `compress`.
    """
    first = {key: value for key, value in said.items() if key == "_target_" or key not in OURS}
    return [first, *(one for name in said.get("then") or () for one in steps(whole("compress", str(name))))]
