"""The lines that tell nothing new of a worker that is gone are left out, and no other."""

from __future__ import annotations

from tfmlflow.launch.noise import Noise

SAID = """\
epoch 3/4  loss 0.2
E0000 00:00:1795751436.215321    1354 context.cc:911] Failed to remove function remotely due to failed to connect
Additional GRPC error information from remote target /job:worker/replica:0/task:1 while calling /tensorflow.eager
:UNKNOWN:Error received from peer  {grpc_status:14}
This could happen if the remote target has been disconnected from the client.
E0000 00:00:1795768283.411790    4474 base_collective_executor.cc:252] BaseCollectiveExecutor::StartAbort UNAVAILABLE: \
Error reported from /job:worker/task:1: The following tasks are unhealthy (stopped sending heartbeats):
/job:worker/replica:0/task:1
The tasks have crashed. Check the task logs for an earlier error, or scheduler events to debug further.
epoch 4/4  loss 0.1
Additional GRPC error information that belongs to something else
E0000 00:00:1795751436.215321    1354 cuda.cc:1] out of memory
"""


def test_what_belongs_to_a_call_that_failed_is_noise_and_nothing_else() -> None:
    noise = Noise()
    assert [line for line in SAID.splitlines() if not noise.is_in(line)] == [
        "epoch 3/4  loss 0.2",
        "epoch 4/4  loss 0.1",
        "Additional GRPC error information that belongs to something else",
        "E0000 00:00:1795751436.215321    1354 cuda.cc:1] out of memory",
    ]
