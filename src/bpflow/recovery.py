"""What a model recovered of a simulation: the planted motifs, the planted accessibility and the planted bias.

Only simulated data have a truth to compare with (``scripts/make_demo_data.py`` writes one). Three questions:

* motifs: does a planted motif, alone in closed sequence, raise the corrected counts, and its shuffled letters not?
* profile: is the corrected profile closer to the planted accessibility than the profile with bias?
* bias: does the bias model's profile follow the enzyme's planted cutting rate?
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bpflow.bigwig import iterate_bases
from bpflow.errors import InputError
from bpflow.files import existing, read_json, stamp
from bpflow.footprints import implant
from bpflow.genome import OTHER_BASE, Genome, reverse_complement_codes
from bpflow.motif_files import consensus
from bpflow.progress import track
from bpflow.signal import SignalTrack
from bpflow.verdicts import OWN_ADVICE, verdict
from bpflow.views import Predict

__all__ = [
    "PlantedMotif",
    "Truth",
    "bias_agreement",
    "motif_effects",
    "profile_agreement",
    "read_planted_track",
    "read_truth",
    "report",
    "row_correlations",
]

BLOCK = 256
SHUFFLES_TRIED = 20
# Below this r a corrected profile does not resemble the planted one.
LEAST_PROFILE_R = 0.3


@dataclass(frozen=True)
class PlantedMotif:
    """A motif of the simulation.

    Attributes
    ----------
    name
        Its name.
    pwm
        (width, 4) base frequencies.
    log2_fold
        What one site does to the expected total of a closed window of `Truth.window` bases.
    expected_total
        Insertions that one site adds, if the truth says so.
    """

    name: str
    pwm: np.ndarray
    log2_fold: float
    expected_total: float | None


@dataclass(frozen=True)
class Truth:
    """A simulation's truth.json, its files as full paths."""

    motifs: list[PlantedMotif]
    accessibility: Path
    bias: Path
    background: float | None

    def planted_fold(self, motif: PlantedMotif, width: int) -> float:
        """log2 of a closed window's expected total with one site over that without, for a window of `width`."""
        if motif.expected_total is None or not self.background:
            return motif.log2_fold
        return float(np.log2(1 + motif.expected_total / (self.background * width)))


def read_truth(path: str | os.PathLike[str]) -> Truth:
    """Read ``truth.json``; the files it names lie beside it."""
    content = read_json(path, "truth.json of a simulation")
    for key in ("accessibility", "bias", "motifs"):
        if not isinstance(content, dict) or key not in content:
            raise InputError(f"no key {key!r}", where=str(path), expected="truth.json of a simulation")
    motifs = []
    for index, entry in enumerate(content["motifs"]):
        where = f"{path}, motifs[{index}]"
        try:
            pwm = np.array(entry["pwm"], dtype=float)
            motif = PlantedMotif(str(entry["name"]), pwm, float(entry["log2_fold"]), entry.get("expected_total"))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{error!r}", where=where, expected="name, pwm and log2_fold") from None
        if pwm.ndim != 2 or pwm.shape[1] != 4 or not len(pwm):
            raise InputError(f"a pwm of shape {pwm.shape}", where=where, expected="rows of A, C, G, T frequencies")
        motifs.append(motif)
    folder = Path(path).parent
    return Truth(
        motifs=motifs,
        accessibility=existing(folder / content["accessibility"], "the planted accessibility"),
        bias=existing(folder / content["bias"], "the planted bias"),
        background=content.get("background"),
    )


def read_planted_track(path: str | os.PathLike[str], genome: Genome) -> np.ndarray:
    """Read a bigWig of the truth densely, float32, laid out as ``Genome.array``."""
    values = np.zeros(genome.array.size, dtype=np.float32)
    for places, block in iterate_bases(path, genome):
        values[places] = block
    return values


def motif_effects(
    truth: Truth, backgrounds: np.ndarray, predict: Predict, *, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Implant each planted motif, and its letters in random order, into backgrounds.

    Each background gets its own site: the motif's best letters, drawn among equally good ones. Counts are the mean
    over both strands and all backgrounds; one insertion is added, so that a fold of no counts is a number.

    Parameters
    ----------
    truth
        The planted motifs.
    backgrounds
        (N, L) uint8 codes of closed sequence.
    predict
        Gives the tracks of each view.
    rng
        Draws the sites' ambiguous letters and the shuffles.

    Returns
    -------
    list of dict
        name, sequence, planted_log2_fold, predicted_log2_fold, shuffled_log2_fold (both of the corrected view), and
        with_bias_log2_fold, which counts the background as the planted fold does.
    """
    control, width = _expected_counts(predict, backgrounds)
    results = []
    for motif in track(truth.motifs, what="planted motifs", unit="motifs"):
        sites = draw_sites(motif.pwm, len(backgrounds), rng)
        planted, _ = _expected_counts(predict, implant(backgrounds, sites))
        shuffled, _ = _expected_counts(predict, implant(backgrounds, shuffle_sites(sites, motif.pwm, rng)))
        folds = {view: np.log2((1 + planted[view]) / (1 + control[view])) for view in ("corrected", "with_bias")}
        results.append(
            {
                "name": motif.name,
                "sequence": consensus(motif.pwm),
                "planted_log2_fold": truth.planted_fold(motif, width),
                "predicted_log2_fold": float(folds["corrected"]),
                "shuffled_log2_fold": float(np.log2((1 + shuffled["corrected"]) / (1 + control["corrected"]))),
                "with_bias_log2_fold": float(folds["with_bias"]),
            }
        )
    return results


def profile_agreement(
    codes_starts: np.ndarray,
    genome: Genome,
    accessibility: np.ndarray,
    predict: Predict,
    *,
    input_length: int,
    signal: SignalTrack | None = None,
) -> dict[str, Any]:
    """Mean Pearson r over regions of predicted probabilities (and observed counts) with planted accessibility.

    Parameters
    ----------
    codes_starts
        (N,) global starts of the input windows.
    genome, accessibility
        Sequence, and the planted track in the same layout.
    predict
        Gives the tracks of each view.
    input_length
        Width of the input windows, in bases.
    signal
        Observed insertions; without it ``observed_r`` is NaN.
    """
    scores: dict[str, list[np.ndarray]] = {"corrected": [], "with_bias": [], "observed": []}
    for starts, tracks in _predicted(codes_starts, genome, predict, input_length, "profiles"):
        width = tracks["corrected"].probabilities.shape[1]
        place = starts + input_length // 2 - width // 2
        planted = accessibility[place[:, None] + np.arange(width)]
        for view in ("corrected", "with_bias"):
            scores[view].append(row_correlations(tracks[view].probabilities, planted))
        if signal is not None:
            scores["observed"].append(row_correlations(signal.windows(place, width), planted))
    return {"regions": len(codes_starts), **{f"{view}_r": _mean(parts) for view, parts in scores.items()}}


def bias_agreement(
    codes_starts: np.ndarray, genome: Genome, bias: np.ndarray, predict: Predict, *, input_length: int
) -> dict[str, Any]:
    """Mean Pearson r over regions of the bias model's profile logits with the log of the planted cutting rate.

    Log probabilities stand in for logits: they differ by a constant in each region. Bases without a planted rate (N)
    are left out.
    """
    scores = []
    for starts, tracks in _predicted(codes_starts, genome, predict, input_length, "bias profiles"):
        probabilities = tracks["bias"].probabilities
        width = probabilities.shape[1]
        planted = bias[(starts + input_length // 2 - width // 2)[:, None] + np.arange(width)]
        known = planted > 0
        log_planted = np.log(planted, out=np.full(planted.shape, np.nan), where=known)
        logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
        scores.append(row_correlations(np.where(known, logits, np.nan), log_planted))
    return {"regions": len(codes_starts), "r": _mean(scores)}


def report(motifs: list[dict[str, Any]], profile: dict[str, Any], bias: dict[str, Any]) -> dict[str, Any]:
    """The record of all three answers, with verdicts."""
    found = [
        entry["predicted_log2_fold"] - entry["shuffled_log2_fold"] > entry["planted_log2_fold"] / 2 for entry in motifs
    ]
    missed = ", ".join(entry["name"] for entry, ok in zip(motifs, found, strict=True) if not ok)
    verdicts = [
        verdict(
            "truth_motifs",
            "The corrected model found the motifs",
            float(np.mean(found)) if found else float("nan"),
            good=1 - 1e-9,
            check=0.5 - 1e-9,
            threshold="all motifs; half of them or more needs a look (found: above its shuffled letters by half the "
            "planted log2 fold or more)",
            source=OWN_ADVICE,
            advice=(
                "Every planted motif raises the predicted counts, and its shuffled letters do not.",
                f"Not found: {missed}. Weak motifs need more peaks or longer training.",
                f"Not found: {missed}. The model did not learn the planted grammar; train it longer.",
            ),
        ),
        _bias_is_gone(profile),
        verdict(
            "truth_enzyme",
            "The bias model learned the enzyme",
            bias["r"],
            good=0.8,
            check=0.5,
            threshold="r with the log of the planted cutting rate above 0.8; from 0.5 to 0.8 needs a look",
            source=OWN_ADVICE,
            advice=(
                "The bias model's profile follows the planted cutting rate.",
                "The bias model learned part of the enzyme's preference; more or deeper bias regions would help.",
                "The bias model did not learn the enzyme's preference: check the shift and the bias regions.",
            ),
        ),
    ]
    return stamp("recovery", motifs=motifs, profile=profile, bias=bias, verdicts=verdicts, messages=[])


def _bias_is_gone(profile: dict[str, Any]) -> dict[str, Any]:
    item = verdict(
        "truth_profile",
        "The bias is gone from the corrected profile",
        profile["corrected_r"] - profile["with_bias_r"],
        good=0.05,
        check=0.0,
        threshold=f"r with the planted accessibility above {LEAST_PROFILE_R}, and higher by 0.05 or more than with "
        "bias; higher by less needs a look",
        source=OWN_ADVICE,
        advice=(
            "The corrected profile is closer to the planted accessibility than the profile with bias.",
            "The corrected profile is hardly closer to the truth than the profile with bias.",
            "The corrected profile is no closer to the truth: the bias model did not learn the enzyme, or the "
            "accessibility model took over its part.",
        ),
    )
    if profile["corrected_r"] <= LEAST_PROFILE_R:
        # Between two profiles that do not resemble the truth, the difference means nothing.
        item["verdict"] = "fail"
        item["advice"] = (
            f"The corrected profile hardly resembles the planted accessibility (r {profile['corrected_r']:.2f}): "
            "train the model longer, or on more peaks."
        )
    return item


def draw_sites(pwm: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, width) uint8 sites of the best letters, drawn evenly among equally good ones."""
    best = pwm >= pwm.max(axis=1, keepdims=True) - 1e-6
    keys = np.where(best, rng.random((n, *pwm.shape)), -1.0)
    return keys.argmax(axis=2).astype(np.uint8)


def shuffle_sites(sites: np.ndarray, pwm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each site's letters in a random order, one that resembles the motif little on either strand.

    Of ``SHUFFLES_TRIED`` orders, the one of the lowest log-likelihood under the motif (the better strand's) is taken.
    """
    log_pwm = np.log(pwm + 0.01)
    both = np.stack([log_pwm, log_pwm[::-1, ::-1]])
    tried = np.stack([rng.permuted(sites, axis=1) for _ in range(SHUFFLES_TRIED)])
    likeness = both[:, np.arange(sites.shape[1]), tried].sum(axis=-1).max(axis=0)
    return tried[likeness.argmin(axis=0), np.arange(len(sites))]


def row_correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson r of each row of `a` (N, W) with the same row of `b`, (N,) float64.

    Places where either is NaN are left out; a row without variance gives NaN.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    known = ~(np.isnan(a) | np.isnan(b))
    number = np.maximum(known.sum(axis=1, keepdims=True), 1)
    a, b = (np.where(known, x, 0.0) for x in (a, b))
    a, b = (np.where(known, x - x.sum(axis=1, keepdims=True) / number, 0.0) for x in (a, b))
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.divide((a * b).sum(axis=1), scale, out=np.full(len(a), np.nan), where=scale > 0)


def _expected_counts(predict: Predict, codes: np.ndarray) -> tuple[dict[str, float], int]:
    if (codes == OTHER_BASE).all():
        raise InputError("backgrounds of unknown bases alone", where="non-peaks", expected="called sequence")
    forward, reverse = predict(codes), predict(reverse_complement_codes(codes))
    means = {view: float((forward[view].counts + reverse[view].counts).mean() / 2) for view in forward}
    return means, next(iter(forward.values())).probabilities.shape[1]


def _predicted(
    starts: np.ndarray, genome: Genome, predict: Predict, input_length: int, what: str
) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
    for first in track(range(0, len(starts), BLOCK), what=what, unit="blocks"):
        block = starts[first : first + BLOCK]
        yield block, dict(predict(genome.windows(block, input_length)))


def _mean(parts: list[np.ndarray]) -> float:
    values = np.concatenate(parts) if parts else np.zeros(0)
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")
