"""Marginal footprints: what a motif alone does to the predicted profile and counts.

A motif is written into the middle of background sequences, the model predicts both strands, and the profiles are
averaged. Bias probes are sequences that the enzyme likes to cut: a model without bias must not respond to them.

The footprint follows the official program: per background, the tracks (probabilities x expected counts) of the
sequence and of its reverse complement, the latter flipped back, are added and normalised to sum 1; the footprint is
the mean over backgrounds. The response is its largest value, unrounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bpflow.errors import InputError
from bpflow.genome import encode, reverse_complement_codes
from bpflow.inserts import CONTROL, Insert
from bpflow.progress import track
from bpflow.views import Predict, Tracks

__all__ = ["REPORTED", "Effect", "Footprint", "implant", "marginal_footprint", "measure"]

REPORTED = ("corrected", "with_bias")


class Effect(NamedTuple):
    """A footprint and expected counts, the mean over backgrounds and both directions of the sequence.

    The footprint is (O,), or (2 O,) of two strands, and sums to 1.
    """

    profile: np.ndarray
    counts: float


@dataclass(frozen=True)
class Footprint:
    """The effect of one insert in each view."""

    insert: Insert
    effects: Mapping[str, Effect]


def implant(codes: np.ndarray, insert: np.ndarray) -> np.ndarray:
    """Overwrite the middle of each background, as the official program does.

    Parameters
    ----------
    codes
        (N, L) uint8.
    insert
        (width,) uint8, or (N, width) for one of its own for each background.

    Returns
    -------
    (N, L) uint8 with the insert at [L // 2 - width // 2, + width).
    """
    width, length = insert.shape[-1], codes.shape[1]
    if width > length:
        raise InputError(f"a motif of {width} bases", expected=f"at most the model's input length, {length}")
    start = length // 2 - width // 2
    result = codes.copy()
    result[:, start : start + width] = insert
    return result


def marginal_footprint(forward: Tracks, reverse: Tracks) -> Effect:
    """Combine the predictions of sequences and of their reverse complements."""
    flipped = reverse.probabilities[:, ::-1]
    both = forward.counts + reverse.counts
    # With no count expected on either strand there is no track to weigh by: both strands weigh the same.
    share = np.divide(forward.counts, both, out=np.full(len(both), 0.5), where=both > 0)[:, None]
    profile = (share * forward.probabilities + (1 - share) * flipped).mean(axis=0)
    return Effect(profile=profile, counts=float(both.mean() / 2))


def measure(
    backgrounds: np.ndarray, inserts: Iterable[Insert], predict: Predict, views: Sequence[str] = REPORTED
) -> list[Footprint]:
    """Footprint of the untouched backgrounds (named ``control``, first) and of each insert.

    Parameters
    ----------
    backgrounds
        (N, L) uint8 codes.
    inserts
        What to write into them.
    predict
        Gives the tracks of each view for (N, L) codes.
    views
        Those that are measured.
    """
    inserts = [Insert(CONTROL, "", "motif"), *inserts]
    results = []
    for insert in track(inserts, what="footprints", unit="motifs"):
        codes = implant(backgrounds, encode(insert.sequence))
        forward, reverse = predict(codes), predict(reverse_complement_codes(codes))
        effects = {view: marginal_footprint(forward[view], reverse[view]) for view in views}
        results.append(Footprint(insert, effects))
    return results
