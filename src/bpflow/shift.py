"""How far reads were shifted already: a vote over reference cut-site PWMs.

A read's 5' end lies at a fixed distance from the base where the enzyme acted, and the enzyme's sequence preference
shows where that was. Everything here is in *read orientation*: position 0 is the read's 5' base and positions grow
along the read, so that one reference serves both strands. A read on the - strand shifted by -5 in genome coordinates
is shifted by +5 in read orientation.

PWMs are compared as log odds against the composition of the sample's own flanks, so that genomes rich in AT and in GC
are treated alike; the score of a shift is the Pearson correlation of the two log-odds matrices, laid on each other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, NamedTuple, Protocol

import numpy as np

from bpflow.base_composition import cut_site_pwm
from bpflow.errors import InputError
from bpflow.genome import Genome

__all__ = [
    "ASSAYS",
    "CLEAR_MARGIN",
    "MIN_SITES",
    "OUTPUT_SHIFT",
    "DistinctSites",
    "Estimate",
    "Shift",
    "estimate_shift",
    "load_references",
    "log_odds",
    "parse_shift",
    "sample_log_odds",
    "score",
    "symmetry",
]

ASSAYS = ("ATAC", "DNASE")
# Below this many distinct sites on a strand a vote is not trusted.
MIN_SITES = 2_000
SITES_SAMPLED = 200_000
# The composition of the flanks is taken from this far off the 5' base, where the enzyme has no say.
FLANK = (30, 60)
LARGEST_SHIFT = 10
CLEAR_AGREEMENT = 0.75
CLEAR_MARGIN = 0.1
CLEAR_SCORE = 0.4
PSEUDOCOUNT = 0.01


class Shift(NamedTuple):
    """Shift of + and - reads in genome coordinates, as in +4/-5."""

    plus: int
    minus: int

    def __str__(self) -> str:
        return "/".join("0" if value == 0 else f"{value:+d}" for value in self)


# Where the counted site lies, from the aligned 5' base (ATAC: both insertions of a Tn5 cut on one base).
OUTPUT_SHIFT = {"ATAC": Shift(4, -4), "DNASE": Shift(0, 1)}
# Sum of two bases that mirror each other about the cut, counted from that site.
MIRROR = {"ATAC": 0, "DNASE": -1}
MIRROR_REACH = 8
STANDARD_SHIFTS = {
    "ATAC": {Shift(0, 0)} | {Shift(plus, minus) for plus in (3, 4, 5) for minus in (-4, -5, -6)},
    "DNASE": {Shift(0, 0), Shift(0, 1)},
}


class DistinctSites(Protocol):
    """5' ends of one strand, from which distinct places in ``Genome.array`` can be drawn."""

    def draw(self, most: int, rng: np.random.Generator) -> np.ndarray:
        """All distinct places, or `most` of them."""


@dataclass(frozen=True)
class Estimate:
    """The outcome of a vote.

    Attributes
    ----------
    best
        Shift with the highest mean score over references and strands.
    verdict
        ``clear``, ``thin`` (low score or margin), ``split`` (references disagree), ``nonstandard`` (clear, but no
        shift in common use) or ``too few`` (sites).
    margin
        Score of `best` less the best score of any other shift.
    agreement
        Share of the votes (reference x strand) for `best`.
    scores
        Score of each candidate shift, the best first.
    votes
        One record a reference and strand: its own best shift, score, the second best score and the margin.
    sites_used
        Sites that the sample PWM of each strand was made from.
    """

    best: Shift
    verdict: str
    margin: float
    agreement: float
    scores: dict[str, float]
    votes: list[dict[str, Any]]
    sites_used: dict[str, int]

    def lead(self, shift: Shift) -> float:
        """Score of `shift`, less the best score of any other; one further than those tried scores 0."""
        others = next(score for tried, score in self.scores.items() if tried != str(shift))
        return self.scores.get(str(shift), 0.0) - others


def parse_shift(text: str, *, where: str) -> Shift | None:
    """Read ``auto`` (None) or the shift that reads carry already, such as ``0/0`` or ``+4/-5``."""
    if text == "auto":
        return None
    parts = text.split("/")
    try:
        plus, minus = (int(part) for part in parts)
    except ValueError:
        raise InputError(
            f"the shift {text!r}", where=where, expected="'auto' or PLUS/MINUS in bases, such as 0/0 or +4/-5"
        ) from None
    return Shift(plus, minus)


def load_references(assay: str) -> list[dict[str, Any]]:
    """Read the reference log-odds matrices of an assay.

    Each has a ``name``, a ``source``, ``first`` (read-orientation position of the first row, for unshifted reads)
    and ``log_odds`` (rows x A, C, G, T).
    """
    text = resources.files("bpflow").joinpath("data/shift_references.json").read_text(encoding="utf-8")
    return json.loads(text)[assay]


def estimate_shift(
    genome: Genome,
    plus: DistinctSites,
    minus: DistinctSites,
    assay: str,
    rng: np.random.Generator,
    references: Sequence[dict[str, Any]] | None = None,
) -> Estimate:
    """Find the shift that the sites carry by a vote over reference PWMs.

    Parameters
    ----------
    genome
        The genome.
    plus, minus
        5' ends of each strand. Each place counts once, so that repeats and duplicates have no more say.
    assay
        ``ATAC`` or ``DNASE``.
    rng
        Draws the sites used where there are more than needed.
    references
        Default: those shipped for the assay.
    """
    references = load_references(assay) if references is None else references
    candidates = np.arange(-LARGEST_SHIFT, LARGEST_SHIFT + 1)
    by_strand, used, votes = {}, {}, []
    for strand, sites in (("+", plus), ("-", minus)):
        sample, used["plus" if strand == "+" else "minus"] = sample_log_odds(genome, sites, rng, reverse=strand == "-")
        scores = np.array([[score(sample, ref, int(shift)) for shift in candidates] for ref in references])
        by_strand[strand] = scores.mean(axis=0)
        for reference, row in zip(references, scores, strict=True):
            votes.append({"reference": reference["name"], "strand": strand, **_vote(row, candidates, strand)})
    total = (by_strand["+"][:, None] + by_strand["-"][None, :]) / 2
    # In genome coordinates a - read moves the other way.
    pairs = {Shift(int(p), -int(m)): total[i, j] for i, p in enumerate(candidates) for j, m in enumerate(candidates)}
    ranked = sorted(pairs, key=pairs.__getitem__, reverse=True)
    best, margin = ranked[0], float(pairs[ranked[0]] - pairs[ranked[1]])
    agreement = float(
        np.mean([vote["shift"] == (best.plus if vote["strand"] == "+" else best.minus) for vote in votes])
    )
    if min(used.values()) < MIN_SITES:
        verdict = "too few"
    elif agreement < CLEAR_AGREEMENT:
        verdict = "split"
    elif margin < CLEAR_MARGIN / 2 or pairs[best] < CLEAR_SCORE:
        verdict = "thin"
    else:
        verdict = "clear" if best in STANDARD_SHIFTS[assay] else "nonstandard"
    return Estimate(
        best=best,
        verdict=verdict,
        margin=margin,
        agreement=agreement,
        scores={str(shift): float(pairs[shift]) for shift in ranked},
        votes=votes,
        sites_used=used,
    )


def log_odds(frequencies: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Natural log of frequency over background, both eased by a small pseudocount; (width, 4)."""
    return np.log((frequencies + PSEUDOCOUNT) / (background + PSEUDOCOUNT))


def sample_log_odds(
    genome: Genome, sites: DistinctSites, rng: np.random.Generator, *, reverse: bool
) -> tuple[np.ndarray, int]:
    """Log odds around distinct 5' ends against their flanks, (120, 4) in read orientation, and the sites used."""
    reach = FLANK[1]
    frequencies, used = cut_site_pwm(genome, sites.draw(SITES_SAMPLED, rng), before=reach, after=reach, reverse=reverse)
    flanks = np.r_[0 : reach - FLANK[0], reach + FLANK[0] : 2 * reach]
    return log_odds(frequencies, frequencies[flanks].mean(axis=0)), used


def score(sample: np.ndarray, reference: dict[str, Any], shift: int) -> float:
    """Correlation of a reference with a sample of :func:`sample_log_odds` whose reads were shifted by `shift`."""
    rows = np.asarray(reference["log_odds"])
    start = FLANK[1] + reference["first"] - shift
    window = sample[start : start + len(rows)]
    if window.std() == 0:
        return 0.0
    return float(np.corrcoef(window.ravel(), rows.ravel())[0, 1])


def symmetry(sample: np.ndarray, assay: str) -> float:
    """Correlation of a sample of both strands, at the output shift, with its reverse complement about the cut.

    Sites of the two strands that lie a base apart are each other's mirror about another place.
    """
    around = FLANK[1] + np.arange(-MIRROR_REACH, MIRROR_REACH + 1)
    mirrored = 2 * FLANK[1] + MIRROR[assay] - around
    return float(np.corrcoef(sample[around].ravel(), sample[mirrored][:, ::-1].ravel())[0, 1])


def _vote(scores: np.ndarray, candidates: np.ndarray, strand: str) -> dict[str, Any]:
    order = np.argsort(-scores, kind="stable")
    shift = int(candidates[order[0]])
    return {
        "shift": shift if strand == "+" else -shift,
        "score": float(scores[order[0]]),
        "second": float(scores[order[1]]),
        "margin": float(scores[order[0]] - scores[order[1]]),
    }
