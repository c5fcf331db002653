"""Starting the processes of a training on several devices."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import IO

__all__ = ["is_launched", "launch", "local_processes", "local_rank", "scheduled_gpus"]

POLL_SECONDS = 0.2
# How long processes may take to end once one of them has failed: they may wait for its numbers.
GRACE_SECONDS = 20.0


def is_launched() -> bool:
    """Whether this is one of several processes, started by :func:`launch` or torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def local_rank() -> int:
    """Number of this process on its machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def local_processes() -> int:
    """How many processes share this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def scheduled_gpus() -> int:
    """GPUs that SLURM gave this job, however they were asked for; 0 outside of its jobs."""
    return int(os.environ.get("SLURM_GPUS_ON_NODE") or 0)


def launch(number: int, arguments: Sequence[str]) -> int:
    """Run ``bpflow`` with `arguments` in `number` processes that find each other; give the exit status.

    Signals go on to all of them. What the first one says is shown, and of the others that which failed before it.
    """
    shared = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "WORLD_SIZE": str(number),
        "LOCAL_WORLD_SIZE": str(number),
    }
    with ExitStack() as stack:
        said = [stack.enter_context(tempfile.TemporaryFile("w+b")) for _ in range(1, number)]
        outputs: list[IO[bytes] | None] = [None, *said]
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "bpflow", *arguments],
                env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdout=output,
                stderr=output,
            )
            for rank, output in enumerate(outputs)
        ]
        with _forwarding(processes):
            failed = first_failures(processes)
        if not failed:
            return 0
        status = int(processes[failed[0]].returncode)
        # Where the first process ended alike, it has said why.
        if processes[0].returncode != status:
            for rank in failed:
                said[rank - 1].seek(0)
                shutil.copyfileobj(said[rank - 1], sys.stderr.buffer)
        return status if status > 0 else 128 - status


@contextmanager
def _forwarding(processes: Sequence[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Pass signals on to `processes` in place of ending with them."""

    def forward(received: int, _: FrameType | None) -> None:
        for process in processes:
            process.send_signal(received)

    before = {kind: signal.signal(kind, forward) for kind in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def first_failures(processes: Sequence[subprocess.Popen[bytes]]) -> list[int]:
    """Wait for all; the numbers of those that failed first, which end the others too."""
    failed: list[int] = []
    deadline = float("inf")
    while None in (statuses := [process.poll() for process in processes]):
        if not failed:
            failed = [rank for rank, status in enumerate(statuses) if status]
            deadline = time.monotonic() + GRACE_SECONDS if failed else deadline
        if time.monotonic() > deadline:
            for process in processes:
                process.kill()
        time.sleep(POLL_SECONDS)
    return failed or [rank for rank, status in enumerate(statuses) if status]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
