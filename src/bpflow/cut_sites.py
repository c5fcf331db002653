"""Reads to one track of cut sites: each file put right by its own shift, then pooled."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bpflow.bigwig_writer import write_bigwig
from bpflow.errors import InputError
from bpflow.files import sha256, write_json
from bpflow.genome import Genome
from bpflow.reads import ReadFilter, detect_format, read_ends
from bpflow.shift import (
    MIN_SITES,
    OUTPUT_SHIFT,
    Estimate,
    Shift,
    SiteCounts,
    estimate_shift,
)
from bpflow.signal_record import by_chromosome, signal_record

__all__ = ["ReadFile", "make_signal"]

log = logging.getLogger("bpflow")

# The shift that files of a format usually carry.
USUAL_SHIFT = {
    ("ATAC", "bam"): Shift(0, 0),
    ("ATAC", "fragments"): Shift(4, -5),
    ("ATAC", "tagalign"): Shift(0, 0),
    ("DNASE", "bam"): Shift(0, 0),
    ("DNASE", "fragments"): Shift(0, 0),
    ("DNASE", "tagalign"): Shift(0, 0),
}
DEFAULT_FILTER = ReadFilter()
BUFFERED_ENDS = 1 << 25


@dataclass(frozen=True)
class ReadFile:
    """One file of reads.

    Attributes
    ----------
    path
        The file.
    file_format
        ``auto`` or one of :data:`bpflow.reads.FORMATS`.
    shift
        The shift that its reads carry already; None to estimate it.
    """

    path: str
    file_format: str = "auto"
    shift: Shift | None = None


class SiteCounter:
    """Counts how often each place was seen, in memory that grows with distinct places and not with reads."""

    def __init__(self) -> None:
        self._buffer: list[np.ndarray] = []
        self._buffered = 0
        self._positions = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.int64)

    def add(self, positions: np.ndarray, counts: np.ndarray | None = None) -> None:
        """Count each of `positions` once, or as often as `counts` says."""
        if counts is not None:
            self._merge(positions, counts)
            return
        self._buffer.append(positions)
        self._buffered += len(positions)
        if self._buffered >= BUFFERED_ENDS:
            self._flush()

    def total(self) -> SiteCounts:
        """Sorted distinct places and their counts."""
        self._flush()
        return SiteCounts(self._positions, self._counts)

    def _flush(self) -> None:
        if self._buffer:
            positions, counts = np.unique(np.concatenate(self._buffer), return_counts=True)
            self._buffer, self._buffered = [], 0
            self._merge(positions, counts)

    def _merge(self, positions: np.ndarray, counts: np.ndarray) -> None:
        both = np.concatenate([self._positions, positions])
        self._positions, inverse = np.unique(both, return_inverse=True)
        weights = np.concatenate([self._counts, counts])
        self._counts = np.bincount(inverse, weights=weights, minlength=len(self._positions)).astype(np.int64)


def make_signal(
    files: Sequence[ReadFile],
    assay: str,
    genome: Genome,
    *,
    output: str | os.PathLike[str],
    qc: str | os.PathLike[str],
    read_filter: ReadFilter = DEFAULT_FILTER,
    shift_check: str = "stop",
    seed: int = 1234,
    threads: int = 1,
) -> None:
    """Count the cut sites of one sample and write its bigWig and its record.

    Parameters
    ----------
    files
        The sample's files, pooled after each was put at the output shift.
    assay
        ``ATAC`` (output at +4/-4 from the aligned 5' ends) or ``DNASE`` (0/+1).
    genome
        The genome; its chromosomes are the bigWig's header.
    output, qc
        bigWig of integer insertions, both strands summed; JSON of what was read, dropped, voted and applied.
    read_filter
        For BAM and CRAM.
    shift_check
        ``stop``: an uncertain vote that the format's habit does not settle is an error; ``warn``: it is a warning,
        and the estimate is used.
    seed
        For the sites drawn for the vote.
    threads
        For decompressing BAM and CRAM.
    """
    messages: list[str] = []
    pooled, records = SiteCounter(), []
    for file in files:
        record, sites = _read_file(file, assay, genome, read_filter, shift_check, seed, threads, messages)
        records.append(record)
        pooled.add(sites.positions, sites.counts)
    applied = {record["shift"]["input"] for record in records}
    if len(applied) > 1:
        messages.append(
            f"The files carry different shifts ({', '.join(sorted(applied))}); each was put right before pooling."
        )
    total = pooled.total()
    write_bigwig(output, genome.sizes, by_chromosome(genome, total))
    record = signal_record(genome, total, assay, given=False, seed=seed, files=records, messages=messages)
    write_json(qc, record)
    for message in messages:
        log.warning("%s", message)
    log.info("%d insertions at %d positions", record["insertions"], record["positions"])


def _read_file(
    file: ReadFile,
    assay: str,
    genome: Genome,
    read_filter: ReadFilter,
    shift_check: str,
    seed: int,
    threads: int,
    messages: list[str],
) -> tuple[dict[str, Any], SiteCounts]:
    file_format = detect_format(file.path) if file.file_format == "auto" else file.file_format
    tally: Counter[str] = Counter()
    counters = {True: SiteCounter(), False: SiteCounter()}
    for ends in read_ends(
        file.path, genome, file_format=file_format, read_filter=read_filter, tally=tally, threads=threads
    ):
        for strand, counter in counters.items():
            counter.add(ends.positions[ends.plus == strand])
    plus, minus = counters[True].total(), counters[False].total()
    if not tally["kept"]:
        raise InputError(
            "no usable reads" if tally["records"] else "no reads",
            where=file.path,
            expected="reads on the genome's chromosomes that pass the filters",
            mend=_dropped_text(tally),
        )
    estimate = estimate_shift(genome, plus, minus, assay, np.random.default_rng(seed))
    shift, how = _decide(file, file_format, assay, estimate, shift_check, messages)
    move = Shift(OUTPUT_SHIFT[assay].plus - shift.plus, OUTPUT_SHIFT[assay].minus - shift.minus)
    counter, moved_off = SiteCounter(), 0
    for sites, distance in ((plus, move.plus), (minus, move.minus)):
        moved, lost = _move(genome, sites, distance)
        counter.add(moved.positions, moved.counts)
        moved_off += lost
    total = counter.total()
    record = {
        "path": file.path,
        "format": file_format,
        "sha256": sha256(file.path),
        "records": tally["records"],
        "kept": tally["kept"],
        "dropped": {key.removeprefix("dropped: "): n for key, n in sorted(tally.items()) if key.startswith("dropped")},
        "insertions": int(total.counts.sum()),
        "off_chromosome": tally["off chromosome"] + moved_off,
        "shift": {
            "input": str(shift),
            "how": how,
            "applied": {"plus": move.plus, "minus": move.minus},
            "usual": str(USUAL_SHIFT[assay, file_format]),
            **_vote_record(estimate),
        },
    }
    return record, total


def _decide(
    file: ReadFile, file_format: str, assay: str, estimate: Estimate, shift_check: str, messages: list[str]
) -> tuple[Shift, str]:
    """The shift that a file's reads carry, and whether it was stated, estimated or assumed."""
    usual = USUAL_SHIFT[assay, file_format]
    shown = f"{file.path}: " + _vote_text(estimate)
    if file.shift is not None:
        if estimate.verdict == "clear" and estimate.best != file.shift:
            messages.append(f"{shown} The stated shift {file.shift} was used all the same.")
        return file.shift, "stated"
    if estimate.verdict == "clear":
        if estimate.best != usual:
            messages.append(
                f"{file.path}: the reads carry the shift {estimate.best}, where {file_format} files usually "
                f"carry {usual}."
            )
        return estimate.best, "estimated"
    if estimate.verdict in ("thin", "split") and usual == estimate.best:
        messages.append(f"{shown} That is what {file_format} files usually carry, so it was taken.")
        return usual, "assumed"
    if shift_check == "warn":
        chosen = usual if estimate.verdict == "too few" else estimate.best
        messages.append(f"{shown} Used {chosen}, because the shift check only warns.")
        return chosen, "assumed"
    raise InputError(
        f"the shift that its reads carry is not certain. {_vote_text(estimate)}",
        where=file.path,
        expected="a clear vote",
        mend=(
            "State it: --input-shift PLUS/MINUS (reads_already_shifted in the sample sheet); an aligned BAM carries "
            "0/0, a 10x or ENCODE ATAC fragment file +4/-5, DNase 0/0; or set shift_check to warn"
        ),
    )


def _vote_text(estimate: Estimate) -> str:
    scores = ", ".join(f"{shift} {score:.2f}" for shift, score in list(estimate.scores.items())[:3])
    if estimate.verdict == "too few":
        return (
            f"Only {min(estimate.sites_used.values())} distinct sites on a strand, of the {MIN_SITES} that a vote "
            f"needs (best scores: {scores})."
        )
    return (
        f"The vote is {estimate.verdict}: {estimate.agreement:.0%} of the votes for {estimate.best}, "
        f"margin {estimate.margin:.2f} (best scores: {scores})."
    )


def _vote_record(estimate: Estimate) -> dict[str, Any]:
    return {
        "best": str(estimate.best),
        "verdict": estimate.verdict,
        "margin": estimate.margin,
        "agreement": estimate.agreement,
        "scores": estimate.scores,
        "votes": estimate.votes,
        "sites_used": estimate.sites_used,
    }


def _dropped_text(tally: Counter[str]) -> str:
    dropped = {key.removeprefix("dropped: "): n for key, n in tally.items() if key.startswith("dropped") and n}
    if not dropped:
        return "Check the file"
    return "Dropped: " + ", ".join(f"{n} {cause}" for cause, n in dropped.items())


def _move(genome: Genome, sites: SiteCounts, distance: int) -> tuple[SiteCounts, int]:
    """Move sites along the genome; those that leave their chromosome are lost and counted."""
    ends = np.array([genome.offsets[name] + genome.sizes[name] for name in genome.names], dtype=np.int64)
    chromosome = np.searchsorted(ends, sites.positions, side="right")
    starts = ends - np.array(list(genome.sizes.values()), dtype=np.int64)
    moved = sites.positions + distance
    within = (moved >= starts[chromosome]) & (moved < ends[chromosome])
    return SiteCounts(moved[within], sites.counts[within]), int(sites.counts[~within].sum())
