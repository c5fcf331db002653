"""The record of footprints: numbers of each motif, the response to the bias probes, and the verdict on it.

The official program calls a model corrected if its response is below 0.003 for outputs of 1000 bases: three times a
flat profile. Here outputs of any length are held to that multiple, unrounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpflow.files import stamp
from bpflow.footprints import REPORTED, Effect, Footprint
from bpflow.verdicts import OFFICIAL_ADVICE, verdict

__all__ = ["CENTRE_WINDOW", "SHOULDER", "central", "depth", "log2_fold", "official_response", "report"]

CENTRE_WINDOW = 200
# Bases on either side of a motif that its depth is measured against: within an open site, outside most factors' reach.
SHOULDER = 25
# A response of 0.003 at 1000 bases is three times a flat profile; other widths are held to the same multiple.
RESPONSE_IN_FLAT_PROFILES = 3.0


def report(footprints: list[Footprint], *, backgrounds: int) -> dict[str, Any]:
    """Numbers, central profiles and the verdict on the bias probes.

    Parameters
    ----------
    footprints
        Result of :func:`bpflow.footprints.measure`: the control first.
    backgrounds
        Number of background sequences.

    Returns
    -------
    dict
        ``motifs`` and ``control`` hold the largest value over the output and over its centre, the ratio of the former
        to that of the control in the same view, the depth, log2 fold counts and the central profile of each view.
        ``bias_response`` is the mean over probes of those largest values, over the output and under ``centre`` over
        the centre, with its ratios to the corrected model's control and to the same with bias.
    """
    control, *others = footprints
    length = len(control.effects["corrected"].profile)
    threshold = RESPONSE_IN_FLAT_PROFILES / length
    probes = [footprint for footprint in others if footprint.insert.kind == "bias_probe"]
    largest = max(footprint.effects["corrected"].profile.max() for footprint in probes)
    return stamp(
        "footprints",
        backgrounds=backgrounds,
        window=min(CENTRE_WINDOW, length),
        output_length=length,
        motifs=[
            {
                "name": footprint.insert.name,
                "sequence": footprint.insert.sequence,
                "kind": footprint.insert.kind,
                **{view: _numbers(footprint, control, view) for view in REPORTED},
            }
            for footprint in others
        ],
        control={view: _numbers(control, control, view) for view in REPORTED},
        bias_response={
            **_response(probes, control, length),
            "centre": _response(probes, control, CENTRE_WINDOW),
            "threshold": threshold,
            "verdict": "corrected" if largest < threshold else "uncorrected",
            "official": official_response(probes),
        },
        verdicts=[_verdict(probes, control, threshold)],
        messages=[],
    )


def official_response(probes: list[Footprint]) -> str:
    """The one-line summary of the official program: maxima over the whole output, rounded to 3 decimals."""
    rounded = [round(float(footprint.effects["corrected"].profile.max()), 3) for footprint in probes]
    word = "corrected" if all(value < 0.003 for value in rounded) else "uncorrected"
    return f"{word}_{round(float(np.mean(rounded)), 3)}_{'/'.join(str(value) for value in rounded)}"


def central(profile: np.ndarray, width: int = CENTRE_WINDOW) -> np.ndarray:
    """The middle `width` values of a profile, or all of a shorter one."""
    start = max(len(profile) // 2 - width // 2, 0)
    return profile[start : start + width]


def depth(profile: np.ndarray, width: int) -> float:
    """How much lower a profile lies over a motif than beside it: 1 - mean over the motif / mean over its shoulders.

    Parameters
    ----------
    profile
        (O,) footprint of a motif in the middle.
    width
        The motif's width; its shoulders are ``SHOULDER`` bases, 25, on either side.

    Returns
    -------
    float
        1 for a motif that keeps all insertions off, 0 for none, below 0 for one that draws them; NaN where the motif or
        its shoulders reach past the profile, where there is no motif, or no insertion beside it.
    """
    start = len(profile) // 2 - width // 2
    end = start + width
    if not width or start < SHOULDER or end + SHOULDER > len(profile):
        return float("nan")
    shoulders = np.r_[profile[start - SHOULDER : start], profile[end : end + SHOULDER]].mean()
    return float(1 - profile[start:end].mean() / shoulders) if shoulders > 0 else float("nan")


def _numbers(footprint: Footprint, control: Footprint, view: str) -> dict[str, Any]:
    effect, without = footprint.effects[view], control.effects[view]
    return {
        "max": float(effect.profile.max()),
        "max_centre": float(central(effect.profile).max()),
        "ratio_to_control": float(effect.profile.max() / without.profile.max()),
        "depth": depth(effect.profile, len(footprint.insert.sequence)),
        "log2_fold_counts": log2_fold(effect, without),
        "profile": central(effect.profile).astype(np.float32).astype(float).tolist(),
    }


def log2_fold(effect: Effect, control: Effect) -> float:
    """How many times the control's counts a motif has, as a logarithm."""
    # One insertion is added to both, so that a background of no counts gives a number.
    return float(np.log2((1 + effect.counts) / (1 + control.counts)))


def _response(probes: list[Footprint], control: Footprint, width: int) -> dict[str, float]:
    """Mean over probes of the largest value within the middle `width` bases, by itself and as ratios."""

    def largest(footprint: Footprint, view: str) -> float:
        return float(central(footprint.effects[view].profile, width).max())

    response = {view: float(np.mean([largest(probe, view) for probe in probes])) for view in REPORTED}
    without = largest(control, "corrected")
    return {
        **response,
        "control": without,
        "ratio_to_control": response["corrected"] / without,
        "ratio_to_uncorrected": response["corrected"] / response["with_bias"],
    }


def _verdict(probes: list[Footprint], control: Footprint, threshold: float) -> dict[str, Any]:
    worst = max(probes, key=lambda footprint: footprint.effects["corrected"].profile.max())
    largest = float(worst.effects["corrected"].profile.max())
    uncorrected = max(float(footprint.effects["with_bias"].profile.max()) for footprint in probes)
    compare = f"The same with bias is {uncorrected:.3g}."
    if control.effects["corrected"].profile.max() >= threshold:
        compare += " The backgrounds alone reach the threshold too: average over more of them."
    return verdict(
        "bias_response",
        "Response of the corrected model to bias probes",
        largest,
        good=threshold,
        check=2 * threshold,
        lower_is_better=True,
        threshold=f"largest value below {threshold:.3g}, three times a flat profile; up to twice that needs a look",
        source=OFFICIAL_ADVICE,
        advice=(
            f"The enzyme's preference is gone from the corrected profile. {compare}",
            f"{worst.insert.name} still shows a little; look at its footprint. Counts and strong motifs are usable, "
            f"fine footprints are not. {compare}",
            f"{worst.insert.name} still shows: the bias model did not learn the enzyme's preference. Check the shift, "
            f"and train the bias model on more regions. {compare}",
        ),
    )
