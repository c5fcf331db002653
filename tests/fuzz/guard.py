"""Feeding a reader damaged files for a while, in a child process that may hang, crash or want too much memory.

A file must be read as the independent reader of its target reads it, or be refused by an `InputError`. All else is a
finding: another exception, another content, a file that takes longer than `PATIENCE`, a process that dies.
"""

from __future__ import annotations

import faulthandler
import mmap
import multiprocessing
import os
import resource
import shutil
import struct
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

from bpflow.errors import InputError

__all__ = ["DisagreementError", "Findings", "Target", "examine", "fuzz"]

# Seconds of a processor that one file may take, and of the clock, on a machine that has other work as well.
PATIENCE = 10.0
LONG_PATIENCE = 120.0
# Address space that a reader may take beyond what the process has once all is imported.
HEADROOM = 1 << 30
BATCH = 500
# When the file in hand was begun, by the clock and by the processor, files, accepted ones, and the slowest's seconds.
STATE = struct.Struct("<ddqqd")
STACK = "stack.txt"
SETTINGS = settings(
    max_examples=BATCH,
    database=None,
    deadline=None,
    derandomize=False,
    phases=[Phase.generate, Phase.shrink],
    print_blob=False,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.quiet,
)


class DisagreementError(AssertionError):
    """A file was read in another way than the independent reader does."""


class Target(NamedTuple):
    """A reader under test.

    Attributes
    ----------
    files
        Strategy of whole files, damaged or not.
    read
        The reader of bpflow, made comparable.
    reference
        The independent reader: the same content, None for a file that is to be refused, NotImplemented where it has
        nothing to say.
    may_refuse
        Whether a file may be refused that the independent reader can read.
    suffix
        Of the file's name.
    """

    files: st.SearchStrategy[bytes]
    read: Callable[[Path], object]
    reference: Callable[[Path], object]
    may_refuse: Callable[[Path], bool] = lambda path: True
    suffix: str = ""


@dataclass
class Findings:
    """What came of fuzzing one target: numbers of files, seconds, the slowest file, and what went wrong by its kind."""

    files: int = 0
    accepted: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    faults: dict[str, Path] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Files a second."""
        return self.files / max(self.seconds, 1e-9)


def examine(target: Target, path: Path) -> bool:
    """Read one file and judge it; whether it was accepted."""
    try:
        found = target.read(path)
    except InputError as error:
        expected = None if target.may_refuse(path) else target.reference(path)
        if expected is not None and expected is not NotImplemented:
            raise DisagreementError(f"refused ({error}), but it holds {expected!r:.500}") from None
        return False
    expected = target.reference(path)
    if expected is not NotImplemented and found != expected:
        raise DisagreementError(f"read as {found!r:.500}, but it holds {expected!r:.500}")
    return True


def fuzz(name: str, make: Callable[[Path], Target], seconds: float, folder: Path, first_seed: int) -> Findings:
    """Fuzz one target for so many seconds.

    Parameters
    ----------
    name
        Of the target.
    make
        Makes it, with its good files in a folder.
    seconds
        For how long.
    folder
        Where files that went wrong are kept, each beside a text that says how.
    first_seed
        Of the files; each batch takes the next one.
    """
    findings, end = Findings(), time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="bpflow_fuzz_") as work:
        while time.monotonic() < end:
            _watch(name, make, end, folder, first_seed + findings.files, Path(work), findings)
    findings.seconds = seconds + time.monotonic() - end
    findings.faults = {path.stem: path for path in sorted(folder.glob(f"{name}-*.txt"))}
    return findings


def _watch(
    name: str,
    make: Callable[[Path], Target],
    end: float,
    folder: Path,
    first_seed: int,
    work: Path,
    findings: Findings,
) -> None:
    """Run one child until the time is up or it dies, and say what it died of."""
    state = mmap.mmap(-1, STATE.size)
    child = multiprocessing.get_context("fork").Process(
        target=_child, args=(name, make, end, folder, first_seed, work, state)
    )
    child.start()
    hung = False
    while child.is_alive():
        child.join(0.2)
        started, used = STATE.unpack(state[:])[:2]
        waited, worked = time.monotonic() - started, _processor_time(child.pid) - used
        if started and child.is_alive() and (worked > PATIENCE or waited > LONG_PATIENCE):
            hung = True
            child.kill()
            child.join()
    started, _, files, accepted, slowest = STATE.unpack(state[:])
    findings.files += files
    findings.accepted += accepted
    findings.slowest = max(findings.slowest, slowest)
    if child.exitcode:
        kind = "hang" if hung else f"death-{abs(child.exitcode)}"
        current = next(work.glob("current*"), None)
        number = len(list(folder.glob(f"{name}-{kind}-*.txt")))
        if current is None:
            raise RuntimeError(f"the child of {name} ended with {child.exitcode} before it read anything")
        where = "reading this file" if started else "making the file after this one"
        text = f"{kind} of the process, exit code {child.exitcode}, while {where}\n{(work / STACK).read_text()}"
        _keep(folder, f"{name}-{kind}-{number}", current, text)


def _child(
    name: str,
    make: Callable[[Path], Target],
    end: float,
    folder: Path,
    first_seed: int,
    work: Path,
    state: mmap.mmap,
) -> None:
    target = make(work)
    stack = open(work / STACK, "w")  # noqa: SIM115  (open as long as the process lives)
    faulthandler.enable(stack)
    path = work / f"current{target.suffix}"
    first_taken = _taken()
    known: set[str] = set()
    count, accepted, slowest = 0, 0, 0.0

    @SETTINGS
    @given(target.files)
    def check(content: bytes) -> None:
        nonlocal count, accepted, slowest
        started = time.monotonic()
        if started > end:
            return
        path.write_bytes(content)
        resource.setrlimit(resource.RLIMIT_AS, (_taken() + HEADROOM, resource.RLIM_INFINITY))
        state[:] = STATE.pack(started, time.process_time(), count, accepted, slowest)
        try:
            accepted += examine(target, path)
        except Exception as error:
            fault = f"{name}-{_signature(error)}"
            if fault not in known:
                _keep(folder, fault, path, traceback.format_exc())
                raise
        finally:
            count += 1
            slowest = max(slowest, time.monotonic() - started)
            state[:] = STATE.pack(0.0, 0.0, count, accepted, slowest)

    # Libraries keep some memory of files that they found damaged; then another child goes on.
    while time.monotonic() < end and _taken() < first_taken + HEADROOM:
        try:
            seed(first_seed + count)(check)()
        except Exception:
            # It was kept where it happened; only new ones count from here on.
            known |= {found.stem for found in folder.glob(f"{name}-*.txt")}


def _taken() -> int:
    """Address space of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _processor_time(pid: int | None) -> float:
    """Seconds of a processor that a process has taken; of one that has ended, none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _signature(error: BaseException) -> str:
    """What went wrong and where, so that each fault is found once."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/src/bpflow/" in frame.filename]
    place = f"{Path(frames[-1].filename).stem}-{frames[-1].lineno}" if frames else str(error).split()[0]
    return f"{type(error).__name__}-{place}"


def _keep(folder: Path, fault: str, path: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / f"{fault}.input{path.suffix}")
    (folder / f"{fault}.txt").write_text(text, errors="backslashreplace")
