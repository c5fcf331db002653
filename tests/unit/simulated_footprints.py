"""Models and predictors whose answer to a motif is known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from bpflow.genome import encode, reverse_complement_codes
from bpflow.models import BPNet, BPNetConfig, ChromBPNet
from bpflow.views import Tracks

INPUT, OUTPUT = 64, 20


def tiny_model(seed: int = 0) -> ChromBPNet:
    generator = torch.Generator().manual_seed(seed)
    sizes = {"input_length": INPUT, "output_length": OUTPUT, "layers": 1, "first_kernel": 5, "profile_kernel": 5}
    parts = [BPNet(BPNetConfig(filters=filters, **sizes), generator) for filters in (6, 3)]
    for part in parts:
        with torch.no_grad():
            part.profile.weight.mul_(8)
            part.counts.bias.fill_(1.5)
    return ChromBPNet(*parts).eval()


def backgrounds(n: int = 6, seed: int = 1, length: int = INPUT) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.uint8)


def enzyme_only(length: int, sequences: list[str], *, corrected_spike: float):
    """A predictor whose bias answers to given sequences with a spike of half the profile, and corrected by less.

    Wherever a sequence (of either strand) stands, counts go from 20 to 80.
    """
    patterns = [encode(sequence) for sequence in sequences]
    patterns += [reverse_complement_codes(pattern[None])[0] for pattern in patterns]

    def has_probe(row: np.ndarray) -> bool:
        return any(
            (np.lib.stride_tricks.sliding_window_view(row, len(pattern)) == pattern).all(axis=1).any()
            for pattern in patterns
        )

    def spiked(found: np.ndarray, height: float) -> np.ndarray:
        profile = np.full((len(found), length), 1.0 / length)
        profile[found] *= (1 - height) / (1 - 1 / length)
        profile[found, length // 2 + 3] = height
        return profile

    def predict(codes: np.ndarray) -> dict[str, Tracks]:
        found = np.array([has_probe(row) for row in codes])
        counts = np.where(found, 80.0, 20.0)
        spikes = {"with_bias": 0.5, "corrected": corrected_spike, "bias": 0.5}
        return {view: Tracks(spiked(found, height), counts) for view, height in spikes.items()}

    return predict


def dipping(output: int, sequence: str, depth: float) -> Callable[[np.ndarray], Mapping[str, Tracks]]:
    """A predictor whose flat profile falls by the share `depth` over each site of a sequence, on either strand."""
    pattern = encode(sequence)
    strands = [pattern, reverse_complement_codes(pattern[None])[0]]

    def profile(row: np.ndarray) -> np.ndarray:
        rate = np.ones(len(row))
        windows = np.lib.stride_tricks.sliding_window_view(row, len(pattern))
        for strand in strands:
            for start in np.flatnonzero((windows == strand).all(axis=1)):
                rate[start : start + len(pattern)] = 1 - depth
        middle = rate[(len(row) - output) // 2 :][:output]
        return middle / middle.sum()

    def predict(codes: np.ndarray) -> dict[str, Tracks]:
        tracks = Tracks(np.array([profile(row) for row in codes]), np.full(len(codes), 50.0))
        return dict.fromkeys(("with_bias", "corrected", "bias"), tracks)

    return predict
