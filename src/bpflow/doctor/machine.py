"""Checks of the machine: cores, memory, disk, temporary folder and locale."""

from __future__ import annotations

import locale
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bpflow.doctor.finding import Finding
from bpflow.errors import InputError
from bpflow.files import require_writable

__all__ = ["check_disk", "check_machine", "check_memory", "gigabytes", "memory_bytes"]

GROUP = "machine"
#: Sorting the ends of one file takes some bytes of each in the temporary folder.
TEMPORARY_BYTES = 2 << 30


def check_machine() -> Iterator[Finding]:
    """Cores, temporary folder and locale."""
    cores = usable_cores()
    yield Finding(
        GROUP,
        "CPU cores",
        "good" if cores > 1 else "check",
        f"{cores} for this process",
        "" if cores > 1 else "One core does everything one after the other.",
    )
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    yield Finding(
        GROUP,
        "temporary folder",
        "good" if free > TEMPORARY_BYTES else "check",
        f"{folder}, {gigabytes(free)} free",
        "" if free > TEMPORARY_BYTES else "Counting reads sorts them there: set TMPDIR to a folder with more room.",
    )
    coding = locale.getpreferredencoding(False)
    utf8 = coding.lower().replace("-", "") == "utf8"
    yield Finding(
        GROUP,
        "locale",
        "good" if utf8 else "check",
        f"text is {coding}",
        "" if utf8 else "Names beyond ASCII may be misread: export LC_ALL=C.UTF-8.",
    )


def check_memory(largest_mb: int) -> Finding:
    """Memory of this machine beside what the largest job of the plan asks for, in MB of 10^6 bytes."""
    there = memory_bytes()
    if there is None:
        return Finding(GROUP, "memory", "check", "not known", f"The largest job asks for {largest_mb} MB.")
    enough = there >= largest_mb * 1e6
    return Finding(
        GROUP,
        "memory",
        "good" if enough else "check",
        f"{gigabytes(there)}; the largest job asks for {gigabytes(largest_mb * 1e6)}",
        "" if enough else "What jobs ask for is for human genomes and deep samples; a smaller run may do with less.",
    )


def check_disk(results: str, needed: float) -> Finding:
    """Whether the results can be written, and whether their disk has room for `needed` bytes."""
    folder = next(path for path in (Path(results).absolute(), *Path(results).absolute().parents) if path.exists())
    try:
        require_writable(folder / "x")
    except InputError as error:
        return Finding("estimate", "disk", "fail", f"{folder}: {error.found}", "Set results to a folder you may write.")
    free = shutil.disk_usage(folder).free
    text = f"{gigabytes(free)} free in {folder}; the run needs about {gigabytes(needed)}"
    if free < needed:
        return Finding(
            "estimate", "disk", "fail", text, "Make room, set results elsewhere, or lower contributions.regions."
        )
    if free < 2 * needed:
        return Finding("estimate", "disk", "check", text, "That is little to spare, as the estimate is rough.")
    return Finding("estimate", "disk", "good", text)


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int | None:
    """Physical memory, or the limit of this process' control group where that is less; None where it is not told."""
    try:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.is_file() else "max"
    return min(there, int(text)) if text.isdigit() else there


def gigabytes(number: float) -> str:
    """Bytes in words: GB of 10^9, or MB below one."""
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.0f} MB"
