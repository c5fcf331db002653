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

__all__ = ["is_launched", "launch", "local_rank"]

POLL_SECONDS = 0.2
# How long processes may take to end once one of them has failed: they may wait for its numbers.
GRACE_SECONDS = 20.0


def is_launched() -> bool:
    """Whether this is one of several processes, started by :func:`launch` or torchrun."""
    return "WORLD_SIZE" in os.environ


def local_rank() -> int:
    """Number of this process on its machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def launch(number: int, arguments: Sequence[str]) -> int:
    """Run ``bpflow`` with `arguments` in `number` processes that find each other; give the exit status.

    Signals go on to all of them. Only what the first one says is shown, or the one that failed before all others.
    """
    shared = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "WORLD_SIZE": str(number),
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
            failed = _first_failure(processes)
        if failed is None:
            return 0
        if failed > 0:
            said[failed - 1].seek(0)
            shutil.copyfileobj(said[failed - 1], sys.stderr.buffer)
        status = int(processes[failed].returncode)
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


def _first_failure(processes: Sequence[subprocess.Popen[bytes]]) -> int | None:
    """Wait for all; the number of the process that failed first, which ends the others too."""
    failed: int | None = None
    deadline = float("inf")
    while any(process.poll() is None for process in processes):
        if failed is None:
            failed = next((rank for rank, process in enumerate(processes) if process.returncode), None)
            deadline = time.monotonic() + GRACE_SECONDS if failed is not None else deadline
        if time.monotonic() > deadline:
            for process in processes:
                process.kill()
        time.sleep(POLL_SECONDS)
    return (
        failed if failed is not None else next((r for r, process in enumerate(processes) if process.returncode), None)
    )


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
