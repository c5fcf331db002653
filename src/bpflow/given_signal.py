"""A signal that was made elsewhere: checked, and recorded like one of ours."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np

from bpflow.errors import InputError
from bpflow.files import sha256, write_json
from bpflow.genome import Genome
from bpflow.shift import MIN_SITES, OUTPUT_SHIFT, load_references, sample_log_odds, score, symmetry
from bpflow.shift_verdict import resemblance_verdict, symmetry_verdict
from bpflow.signal import SignalTrack
from bpflow.signal_record import SignalSummary, signal_record
from bpflow.site_counts import SiteCounts

__all__ = ["check_bigwig"]

log = logging.getLogger("bpflow")

# A track whose values often repeat from base to base is read coverage, not single-base cut sites.
COVERAGE_SHARE = 0.5
# Below this correlation with every reference, a given track was probably made with another shift.
LEAST_RESEMBLANCE = 0.5


def check_bigwig(signal: str | os.PathLike[str], assay: str, genome: Genome, *, qc: str | os.PathLike[str]) -> None:
    """Check a bigWig made elsewhere and write the same record as :func:`make_signal`.

    Raises
    ------
    InputError
        Values that are no whole non-negative numbers, another assembly, an empty track, or read coverage
        in place of single-base cut sites.
    """
    track = SignalTrack.open(signal, genome)
    if not track.positions.size:
        raise InputError("no insertions", where=str(signal), expected="counts of cut sites")
    # Of the last site none follows; it is as if it were not repeated.
    repeats = np.append((np.diff(track.positions) == 1) & (track.counts[1:] == track.counts[:-1]), False)
    repeated = float(np.mean(repeats))
    # Dense cut-site tracks repeat small values by chance; coverage repeats large ones too.
    tall = track.counts > np.median(track.counts)
    repeated_tall = float(np.mean(repeats[tall])) if tall.any() else repeated
    if min(repeated, repeated_tall) > COVERAGE_SHARE:
        raise InputError(
            f"{repeated:.0%} of its bases have the same value as the next one",
            where=str(signal),
            expected="single-base cut sites (5' ends), not the coverage of whole reads",
            mend="Give the reads themselves, or a bigWig of 5' ends",
        )
    total = SiteCounts(track.positions.astype(np.int64), track.counts)
    messages = []
    resemblance, mirrored = _motif(genome, total, assay)
    if resemblance is not None and resemblance < LEAST_RESEMBLANCE:
        messages.append(
            f"The cut-site PWM of the given bigWig resembles the {assay} reference little "
            f"(r {resemblance:.2f} at {OUTPUT_SHIFT[assay]}): check the shift that it was made with."
        )
    summary = SignalSummary(genome)
    for block in total.by_chromosome(genome):
        summary.add(*block)
    record = signal_record(summary, assay, given=True, seed=None, files=[], messages=messages)
    record["reference_r"], record["symmetry_r"] = resemblance, mirrored
    name = Path(signal).name
    record["verdicts"] = [resemblance_verdict(name, resemblance), symmetry_verdict(name, mirrored)]
    record["path"], record["sha256"] = str(signal), sha256(signal)
    write_json(qc, record)
    for message in messages:
        log.warning("%s", message)


def _motif(genome: Genome, total: SiteCounts, assay: str) -> tuple[float, float] | tuple[None, None]:
    """Correlations of a track's PWM with the best reference, laid where sites ought to be, and with its own mirror."""
    if len(total.positions) < MIN_SITES:
        return None, None
    sample, _ = sample_log_odds(genome, total, np.random.default_rng(0), reverse=False)
    references = load_references(assay)
    return max(score(sample, each, OUTPUT_SHIFT[assay].plus) for each in references), symmetry(sample, assay)
