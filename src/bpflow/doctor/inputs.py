"""Checks of the input files: whether they can be read, are whole, and are what the sheet says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from bpflow.decompression import is_bgzf
from bpflow.doctor.finding import Finding
from bpflow.doctor.run_settings import InputFile, RunSettings
from bpflow.errors import InputError
from bpflow.files import READ_ERRORS, is_gzip, open_binary
from bpflow.reads import detect_format

__all__ = ["check_inputs", "fault"]

GROUP = "inputs"
# The empty block that ends every file that bgzip or samtools wrote whole.
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
FIRST_BYTES = 1 << 16
SHOWN = 3


def check_inputs(run: RunSettings) -> Iterator[Finding]:
    """Read access and wholeness of every file; formats of read files; indexes, of which none is needed."""
    there = [file for file in run.inputs if not file.made]
    faults = [(file, told) for file in there if (told := fault(file.path))]
    for file, told in faults:
        yield Finding(GROUP, file.what, "fail", f"{file.path}: {told}", _mend(told))
    if there and len(faults) < len(there):
        yield Finding(GROUP, "files", "good", f"{len(there) - len(faults)} can be read and look whole")
    made = [file for file in run.inputs if file.made]
    if made:
        yield Finding(GROUP, "files to come", "good", f"{_some(made)}: the workflow makes or fetches them")
    broken = {file.path for file, _ in faults}
    for sample in run.samples.values():
        for path in sample.reads:
            if path not in broken and Path(path).exists():
                yield from _format(sample.name, path, sample.format)
    yield Finding(GROUP, "indexes", "good", "none is needed: FASTA, BAM, CRAM, fragment files and VCF are read through")


def fault(path: str | os.PathLike[str]) -> str | None:
    """What is wrong with a file as far as its first and last bytes tell; None where nothing is."""
    try:
        if Path(path).stat().st_size == 0:
            return "it is empty"
        with open(path, "rb") as handle:
            handle.read(1)
        if is_gzip(path):
            with open_binary(path) as unpacked:
                unpacked.read(FIRST_BYTES)
        if is_bgzf(path):
            return (
                None if _tail(path, len(BGZF_END)) == BGZF_END else "it is cut short (its last, empty block is absent)"
            )
    except OSError as error:
        # A gzip file's fault has no number.
        return f"it cannot be read ({error.strerror})" if error.errno else f"it is damaged ({error})"
    except READ_ERRORS as error:
        return f"it is damaged ({error})"
    return None


def _tail(path: str | os.PathLike[str], length: int) -> bytes:
    with open(path, "rb") as handle:
        handle.seek(max(0, Path(path).stat().st_size - length))
        return handle.read()


def _mend(told: str) -> str:
    return "Ask for the right to read it." if "cannot be read" in told else "Copy, download or make it again."


def _format(sample: str, path: str, stated: str) -> Iterator[Finding]:
    name = f"reads of {sample}"
    try:
        found = detect_format(path)
    except InputError as error:
        yield Finding(
            GROUP, name, "fail", f"{path}: {error.found}", f"Expected {error.expected}." if error.expected else ""
        )
        return
    if stated not in ("auto", found):
        advice = f"Write {found} or auto into the sheet's column format."
        yield Finding(GROUP, name, "fail", f"{path} looks like {found}, and the sheet says {stated}", advice)


def _some(files: list[InputFile]) -> str:
    names = [file.what for file in files]
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
