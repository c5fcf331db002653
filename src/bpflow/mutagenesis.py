"""Saturation mutagenesis in silico: what each single substitution does to the predicted counts and profile.

Effects on counts are log2 fold changes, the difference of log counts (ln(1 + total)) over ln 2. Effects on the profile
are Jensen-Shannon distances, square roots of divergences in bits, from 0 to 1. The reference base itself has no effect:
0 in both. At an unknown base (N) all four bases are tried, against the prediction with the N.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bpflow.ensemble import Combined
from bpflow.errors import InputError
from bpflow.genome import reverse_complement_codes
from bpflow.metrics import jensen_shannon
from bpflow.prediction import probabilities

__all__ = ["Effects", "central_start", "effects", "saturate"]

BASES = 4

# Codes (N, L) uint8 to predictions.
PredictCodes = Callable[[np.ndarray], Combined]


class Effects(NamedTuple):
    """Effects of substitutions in the middle W bases of one sequence.

    Attributes
    ----------
    log2_fold_counts, jsd
        (4, W) float32, bases A, C, G, T: log2 fold change of counts, and distance of profiles.
    log_counts
        Predicted ln(1 + total) of the sequence as it is.
    """

    log2_fold_counts: np.ndarray
    jsd: np.ndarray
    log_counts: float


def central_start(length: int, width: int) -> int:
    """Where the middle `width` of `length` bases start.

    Raises
    ------
    InputError
        There are fewer than `width`.
    """
    if width > length:
        raise InputError(f"{width} bases", where="--width", expected=f"at most the model's input length, {length}")
    return length // 2 - width // 2


def saturate(codes: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All sequences with one substitution in the middle.

    Parameters
    ----------
    codes
        (L,) uint8.
    width
        Bases to substitute, W.

    Returns
    -------
    mutants
        (M, L) uint8; M is 3 W for a sequence of known bases.
    base, position
        (M,) what was written, and where in [0, W).
    """
    start = central_start(len(codes), width)
    base, position = np.nonzero(np.arange(BASES)[:, None] != codes[start : start + width])
    mutants = np.repeat(codes[None], len(base), axis=0)
    mutants[np.arange(len(base)), start + position] = base
    return mutants, base, position


def effects(codes: np.ndarray, width: int, predict: PredictCodes, *, both_strands: bool = False) -> Effects:
    """Predict a sequence and all its mutants, which are held in memory; at a width of 200 they are 600.

    Parameters
    ----------
    codes
        (L,) uint8.
    width
        Bases in the middle to substitute.
    predict
        Gives predictions of (N, L) codes.
    both_strands
        Average log counts and probabilities over the sequence and its reverse complement.
    """
    mutants, base, position = saturate(codes, width)
    profile, log_counts = _predict(np.concatenate([codes[None], mutants]), predict, both_strands)
    fold, distance = np.zeros((BASES, width), np.float32), np.zeros((BASES, width), np.float32)
    fold[base, position] = (log_counts[1:] - log_counts[0]) / np.log(2)
    reference = np.broadcast_to(profile[0], profile[1:].shape)
    distance[base, position] = jensen_shannon(reference, profile[1:]) / np.sqrt(np.log(2))
    return Effects(fold, distance, float(log_counts[0]))


def _predict(codes: np.ndarray, predict: PredictCodes, both_strands: bool) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (N, O) and log counts (N,), float64."""
    profile, log_counts = _as_probabilities(predict(codes))
    if both_strands:
        reverse, reverse_counts = _as_probabilities(predict(reverse_complement_codes(codes)))
        profile, log_counts = (profile + reverse[:, ::-1]) / 2, (log_counts + reverse_counts) / 2
    return profile, log_counts


def _as_probabilities(combined: Combined) -> tuple[np.ndarray, np.ndarray]:
    logits, log_counts = (part.astype(np.float64) for part in combined.prediction)
    return probabilities(logits), log_counts
