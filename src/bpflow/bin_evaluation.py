"""How well a model of bins predicts chromosomes that it never saw, beside predictions without a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bpflow.bin_file import Bins
from bpflow.bin_metrics import TrackSums
from bpflow.bin_training import track_means
from bpflow.progress import Meter
from bpflow.verdicts import OWN_ADVICE, verdict

__all__ = ["METHODS", "Judged", "evaluate_bins", "metrics_of", "table_of", "tracks_verdict"]

# What predicts: the model; each track's mean over training windows; its mean at each bin of a window.
METHODS = ("model", "constant", "average_profile")

Predict = Callable[[np.ndarray], Tensor]
Keep = Callable[[slice, np.ndarray], None]


class Judged(NamedTuple):
    """One model, and the windows it is judged by.

    Attributes
    ----------
    predict
        (n, bins, targets) predictions of (n, input_length) base codes.
    training
        (N,) windows of the training chromosomes, for the predictions without a model.
    tested
        (M,) windows to predict.
    """

    predict: Predict
    training: np.ndarray
    tested: np.ndarray


def evaluate_bins(
    bins: Bins, judged: Judged, *, batch_size: int, device: torch.device | str = "cpu", keep: Keep | None = None
) -> dict[str, TrackSums]:
    """Predict windows and compare them with what was observed, in constant memory.

    Parameters
    ----------
    bins
        The open file of bins.
    judged
        Who predicts, and what.
    batch_size
        Windows at once.
    device
        Where predictions come from.
    keep
        Called with the rows of `judged.tested` and their predictions, (n, targets, bins) float32.

    Returns
    -------
    dict
        Sums of each of `METHODS`.
    """
    means = track_means(bins, judged.training)
    profile = torch.from_numpy(means.T.copy()).to(device=device, dtype=torch.float32)
    constant = profile.mean(0, keepdim=True).expand_as(profile)
    sums = {method: TrackSums(len(bins.identifiers), device) for method in METHODS}
    with Meter(len(judged.tested), "predicting", "windows") as meter:
        for first in range(0, len(judged.tested), batch_size):
            rows = slice(first, min(first + batch_size, len(judged.tested)))
            tested = judged.tested[rows]
            observed = torch.from_numpy(bins.values(tested)).to(device).transpose(1, 2)
            predicted = judged.predict(bins.codes(tested))
            for method, found in zip(METHODS, (predicted, constant, profile), strict=True):
                sums[method].add(found.expand_as(observed), observed)
            if keep is not None:
                keep(rows, predicted.transpose(1, 2).cpu().numpy())
            meter.advance(len(tested))
    return sums


def metrics_of(sums: dict[str, TrackSums]) -> dict[str, Any]:
    """Means over tracks of each method's metrics, and the share of tracks that the model predicts better than each."""
    losses = {method: found.poisson().cpu() for method, found in sums.items()}
    result: dict[str, Any] = {
        method: {
            "pearsonr": float(found.pearson().mean()),
            "median_pearsonr": float(found.pearson().median()),
            "r2": float(found.r_squared().mean()),
            "poisson": float(losses[method].mean()),
        }
        for method, found in sums.items()
    }
    result["better_than"] = {
        method: float((losses["model"] < losses[method]).double().mean()) for method in METHODS if method != "model"
    }
    return result


def table_of(identifiers: Sequence[str], sums: dict[str, TrackSums]) -> pd.DataFrame:
    """One line a track: mean observed bin, and each method's metrics."""
    table = pd.DataFrame({"identifier": list(identifiers), "mean": sums["model"].means.cpu().numpy()})
    for method, found in sums.items():
        for name, values in (("pearsonr", found.pearson()), ("r2", found.r_squared()), ("poisson", found.poisson())):
            table[f"{method}_{name}"] = values.cpu().numpy()
    return table


def tracks_verdict(metrics: dict[str, Any]) -> dict[str, Any]:
    """Judge how many tracks the model predicts better than both predictions without a model, by the Poisson loss."""
    return verdict(
        "tracks",
        "Share of tracks predicted better than by their mean, and by their average profile",
        min(metrics["better_than"].values()),
        good=0.95,
        check=0.5,
        threshold="above 0.95; from 0.5 to 0.95 needs a look",
        source=OWN_ADVICE,
        advice=(
            "The model has learned what sets places of the genome apart.",
            "Some tracks are not learned: see their lines in the table, and whether they have signal at all.",
            "Most tracks are not learned: train longer, or look at the tracks and their clips.",
        ),
    )
