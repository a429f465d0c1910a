"""One device: what is set up, what stands in for what, and what a process cannot change any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.hardware.process import Answer, answer, shared


@pytest.fixture(scope="module")
def without_gpu(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """What the options do on a machine without GPUs, all in one process."""
    script = """
    def shown(runtime):
        return {
            "devices": runtime.devices, "strategy": runtime.strategy_name, "replicas": runtime.replicas,
            "can_group_steps": runtime.can_group_steps, "fell_back": runtime.fell_back,
        }
    said = {
        "strict": refusal(gpu, strict=True),
        "multi_gpu": refusal(multi_gpu),
        "numbered": refusal(multi_gpu, devices=[0, 3]),
        "two": refusal(gpu, devices=[0, 1]),
        "cpu": shown(cpu()),
        "auto": shown(auto()),
        "gpu": shown(gpu()),
    }
    """
    return shared(script, "without_gpu", tmp_path_factory)


def test_the_cpu_needs_no_strategy(without_gpu: Answer) -> None:
    said, _ = without_gpu
    assert said["cpu"] == {
        "devices": ["/device:CPU:0"],
        "strategy": "none",
        "replicas": 1,
        "can_group_steps": True,
        "fell_back": None,
    }


def test_auto_takes_the_cpu_where_there_is_no_gpu(without_gpu: Answer) -> None:
    said, _ = without_gpu
    assert said["auto"] == said["cpu"]


def test_a_gpu_that_is_not_there_is_stood_in_for_by_the_cpu_with_a_loud_warning(without_gpu: Answer) -> None:
    said, stderr = without_gpu
    assert said["gpu"] == {**said["cpu"], "fell_back": "gpu"}
    assert stderr.count("hardware=gpu: TensorFlow finds no GPU on this machine. TRAINING ON THE CPU.") == 1


def test_strict_refuses_a_gpu_that_is_not_there(without_gpu: Answer) -> None:
    said, _ = without_gpu
    assert said["strict"].startswith("hardware=gpu: TensorFlow finds no GPU on this machine; use hardware=cpu")


def test_several_gpus_cannot_be_stood_in_for(without_gpu: Answer) -> None:
    said, _ = without_gpu
    assert "hardware=multi_gpu: needs two GPUs or more" in said["multi_gpu"]
    assert "finds 0 on this machine" in said["multi_gpu"]
    assert "hardware.logical_cpus=2" in said["multi_gpu"]
    assert said["numbered"].startswith("hardware.devices=[0, 3]: needs two GPUs or more")


def test_one_gpu_is_one(without_gpu: Answer) -> None:
    said, _ = without_gpu
    assert said["two"] == "hardware.devices=[0, 1]: hardware=gpu trains on one; use hardware=multi_gpu"


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A process that was set up with threads and precision, and then asked for others."""
    script = """
    cpu(intra_op_threads=3, inter_op_threads=2, precision="mixed_bfloat16", deterministic=True)
    import keras, tensorflow as tf
    from tensorflow.python.framework import config
    x = tf.linalg.matmul(tf.ones((4, 4)), tf.ones((4, 4)))
    said = {
        "threads": [
            tf.config.threading.get_intra_op_parallelism_threads(),
            tf.config.threading.get_inter_op_parallelism_threads(),
        ],
        "deterministic": config.is_op_determinism_enabled(),
        "policy": keras.config.dtype_policy().name,
        "again": refusal(cpu, intra_op_threads=3, inter_op_threads=2, deterministic=True, precision="float32"),
        "policy_again": keras.config.dtype_policy().name,
        "other": refusal(cpu, intra_op_threads=1, inter_op_threads=2, deterministic=True, precision="mixed_float16"),
        "policy_after_refusal": keras.config.dtype_policy().name,
        "several": refusal(multi_gpu, logical_cpus=2, intra_op_threads=3, inter_op_threads=2, deterministic=True),
        "threads_afterwards": tf.config.threading.get_intra_op_parallelism_threads(),
    }
    """
    said, _ = shared(script, "settled", tmp_path_factory)
    return said


def test_threads_precision_and_determinism_are_applied(settled: dict[str, Any]) -> None:
    assert settled["threads"] == [3, 2]
    assert settled["policy"] == "mixed_bfloat16"
    assert settled["deterministic"] is True


def test_the_same_settings_can_be_asked_for_again_and_the_precision_changed(settled: dict[str, Any]) -> None:
    assert settled["again"] is None
    assert settled["policy_again"] == "float32"


def test_other_settings_are_refused_with_the_fix(settled: dict[str, Any]) -> None:
    assert settled["other"].startswith("hardware.intra_op_threads=1: this process already runs with 3")
    assert "run one command for each, or use a launcher that starts a process for each job" in settled["other"]
    assert "hardware.logical_cpus=2: this process already runs with None" in settled["several"]
    assert settled["threads_afterwards"] == 3


def test_a_refusal_changes_nothing(settled: dict[str, Any]) -> None:
    assert settled["policy_after_refusal"] == settled["policy_again"]


def test_settings_that_could_not_be_applied_are_not_taken_for_applied(tmp_path: Path) -> None:
    script = """
    import tensorflow as tf
    tf.ones(3) + 1  # TensorFlow is initialized: threads cannot be set any more
    said = {}
    for attempt in ("first", "second"):
        try:
            cpu(intra_op_threads=3)
            said[attempt] = tf.config.threading.get_intra_op_parallelism_threads()
        except Exception as error:
            said[attempt] = str(error)
    """
    said, _ = answer(script, tmp_path)
    assert "cannot be modified after initialization" in said["first"]
    assert said["second"] in (said["first"], 3)
