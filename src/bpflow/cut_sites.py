"""Reads to one track of cut sites: each file put right by its own shift, then pooled.

Nothing here holds all sites at once: they are counted, moved, pooled and written as a stream.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from bpflow.bigwig_writer import write_bigwig
from bpflow.errors import InputError
from bpflow.files import existing, sha256, write_json
from bpflow.fragment_lengths import LONGEST, lengths_record
from bpflow.genome import Genome
from bpflow.reads import ReadFilter, detect_format, read_ends
from bpflow.shift import (
    MIN_SITES,
    OUTPUT_SHIFT,
    Estimate,
    Shift,
    estimate_shift,
)
from bpflow.shift_verdict import vote_verdict
from bpflow.signal_record import SignalSummary, signal_record
from bpflow.site_counts import SiteCounter, Sites, moved_counts, moved_off

__all__ = ["CutSites", "ReadFile", "count_cut_sites", "make_signal"]

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
SCORES_RECORDED = 10
DEFAULT_FILTER = ReadFilter()


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


@dataclass(frozen=True)
class CutSites:
    """The counted cut sites of a sample, each file's put at the output shift.

    Attributes
    ----------
    genome
        The genome that the sites lie in.
    parts
        Sites of each file and strand, and how far they are to be moved along the genome.
    files
        What was read, dropped, voted and applied: one record a file.
    verdicts
        Whether each file's shift is the one in use.
    messages
        Warnings.
    """

    genome: Genome
    parts: list[tuple[Sites, int]]
    files: list[dict[str, Any]]
    verdicts: list[dict[str, Any]]
    messages: list[str]

    def blocks(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Yield (chromosome, sorted 0-based positions, counts) in the genome's order, several blocks a chromosome."""
        return moved_counts(self.genome, self.parts)


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
    files, assay, read_filter, shift_check, seed, threads
        As for :func:`count_cut_sites`.
    genome
        The genome; its chromosomes are the bigWig's header.
    output, qc
        bigWig of integer insertions, both strands summed; JSON of what was read, dropped, voted and applied.
    """
    sites = count_cut_sites(
        files, assay, genome, read_filter=read_filter, shift_check=shift_check, seed=seed, threads=threads
    )
    summary = SignalSummary(genome)
    write_bigwig(output, genome.sizes, summary.watch(sites.blocks()), threads=threads)
    record = signal_record(
        summary,
        assay,
        given=False,
        seed=seed,
        files=sites.files,
        verdicts=sites.verdicts,
        messages=sites.messages,
    )
    write_json(qc, record)
    for message in sites.messages:
        log.warning("%s", message)
    log.info("%d insertions at %d positions", record["insertions"], record["positions"])


def count_cut_sites(
    files: Sequence[ReadFile],
    assay: str,
    genome: Genome,
    *,
    read_filter: ReadFilter = DEFAULT_FILTER,
    shift_check: str = "stop",
    seed: int = 1234,
    threads: int = 1,
) -> CutSites:
    """Read the files of one sample, one after another, and decide how far the reads of each are to be moved.

    Parameters
    ----------
    files
        The sample's files, pooled after each was put at the output shift.
    assay
        ``ATAC`` (output at +4/-4 from the aligned 5' ends) or ``DNASE`` (0/+1).
    genome
        The genome.
    read_filter
        For BAM, CRAM and SAM.
    shift_check
        ``stop``: an uncertain vote that the format's habit does not settle is an error; ``warn``: it is a warning,
        and the estimate is used.
    seed
        For the sites drawn for the vote.
    threads
        For decompressing and parsing; the result is the same for any number.
    """
    sites = CutSites(genome, [], [], [], [])
    for file in files:
        # The digest takes its own way through the file, beside the reader.
        with ThreadPoolExecutor(1) as beside:
            digest = beside.submit(sha256, existing(file.path, "reads: BAM, CRAM, fragments or tagAlign"))
            record = _read_file(file, assay, read_filter, shift_check, seed, threads, sites)
        record["sha256"] = digest.result()
        sites.files.append(record)
    applied = {record["shift"]["input"] for record in sites.files}
    if len(applied) > 1:
        sites.messages.append(
            f"The files carry different shifts ({', '.join(sorted(applied))}); each was put right before pooling."
        )
    return sites


def _read_file(
    file: ReadFile,
    assay: str,
    read_filter: ReadFilter,
    shift_check: str,
    seed: int,
    threads: int,
    sites: CutSites,
) -> dict[str, Any]:
    """Add a file's sites, verdict and warnings to `sites`, and give back its record."""
    genome = sites.genome
    file_format = detect_format(file.path) if file.file_format == "auto" else file.file_format
    tally: Counter[str] = Counter()
    lengths = np.zeros(LONGEST + 1, dtype=np.int64)
    counters = {True: SiteCounter(genome), False: SiteCounter(genome)}
    for ends in read_ends(
        file.path,
        genome,
        file_format=file_format,
        read_filter=read_filter,
        tally=tally,
        lengths=lengths,
        threads=threads,
    ):
        counters[ends.plus].add(ends.positions)
    plus, minus = counters[True].sites(), counters[False].sites()
    if not tally["kept"]:
        raise InputError(
            "no usable reads" if tally["records"] else "no reads",
            where=file.path,
            expected="reads on the genome's chromosomes that pass the filters",
            mend=_dropped_text(tally),
        )
    estimate = estimate_shift(genome, plus, minus, assay, np.random.default_rng(seed))
    shift, how = _decide(file, file_format, assay, estimate, shift_check, sites.messages)
    sites.verdicts.append(vote_verdict(Path(file.path).name, shift, how, estimate))
    move = Shift(OUTPUT_SHIFT[assay].plus - shift.plus, OUTPUT_SHIFT[assay].minus - shift.minus)
    parts = [(plus, move.plus), (minus, move.minus)]
    sites.parts.extend(parts)
    lost = sum(moved_off(genome, strand, distance) for strand, distance in parts)
    return {
        "path": file.path,
        "format": file_format,
        "sha256": None,
        "records": tally["records"],
        "kept": tally["kept"],
        "dropped": {key.removeprefix("dropped: "): n for key, n in sorted(tally.items()) if key.startswith("dropped")},
        "insertions": len(plus) + len(minus) - lost,
        "off_chromosome": tally["off chromosome"] + lost,
        "shift": {
            "input": str(shift),
            "how": how,
            "applied": {"plus": move.plus, "minus": move.minus},
            "usual": str(USUAL_SHIFT[assay, file_format]),
            **_vote_record(estimate),
        },
        "fragment_lengths": lengths_record(lengths),
    }


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
        "scores": dict(islice(estimate.scores.items(), SCORES_RECORDED)),
        "votes": estimate.votes,
        "sites_used": estimate.sites_used,
    }


def _dropped_text(tally: Counter[str]) -> str:
    dropped = {key.removeprefix("dropped: "): n for key, n in tally.items() if key.startswith("dropped") and n}
    if not dropped:
        return "Check the file"
    return "Dropped: " + ", ".join(f"{n} {cause}" for cause, n in dropped.items())
