"""Predicting in constant memory, and what predictions mean in insertions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from bpflow.devices import autocast, cpu_piece
from bpflow.genome import Genome
from bpflow.models.base import ProfileModel
from bpflow.models.convolution import Convolution, packed_for_prediction
from bpflow.models.encoding import one_hot
from bpflow.models.outputs import Output
from bpflow.progress import track

__all__ = [
    "Block",
    "Prediction",
    "expected_counts",
    "iterate_predictions",
    "predict_codes",
    "predict_on_device",
    "probabilities",
]


class Prediction(NamedTuple):
    """Profile logits (N, W) and log counts (N,), both float32; W is O, or 2 O of two strands, plus and then minus."""

    profile_logits: np.ndarray
    log_counts: np.ndarray


class Block(NamedTuple):
    """Predictions of the regions `rows`."""

    rows: slice
    prediction: Prediction


def predict_codes(
    model: ProfileModel,
    codes: np.ndarray,
    *,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    precision: torch.dtype = torch.float32,
) -> Prediction:
    """Predict from (N, input_length) uint8 base codes held in memory."""
    shape = len(codes), model.config.outputs.width
    result = Prediction(np.empty(shape, np.float32), np.empty(len(codes), np.float32))
    for first in range(0, len(codes), batch_size):
        rows = slice(first, first + batch_size)
        batch = _predict_batch(model, codes[rows], device, precision)
        result.profile_logits[rows], result.log_counts[rows] = batch
    return result


def iterate_predictions(
    model: ProfileModel,
    genome: Genome,
    global_starts: np.ndarray,
    *,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    precision: torch.dtype = torch.float32,
    what: str = "predicting",
) -> Iterator[Block]:
    """Predict windows of a genome batch by batch, in constant memory.

    Parameters
    ----------
    model
        A model that returns an Output.
    genome
        The encoded genome.
    global_starts
        (N,) starts of input windows, as ``Genome.global_positions``; windows must lie within chromosomes.
    batch_size, device, precision
        How to compute.
    what
        Name of the work, for progress.
    """
    starts = np.asarray(global_starts, dtype=np.int64)
    batches = range(0, len(starts), batch_size)
    for first in track(batches, len(batches), what):
        rows = slice(first, min(first + batch_size, len(starts)))
        codes = genome.windows(starts[rows], model.config.input_length)
        yield Block(rows, _predict_batch(model, codes, device, precision))


def probabilities(profile_logits: np.ndarray) -> np.ndarray:
    """Softmax of each row, (N, W), in the type of the input; safe for large logits."""
    shifted = np.exp(profile_logits - profile_logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def expected_counts(log_counts: np.ndarray, official_scale: bool = False) -> np.ndarray:
    """Expected insertions of a window: exp(log counts) - 1, at least 0, since the target is ln(1 + total).

    With `official_scale`, exp(log counts), as the official program writes its bigWigs.
    """
    return np.exp(log_counts) if official_scale else np.maximum(np.expm1(log_counts), 0)


@torch.inference_mode()
def predict_on_device(
    model: ProfileModel, codes: torch.Tensor, *, device: torch.device | str, precision: torch.dtype = torch.float32
) -> Output:
    """Predict one batch of (N, input_length) uint8 codes; the predictions stay on the device."""
    device = torch.device(device)
    model.to(device).eval()
    layers = (layer for layer in model.modules() if isinstance(layer, Convolution))
    outputs = []
    with packed_for_prediction(layers, device, precision), autocast(device, precision):
        for piece in codes.split(cpu_piece(model.parameters()) if device.type == "cpu" else len(codes) or 1):
            outputs.append(model(one_hot(piece.to(device), model.config.channels)))
    return Output(*(torch.cat(parts) for parts in zip(*outputs, strict=True)))


def _predict_batch(
    model: ProfileModel, codes: np.ndarray, device: torch.device | str, precision: torch.dtype
) -> Prediction:
    batch = torch.from_numpy(np.ascontiguousarray(codes))
    output = predict_on_device(model, batch, device=device, precision=precision)
    return Prediction(*(part.cpu().numpy() for part in output))
