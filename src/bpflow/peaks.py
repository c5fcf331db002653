"""Peaks of a sample: called by MACS3 from its own cut sites, or given; then checked and filtered."""

from __future__ import annotations

import errno
import importlib.metadata
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from bpflow.enrichment import WINDOW, depth_verdict, enrichment, insertions_in, window_insertions
from bpflow.errors import InputError
from bpflow.files import stamp, write_json
from bpflow.genome import Genome
from bpflow.regions import centers, in_genome_order, inside, overlaps, read_intervals, read_regions, write_regions
from bpflow.signal import SignalTrack

__all__ = ["REPRODUCIBLE", "PeakRules", "found_again", "make_peaks"]

log = logging.getLogger("bpflow")

REPRODUCIBLE = ("pseudoreplicates", "replicates", "none")
# Each cut site becomes a tag whose 150 bp are centred on it.
MACS3_OPTIONS = ["--shift", "-75", "--extsize", "150", "--nomodel", "--keep-dup", "all", "--call-summits"]
# Naive overlap, as in the ENCODE ATAC-seq pipeline: half of either peak.
SHARED_FRACTION = 0.5
SITES_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class PeakRules:
    """How peaks are called and which are kept.

    Attributes
    ----------
    input_length
        Input window of the models, in bases: peaks whose window leaves the chromosome go, and the blacklist is
        widened by half of it.
    maximum
        Number of peaks kept, by p-value.
    p_value
        MACS3's cut-off.
    reproducible
        One of :data:`REPRODUCIBLE`: peaks kept must be found again in both random halves of the insertions
        (pseudoreplicates) or in each replicate.
    """

    input_length: int = 2114
    maximum: int = 250_000
    p_value: float = 0.01
    reproducible: str = "pseudoreplicates"


def make_peaks(
    signal: str | os.PathLike[str],
    genome: Genome,
    *,
    output: str | os.PathLike[str],
    qc: str | os.PathLike[str],
    rules: PeakRules,
    given: str | os.PathLike[str] | None = None,
    blacklist: str | os.PathLike[str] | None = None,
    replicates: Sequence[str | os.PathLike[str]] = (),
    seed: int = 1234,
) -> None:
    """Call or check the peaks of one sample, write them as narrowPeak and write their record.

    Parameters
    ----------
    signal
        bigWig of cut sites.
    genome
        The genome.
    output, qc
        narrowPeak sorted by chromosome and start; JSON of what was called, kept and removed.
    rules
        See :class:`PeakRules`.
    given
        narrowPeak or BED used instead of calling.
    blacklist
        BED of regions to avoid.
    replicates
        bigWigs of the single replicates, for ``reproducible="replicates"``.
    seed
        For splitting the insertions into pseudoreplicates.

    Raises
    ------
    InputError
        No peaks are found or none is left, files that are damaged or of another assembly.
    """
    track = SignalTrack.open(signal, genome)
    messages: list[str] = []
    removed = dict.fromkeys(("other_chromosome", "not_reproducible", "blacklisted", "edge", "over_max"), 0)
    macs3 = None
    if given is not None:
        frame = read_regions(given, genome)
        peak_format = frame.attrs["format"]
        if peak_format == "BED3":
            messages.append(f"{given} has no summits (it is no narrowPeak): the middle of each peak is its centre.")
    else:
        frame, removed["not_reproducible"] = _call(track, genome, rules, replicates, seed)
        peak_format = "narrowPeak"
        macs3 = {
            "version": importlib.metadata.version("macs3"),
            "options": " ".join(["-f BED", *MACS3_OPTIONS, f"-p {rules.p_value}"]),
        }
    called = len(frame) + removed["not_reproducible"]
    excluded = read_intervals(blacklist) if blacklist else None
    frame = _filter(frame, genome, rules, excluded, removed)
    if frame.empty:
        counts = ", ".join(f"{n} {cause.replace('_', ' ')}" for cause, n in removed.items() if n)
        raise InputError(
            f"no peak is left of {called} ({counts})",
            where=str(given or signal),
            expected="peaks on the genome's chromosomes, away from their ends and from the blacklist",
            mend="Check the assembly, the blacklist and the depth",
        )
    write_regions(frame, output)
    total = track.total
    in_peaks = insertions_in(track, genome, frame)
    in_blacklist = insertions_in(track, genome, excluded) if excluded is not None else 0
    around = window_insertions(track, genome, frame, min(WINDOW, rules.input_length))
    for message in messages:
        log.warning("%s", message)
    log.info("%d peaks kept of %d", len(frame), called)
    write_json(
        qc,
        stamp(
            "peaks",
            source="macs3" if given is None else "given",
            format=peak_format,
            called=called,
            kept=len(frame),
            removed=removed,
            reproducible=rules.reproducible if given is None else None,
            macs3=macs3,
            insertions=total,
            insertions_outside_blacklist=total - in_blacklist,
            insertions_in_peaks=in_peaks,
            frip=in_peaks / total if total else None,
            window_insertions=around,
            enrichment=enrichment(track, genome, frame, excluded),
            seed=seed,
            verdicts=[depth_verdict(around["median"], around["width"])],
            messages=messages,
        ),
    )


def _filter(
    frame: pd.DataFrame, genome: Genome, rules: PeakRules, excluded: pd.DataFrame | None, removed: dict[str, int]
) -> pd.DataFrame:
    def keep(mask: np.ndarray, cause: str) -> pd.DataFrame:
        removed[cause] += int((~mask).sum())
        return frame[mask]

    frame = keep(frame["chrom"].isin(genome.sizes).to_numpy(), "other_chromosome")
    frame = keep(inside(frame, genome.sizes, rules.input_length), "edge")
    if excluded is not None:
        middle = centers(frame)
        hit = overlaps(frame["chrom"], middle, middle + 1, excluded, margin=rules.input_length // 2)
        frame = keep(~hit, "blacklisted")
    # MACS3's p-value decides; peaks given without one are ranked by their signal.
    rank = frame["pvalue"] if (frame["pvalue"] >= 0).any() else frame["signal"]
    best = rank.sort_values(ascending=False, kind="stable").index[: rules.maximum]
    frame = keep(frame.index.isin(best), "over_max")
    return in_genome_order(frame, genome)


def _call(
    track: SignalTrack,
    genome: Genome,
    rules: PeakRules,
    replicates: Sequence[str | os.PathLike[str]],
    seed: int,
) -> tuple[pd.DataFrame, int]:
    if not len(track.positions):
        raise InputError("no insertions", where=track.path, expected="a signal to call peaks from")
    if rules.reproducible == "replicates" and len(replicates) < 2:
        raise InputError(
            f"{len(replicates)} replicate signal(s)",
            where="--replicates",
            expected="two or more",
            mend="Set peaks.reproducible to pseudoreplicates, or list a file a replicate",
        )
    with tempfile.TemporaryDirectory(prefix="bpflow_peaks_") as name:
        folder = Path(name)
        whole, others = folder / "pooled.bed", []
        if rules.reproducible == "pseudoreplicates":
            others = [folder / "replicate_1.bed", folder / "replicate_2.bed"]
            _write_tags(track, genome, whole, halves=others, rng=np.random.default_rng(seed))
        else:
            _write_tags(track, genome, whole)
        if rules.reproducible == "replicates":
            others = [folder / f"replicate_{number}.bed" for number in range(1, len(replicates) + 1)]
            for replicate, tags in zip(replicates, others, strict=True):
                _write_tags(SignalTrack.open(replicate, genome), genome, tags)
        pooled = _macs3(whole, genome, rules)
        reproducible = np.ones(len(pooled), dtype=bool)
        for tags in others:
            reproducible &= found_again(pooled, _macs3(tags, genome, rules))
    return pooled[reproducible], int((~reproducible).sum())


def _write_tags(
    track: SignalTrack,
    genome: Genome,
    whole: Path,
    halves: Sequence[Path] = (),
    rng: np.random.Generator | None = None,
) -> None:
    """Write each insertion as a line of BED, and if wanted once more to one of two `halves` that `rng` draws."""
    with ExitStack() as stack:
        handles = [stack.enter_context(open(path, "wb")) for path in (whole, *halves)]
        for chromosome in genome.names:
            offset = genome.offsets[chromosome]
            first, last = track.between(np.array([offset]), np.array([offset + genome.sizes[chromosome]]))
            for low in range(int(first[0]), int(last[0]), SITES_AT_ONCE):
                sites = slice(low, min(low + SITES_AT_ONCE, int(last[0])))
                counts = track.counts[sites]
                shares = [counts]
                if rng is not None:
                    half = rng.binomial(counts, 0.5)
                    shares += [half, counts - half]
                for handle, share in zip(handles, shares, strict=True):
                    starts = np.repeat(track.positions[sites].astype(np.int64) - offset, share)
                    tags = pl.DataFrame({"start": starts}).select(
                        pl.lit(chromosome).alias("chrom"), "start", end=pl.col("start") + 1
                    )
                    tags.write_csv(handle, separator="\t", include_header=False)


def _macs3(tags: Path, genome: Genome, rules: PeakRules) -> pd.DataFrame:
    folder, name = tags.parent, tags.stem
    command = [_macs3_program(), "callpeak", "-t", tags, "-f", "BED", "-g", sum(genome.acgt.values())]
    command += ["-p", rules.p_value, *MACS3_OPTIONS, "--outdir", folder, "-n", name, "--verbose", 2]
    log.info("calling peaks (%s)", name)
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if result.returncode:
        if os.strerror(errno.ENOSPC) in result.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise RuntimeError(f"macs3 ended with {result.returncode}:\n{result.stderr}")
    peaks = folder / f"{name}_peaks.narrowPeak"
    if not peaks.stat().st_size:
        return pd.DataFrame({"chrom": pd.Series(dtype=object), "start": [], "end": [], "pvalue": [], "summit": []})
    return read_regions(peaks, genome)


def _macs3_program() -> str:
    beside = Path(sys.executable).with_name("macs3")
    return str(beside) if beside.exists() else "macs3"


def found_again(peaks: pd.DataFrame, again: pd.DataFrame) -> np.ndarray:
    """Whether each peak shares half of its length, or of the other's, with any peak of `again`, (N,) bool."""
    found = np.zeros(len(peaks), dtype=bool)
    start, end = peaks["start"].to_numpy(), peaks["end"].to_numpy()
    for name, group in again.drop_duplicates(["chrom", "start", "end"]).groupby("chrom"):
        rows = np.flatnonzero(peaks["chrom"].to_numpy() == name)
        # MACS3's peaks of one call do not overlap, so both ends are sorted together.
        other = group.sort_values("start")
        first = np.searchsorted(other["end"].to_numpy(), start[rows], side="right")
        last = np.searchsorted(other["start"].to_numpy(), end[rows], side="left")
        pairs = np.repeat(rows, last - first)
        within = np.arange(len(pairs)) - np.repeat(np.cumsum(last - first) - (last - first), last - first)
        match = np.repeat(first, last - first) + within
        other_start, other_end = other["start"].to_numpy()[match], other["end"].to_numpy()[match]
        shared = np.minimum(end[pairs], other_end) - np.maximum(start[pairs], other_start)
        shortest = np.minimum(end[pairs] - start[pairs], other_end - other_start)
        found[pairs[shared >= SHARED_FRACTION * shortest]] = True
    return found
