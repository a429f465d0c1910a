"""What training by several processes needs of the environment, and of the rest of the config."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tfmlflow.errors import UsageError
from tfmlflow.job.cluster import Cluster

PREFIX = "tfmlflow.hardware."
DEVICES = ("multi_gpu", "tpu_cores")  # hardware of several devices in one process
IN_STEP = ("multi_worker", *DEVICES)  # hardware whose copies of the model add up their gradients in each step
GRADIENT_STEP, FIT = "tfmlflow.trainer.gradient_step", "tfmlflow.trainer.fit"
CLIPS = ("clipnorm", "global_clipnorm", "clipvalue")
CLUSTERS: dict[str, Callable[[Mapping[str, Any]], Cluster]] = {
    "multi_worker": lambda hardware: Cluster.here(),
    "parameter_server": lambda hardware: Cluster.with_servers(_number(hardware.get("servers"))),
}


def _number(servers: Any) -> int:
    """What was given, if it is a number of servers; if not, that is said elsewhere."""
    return servers if isinstance(servers, int) and servers > 0 else 1


def require_alone(hardware: Mapping[str, Any]) -> None:
    """A sweep's job is one process: several that train together would each make a sweep of their own.

    Raises:
        UsageError: It is not.
    """
    if str(hardware.get("_target_")).removeprefix(PREFIX) in CLUSTERS:
        raise UsageError(
            f"hardware={hardware.get('name')}: a sweep's job is one process; leave -m away, and `tfmlflow launch` each "
            "job"
        )


def problems(values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong, a line each."""
    hardware = values["hardware"]
    name = str(hardware.get("_target_")).removeprefix(PREFIX)
    if "profile" in values and name in (*CLUSTERS, *DEVICES):
        yield f"profile: measures one device; hardware={hardware.get('name')} trains on several"
    if values["data"].get("batch_size") == "auto" and name in (*CLUSTERS, *DEVICES):
        yield (
            f"data.batch_size=auto: is probed on one GPU; with hardware={hardware.get('name')} give the batch of all "
            "devices together as a number"
        )
    if name == "parameter_server":
        yield from _out_of_order(values)
    if name in IN_STEP:
        yield from _in_step(values)
    if name in CLUSTERS:
        try:
            CLUSTERS[name](hardware)
        except UsageError as error:
            yield str(error)


def require_in_step(values: Mapping[str, Any], replicas: int) -> None:
    """Refuse what several copies of a model cannot do together; of hardware of one's own they are counted only now.

    Raises:
        UsageError: With a line for each thing that is wrong.
    """
    if replicas > 1 and (wrong := list(_in_step(values))):
        raise UsageError("\n".join(wrong))


def _in_step(values: Mapping[str, Any]) -> Iterator[str]:
    """What Keras decides on each copy of the model alone, in a branch of its graph, where copies cannot add up."""
    hardware, optimizer = f"hardware={values['hardware'].get('name')}", values["optimizer"]
    if values["hardware"].get("precision") == "mixed_float16":
        yield (
            f"hardware.precision=mixed_float16: with {hardware} Keras looks at one part of the gradients alone to see "
            "whether a step is to be left out, and what is infinite in another gets into the weights; use "
            "mixed_bfloat16 or float32"
        )
    if (every := optimizer.get("gradient_accumulation_steps")) is not None:
        yield (
            f"optimizer.gradient_accumulation_steps={every}: does not go with {hardware}; set it to null, and give "
            "data.batch_size, which is that of all devices together, as many times as many examples"
        )
    if (every := optimizer.get("ema_overwrite_frequency")) is not None:
        yield f"optimizer.ema_overwrite_frequency={every}: does not go with {hardware}; set it to null"
    if values["trainer"].get("_target_") == FIT and values["hardware"].get("_target_") != f"{PREFIX}multi_worker":
        for key in CLIPS:
            if (most := optimizer.get(key)) is not None:
                yield (
                    f"optimizer.{key}={most}: with {hardware} Keras's fit clips the gradients of each device before "
                    "they are added up; use trainer=loop, which clips those of the whole batch"
                )
    target, step = _step(values)
    if target == GRADIENT_STEP and step.get("watch") is not None:
        yield f"trainer.step.watch={step['watch']}: measures the steps of one device; with {hardware} set it to null"


def _step(values: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The target and the keys of `trainer.step`."""
    step = values["trainer"].get("step")
    step = step if isinstance(step, Mapping) else {}
    return str(step.get("_target_", GRADIENT_STEP)), step


def _out_of_order(values: Mapping[str, Any]) -> Iterator[str]:
    """What needs all steps in order, which workers that do not wait do not have."""
    target, step = _step(values)
    if target != GRADIENT_STEP:
        yield (
            f"trainer.step._target_={target}: hardware=parameter_server takes the step of fit; one of your own keeps "
            "its numbers in variables, which workers would overwrite for each other; use hardware=multi_worker"
        )
    if step.get("watch") is not None:
        yield f"trainer.step.watch={step['watch']}: cannot be measured with hardware=parameter_server; set it to null"
    if (every := values["optimizer"].get("gradient_accumulation_steps")) is not None:
        yield (
            f"optimizer.gradient_accumulation_steps={every}: hardware=parameter_server has no steps in order to take "
            "together; set it to null, and give data.batch_size as many times as many examples"
        )
    if values["hardware"].get("precision") == "mixed_float16":
        yield (
            "hardware.precision=mixed_float16: its loss scale is one number for all workers, which do not change it in "
            "step; with hardware=parameter_server use mixed_bfloat16 or float32"
        )
