"""Scaling a bias model's counts to the depth of a sample's background."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from bpflow.errors import InputError
from bpflow.genome import Genome
from bpflow.models import BPNet, ProfileModel
from bpflow.prediction import iterate_predictions
from bpflow.signal import SignalTrack

__all__ = ["Scaling", "scale_bias"]


class Scaling(NamedTuple):
    """What was added to the count head's bias, and the means it came from (on the scale ln(1 + total))."""

    delta: float
    regions: int
    observed_mean: float
    predicted_mean: float


def scale_bias(
    model: ProfileModel,
    genome: Genome,
    signal: SignalTrack,
    centers: np.ndarray,
    *,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    precision: torch.dtype = torch.float32,
) -> Scaling:
    """Add delta = mean(ln(1 + observed) - predicted log counts) to the count head's bias, in place.

    This constant is the least-squares one; nothing else changes, least of all the profile.

    Parameters
    ----------
    model
        A bias model.
    genome, signal
        Sequence and observed insertions.
    centers
        (N,) int64 centres of background regions, as ``Genome.global_positions``; windows must lie within chromosomes.
    """
    if not isinstance(model, BPNet) or model.config.outputs.tracks > 1:
        raise InputError(f"a {type(model).__name__}", expected="a bias model (one tower with one profile and count)")
    if not len(centers):
        raise InputError("no region to scale the bias model on", expected="at least one non-peak of train or valid")
    config = model.config
    observed = np.log1p(signal.sums(centers - config.output_length // 2, config.output_length))
    blocks = iterate_predictions(
        model,
        genome,
        centers - config.input_length // 2,
        batch_size=batch_size,
        device=device,
        precision=precision,
        what="scaling the bias model",
    )
    predicted = np.concatenate([block.prediction.log_counts for block in blocks]).astype(np.float64)
    delta = float(np.mean(observed - predicted))
    with torch.no_grad():
        model.counts.bias.add_(delta)
    return Scaling(delta, len(centers), float(observed.mean()), float(predicted.mean()))
