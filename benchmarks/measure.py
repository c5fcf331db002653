"""Run a command and measure its wall time and the private memory of its processes. Linux only."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Measured", "limited_group", "run"]

CGROUPS = Path("/sys/fs/cgroup")
POLL_SECONDS = 0.01


class Measured(NamedTuple):
    """Wall time in seconds, the largest private memory of all its processes together in MiB, and what it printed."""

    seconds: float
    peak_mb: float
    output: str


def run(command: Sequence[str], *, group: Path | None = None, environment: dict[str, str] | None = None) -> Measured:
    """Run a command to its end; one that fails ends the program with what it printed.

    Private memory is that of no file (``RssAnon``): mapped genomes and signals do not count, whoever else uses them.

    Parameters
    ----------
    command
        The program and its arguments.
    group
        A control group of :func:`limited_group` to run it in.
    environment
        In place of this process's.
    """
    if group is not None:
        join = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
        command = ["sh", "-c", join, str(group), *command]
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
    )
    peak, ended = [0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peak, ended))
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - begin
    ended.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode} of: {' '.join(command)}\n{output}")
    return Measured(seconds, peak[0] / 1024, output)


@contextlib.contextmanager
def limited_group(gib: float) -> Iterator[Path | None]:
    """A control group whose processes may use this much memory, file cache included; None where none can be made."""
    # Version 1 has a tree for each resource, version 2 one for all.
    version_1 = (CGROUPS / "memory").is_dir()
    folder = (CGROUPS / "memory" if version_1 else CGROUPS) / f"bpflow_benchmark_{os.getpid()}"
    limit = folder / ("memory.limit_in_bytes" if version_1 else "memory.max")
    try:
        folder.mkdir()
        limit.write_text(str(int(gib * 2**30)))
    except OSError:
        with contextlib.suppress(OSError):
            folder.rmdir()
        yield None
        return
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _watch(session: int, peak: list[int], ended: threading.Event) -> None:
    while not ended.wait(POLL_SECONDS):
        peak[0] = max(peak[0], sum(_private_kib(pid) for pid in _processes(session)))


def _processes(session: int) -> Iterator[int]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                # The session's number is the fourth field after the program's name, which is in brackets.
                fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session:
                yield int(entry.name)


def _private_kib(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("RssAnon")), 0)
