"""The three views of a ChromBPNet as tracks: with bias, corrected, and the bias alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch

from bpflow.checkpoints import load_model
from bpflow.errors import InputError
from bpflow.models import ChromBPNet, ProfileModel, chosen_task
from bpflow.prediction import Prediction, expected_counts, predict_codes, probabilities

__all__ = [
    "VIEWS",
    "Predict",
    "Tracks",
    "load_chrombpnet",
    "load_chrombpnets",
    "load_part",
    "predict_views",
    "predictor",
]

VIEWS = ("with_bias", "corrected", "bias")


class Tracks(NamedTuple):
    """Predictions of one view: probabilities (N, O), rows of sum 1, and expected counts (N,)."""

    probabilities: np.ndarray
    counts: np.ndarray


# Codes (N, input length) uint8 to the tracks of each of `VIEWS`.
Predict = Callable[[np.ndarray], Mapping[str, Tracks]]


def load_chrombpnet(path: str | os.PathLike[str]) -> ChromBPNet:
    """Load a model that has both parts, or say which other kind was found."""
    model, metadata = load_model(path)
    if not isinstance(model, ChromBPNet):
        raise InputError(
            f"a model of kind {metadata['architecture']['kind']!r}",
            where=str(path),
            expected="a ChromBPNet, which has an accessibility and a bias part",
            mend="Give the chrombpnet.safetensors of 'bpflow train chrombpnet'",
        )
    return model


def load_chrombpnets(paths: Sequence[str | os.PathLike[str]]) -> list[ChromBPNet]:
    """Load models of several folds, which must read and predict windows of the same lengths."""
    models = [load_chrombpnet(path) for path in paths]
    lengths = {(model.config.input_length, model.config.output_length) for model in models}
    if len(lengths) > 1:
        raise InputError(
            f"models of {len(lengths)} different window lengths",
            where="--models",
            expected="the same input and output length for all",
        )
    return models


def load_part(
    path: str | os.PathLike[str], view: Literal["corrected", "bias"], task: str | None = None
) -> ProfileModel:
    """Load one part of a ChromBPNet, or one task of another model, whatever the view."""
    model = chosen_task(load_model(path)[0], task)
    if isinstance(model, ChromBPNet):
        return model.bias if view == "bias" else model.accessibility
    return model


def predict_views(
    model: ChromBPNet, codes: np.ndarray, *, batch_size: int, device: torch.device, precision: torch.dtype
) -> dict[str, Prediction]:
    """Predict all views of (N, input length) codes; each part of the model runs once.

    With bias, profile logits are the parts' sum and log counts are ln(e^a + e^b), as in the model.
    """
    corrected, bias = (
        predict_codes(part, codes, batch_size=batch_size, device=device, precision=precision)
        for part in (model.accessibility, model.bias)
    )
    with_bias = Prediction(
        corrected.profile_logits + bias.profile_logits, np.logaddexp(corrected.log_counts, bias.log_counts)
    )
    return {"with_bias": with_bias, "corrected": corrected, "bias": bias}


def predictor(model: ChromBPNet, *, batch_size: int, device: torch.device, precision: torch.dtype) -> Predict:
    """A function from codes to the tracks of all views."""

    def predict(codes: np.ndarray) -> dict[str, Tracks]:
        views = predict_views(model, codes, batch_size=batch_size, device=device, precision=precision)
        return {
            name: Tracks(probabilities(view.profile_logits), expected_counts(view.log_counts))
            for name, view in views.items()
        }

    return predict
