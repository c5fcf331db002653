"""Which bases around a variant matter with each of its alleles: contributions to the counts, the mean over folds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bpflow.contributions import iterate_contributions
from bpflow.models import ProfileModel

__all__ = ["LOGO_WIDTH", "allele_contributions"]

# Bases around the variant that are shown, and shuffles that a sequence is compared with.
LOGO_WIDTH = 60
REFERENCES = 20


def allele_contributions(
    models: Sequence[ProfileModel], codes: np.ndarray, *, seed: int, device: torch.device | str
) -> np.ndarray:
    """Contributions of the bases that are there, in the middle of each sequence.

    Parameters
    ----------
    models
        One a fold, BPNets.
    codes
        (N, input length) uint8.
    seed
        Of the shuffles; all alleles have those of one seed.
    device
        Where to compute.

    Returns
    -------
    (N, LOGO_WIDTH, 4) float32, columns A, C, G, T.
    """
    seeds = np.full(len(codes), seed)
    folds = [
        next(iterate_contributions(model, [(codes, seeds)], ["counts"], references=REFERENCES, device=device))
        for model in models
    ]
    start = codes.shape[1] // 2 - LOGO_WIDTH // 2
    middle = slice(start, start + LOGO_WIDTH)
    mean = np.mean([block.hypothetical["counts"][:, :, middle] for block in folds], axis=0)
    there = codes[:, None, middle] == np.arange(4, dtype=codes.dtype)[:, None]
    return (mean * there).transpose(0, 2, 1)
