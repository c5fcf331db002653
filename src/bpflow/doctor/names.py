"""Checks of the chromosomes' names across the FASTA, reads, peaks, blacklist and folds: chr1 here is 1 there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import pysam

from bpflow.bigwig import chromosome_sizes
from bpflow.chromosomes import choose_chromosomes, explain_mismatch
from bpflow.doctor.finding import Finding
from bpflow.doctor.inputs import fault
from bpflow.doctor.run_settings import RunSettings
from bpflow.errors import InputError
from bpflow.files import open_binary
from bpflow.folds import read_fold
from bpflow.genome import sequence_names
from bpflow.reads import detect_format

__all__ = ["check_names", "genome_names"]

GROUP = "names"
#: Lines of a sorted file hold few chromosomes; its index names all.
LINES = 200_000
SHOWN = 4


def genome_names(fasta: str | os.PathLike[str]) -> list[str]:
    """Names of a FASTA's sequences, from its ``.fai`` where it has one that is not older, else by reading it."""
    index = Path(f"{fasta}.fai")
    if index.is_file() and index.stat().st_mtime >= Path(fasta).stat().st_mtime:
        return [line.split("\t")[0] for line in index.read_text().splitlines() if line]
    return sequence_names(fasta)


def check_names(run: RunSettings) -> Iterator[Finding]:
    """Names in every file that is there, beside those of the FASTA."""
    fasta = run.config["genome"]["fasta"]
    if not Path(fasta).exists():
        yield Finding(GROUP, "genome", "check", f"{fasta} is not there yet", "Fetch or make it, then ask again.")
        return
    try:
        known = genome_names(fasta)
        kept, dropped = choose_chromosomes(known, run.config["genome"]["chromosomes"], where=str(fasta))
    except (InputError, OSError) as error:
        yield Finding(GROUP, "genome", "fail", str(error))
        return
    left_out = f"; left out: {some(list(dropped))}" if dropped else ""
    yield Finding(GROUP, "genome", "good", f"{len(kept)} chromosomes, {some(kept)}{left_out}")
    for what, path, strict in _named_files(run):
        # What is wrong with the file itself is told among the inputs.
        if not Path(path).exists() or fault(path):
            continue
        try:
            names = _names_in(what, path)
        except (InputError, OSError, ValueError) as error:
            yield Finding(GROUP, what, "fail", str(error))
            continue
        yield _compared(f"{what}", path, names, known, kept, strict=strict)


def _named_files(run: RunSettings) -> Iterator[tuple[str, str, bool]]:
    """What, where, and whether a name that the genome does not have stops the run."""
    for file in run.inputs:
        kind = file.what.split(" of ")[0]
        if kind in ("reads", "signal", "peaks", "genome.blacklist", "folds.files"):
            yield file.what, file.path, kind in ("peaks", "folds.files")


def _names_in(what: str, path: str) -> list[str]:
    kind = what.split(" of ")[0]
    if kind == "folds.files":
        return list(read_fold(path).chromosomes)
    if kind == "signal":
        return list(chromosome_sizes(path))
    if kind == "reads" and detect_format(path) == "bam":
        with pysam.AlignmentFile(path, check_sq=False) as header:
            return list(header.references)
    if Path(f"{path}.tbi").is_file():
        with pysam.TabixFile(path) as indexed:
            return list(indexed.contigs)
    with open_binary(path) as handle:
        lines = handle if kind != "reads" else islice(handle, LINES)
        return list(dict.fromkeys(_first_columns(lines)))


def _first_columns(lines: Iterable[bytes]) -> Iterator[str]:
    for line in lines:
        if line.strip() and not line.startswith((b"#", b"track", b"browser")):
            yield line.split(None, 1)[0].decode("utf-8", "replace")


def _compared(
    what: str, path: str, names: Sequence[str], known: Sequence[str], kept: Sequence[str], *, strict: bool
) -> Finding:
    shared = [name for name in names if name in set(known)]
    unknown = [name for name in names if name not in set(known)]
    if names and (not shared or (strict and unknown)):
        advice = (
            explain_mismatch(unknown, known) or "Use the same assembly for all files, or correct genome.chromosomes."
        )
        return Finding(GROUP, what, "fail", f"{path} has {some(unknown)}; the genome has {some(known)}", advice)
    if names and not set(shared) & set(kept):
        text = f"{path} has {some(shared)}, which genome.chromosomes leaves out"
        return Finding(GROUP, what, "fail", text, f"It keeps {some(kept)}.")
    beside = f"; not in the genome: {some(unknown)}" if unknown else ""
    return Finding(GROUP, what, "good", f"{path}: {some(shared) or 'no lines'}{beside}")


def some(names: Sequence[str]) -> str:
    """A few of them, and how many more there are."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
