"""Training a profile model: epochs, averaged weights, validation, early stopping, and the best epoch kept."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bpflow.averaging import RunningAverage
from bpflow.datasets import Batch, Epoch, TrainingSet, Windows
from bpflow.devices import autocast
from bpflow.errors import BpflowError
from bpflow.losses import losses
from bpflow.models.base import ProfileModel
from bpflow.models.bpnet import BPNet
from bpflow.models.encoding import one_hot
from bpflow.optimiser import KerasAdam
from bpflow.progress import track

__all__ = [
    "HISTORY_COLUMNS",
    "Fitted",
    "HistoryRow",
    "Recipe",
    "TrainingError",
    "centre_counts",
    "fit",
    "seconds_per_example",
]

# On a CPU a batch is computed in pieces whose activations fit the caches; gradients add up to the batch's.
CPU_PIECE = 16
# How often, in batches, the losses are looked at on a GPU, where looking means waiting.
CHECK_EVERY = 50

# Examples that the mean log count is taken from.
CENTRED_ON = 2048

log = logging.getLogger("bpflow")


class TrainingError(BpflowError, RuntimeError):
    """Training came to a point from which it cannot go on."""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; the defaults are the official program's, but for the average.

    What is validated and kept is the weights' running average over about `average_epochs` epochs; with 0 the weights.
    """

    counts_loss_weight: float
    epochs: int = 50
    patience: int = 5
    batch_size: int = 64
    learning_rate: float = 1e-3
    seed: int = 1234
    jitter: int = 0
    negative_ratio: float = 1.0
    average_epochs: float = 1.0

    def as_dict(self) -> dict[str, int | float]:
        """Plain values, for JSON."""
        return asdict(self)


class HistoryRow(NamedTuple):
    """Losses of one epoch, each a mean over examples; of training while the weights still changed."""

    epoch: int
    train_loss: float
    train_profile_loss: float
    train_counts_loss: float
    valid_loss: float
    valid_profile_loss: float
    valid_counts_loss: float
    seconds: float


HISTORY_COLUMNS = HistoryRow._fields


@dataclass(frozen=True)
class Fitted:
    """What came of a training; the model itself holds the best epoch's weights."""

    history: list[HistoryRow]
    best_epoch: int
    best_valid_loss: float
    stopped: str
    examples_per_epoch: int
    examples_per_second: float
    seconds: float


def fit(
    model: ProfileModel,
    windows: Windows,
    training: TrainingSet,
    validation: Epoch,
    recipe: Recipe,
    *,
    device: torch.device,
    precision: torch.dtype,
    on_epoch: Callable[[HistoryRow], None] | None = None,
) -> Fitted:
    """Train `model` in place and leave it on `device` with the weights of its best epoch.

    The best epoch is the one of lowest validation loss. Training ends after `recipe.epochs`, or after `recipe.patience`
    epochs without a lower loss.

    Parameters
    ----------
    model
        A model that returns an Output; only parameters that require gradients are trained.
    windows, training, validation
        Where examples are gathered from, how each epoch is drawn, and what is validated on.
    recipe
        How to train.
    device, precision
        Where, and in which precision convolutions run; weights, losses and the optimiser are float32.
    on_epoch
        Called with each epoch's losses.

    Raises
    ------
    TrainingError
        A loss is no finite number.
    """
    model.to(device)
    optimiser = KerasAdam([p for p in model.parameters() if p.requires_grad], lr=recipe.learning_rate)
    steps = math.ceil(len(training) / recipe.batch_size)
    average = RunningAverage(model, recipe.average_epochs * steps) if recipe.average_epochs else None
    kept = average.model if average else model
    history: list[HistoryRow] = []
    best_loss, best_epoch, best_weights = math.inf, 0, {}
    begin, training_seconds = time.perf_counter(), 0.0
    stopped = "epochs"
    for number in range(1, recipe.epochs + 1):
        epoch_begin = time.perf_counter()
        trained = _train_epoch(
            model, average, optimiser, windows, training.epoch(number), recipe, device, precision, number
        )
        training_seconds += time.perf_counter() - epoch_begin
        valid = _mean_losses(kept, windows, validation, recipe, device, precision)
        row = HistoryRow(number, *trained, *valid, time.perf_counter() - epoch_begin)
        if not math.isfinite(row.valid_loss):
            raise _not_finite("validation", number)
        history.append(row)
        if on_epoch is not None:
            on_epoch(row)
        if row.valid_loss < best_loss:
            best_loss, best_epoch = row.valid_loss, number
            best_weights = copy.deepcopy(kept.state_dict())
        _log_epoch(row, recipe, best_epoch, len(training))
        if number - best_epoch >= recipe.patience:
            stopped = "patience"
            break
    model.load_state_dict(best_weights)
    model.eval()
    return Fitted(
        history=history,
        best_epoch=best_epoch,
        best_valid_loss=best_loss,
        stopped=stopped,
        examples_per_epoch=len(training),
        examples_per_second=len(history) * len(training) / training_seconds,
        seconds=time.perf_counter() - begin,
    )


@torch.no_grad()
def centre_counts(model: BPNet, windows: Windows, training: TrainingSet) -> None:
    """Move the count head's intercept so that the first predictions have the mean of the observed log counts.

    Counts of quiet background hardly vary. A head that starts elsewhere first finds their mean with its weights, and
    what those have become by then depends on the seed.
    """
    epoch = training.epoch(1)
    batch = windows.gather(epoch.centers[:CENTRED_ON], epoch.reverse[:CENTRED_ON])
    observed = np.log1p(batch.counts.sum(axis=1)).mean()
    pieces = torch.from_numpy(batch.codes).split(CPU_PIECE)
    predicted = torch.cat([model(one_hot(codes, model.config.channels)).log_counts for codes in pieces])
    model.counts.bias.add_(float(observed) - predicted.mean())


def seconds_per_example(model: ProfileModel, *, batch_size: int, device: torch.device, precision: torch.dtype) -> float:
    """Time real training steps on made-up data; the model itself is not changed."""
    copied = copy.deepcopy(model).to(device)
    optimiser = KerasAdam([p for p in copied.parameters() if p.requires_grad])
    config = copied.config
    random = np.random.default_rng(0)
    batch = Batch(
        random.integers(0, 4, (batch_size, config.input_length), dtype=np.uint8),
        random.integers(0, 2, (batch_size, config.output_length), dtype=np.int32),
    )
    copied.train()
    times = []
    # The first step also builds the kernels.
    for _ in range(2):
        begin = time.perf_counter()
        _step(copied, optimiser, batch, 1.0, device, precision)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - begin)
    return min(times) / batch_size


def _train_epoch(
    model: ProfileModel,
    average: RunningAverage[ProfileModel] | None,
    optimiser: KerasAdam,
    windows: Windows,
    epoch: Epoch,
    recipe: Recipe,
    device: torch.device,
    precision: torch.dtype,
    number: int,
) -> tuple[float, float, float]:
    model.train()
    total = torch.zeros(3, dtype=torch.float64 if device.type == "cpu" else torch.float32, device=device)
    batches = windows.batches(epoch, recipe.batch_size)
    count = math.ceil(len(epoch) / recipe.batch_size)
    every = 1 if device.type == "cpu" else CHECK_EVERY
    for done, batch in enumerate(track(batches, count, f"epoch {number} of {recipe.epochs}"), start=1):
        total += _step(model, optimiser, batch, recipe.counts_loss_weight, device, precision)
        if average is not None:
            average.update()
        if (done % every == 0 or done == count) and not torch.isfinite(total).all():
            raise _not_finite("training", number, done)
    loss, profile, counts = (total / len(epoch)).tolist()
    return loss, profile, counts


def _step(
    model: ProfileModel,
    optimiser: KerasAdam,
    batch: Batch,
    counts_weight: float,
    device: torch.device,
    precision: torch.dtype,
) -> Tensor:
    """One update; returns the sums over the batch's examples of the three losses."""
    size = len(batch.codes)
    optimiser.zero_grad(set_to_none=True)
    summed = torch.zeros(3, device=device)
    for codes, counts in _pieces(batch, device):
        with autocast(device, precision):
            output = model(one_hot(codes, model.config.channels))
        of_piece = losses(output, counts, counts_weight)
        (of_piece.total * (len(codes) / size)).backward()
        summed += torch.stack(of_piece).detach() * len(codes)
    optimiser.step()
    return summed


@torch.no_grad()
def _mean_losses(
    model: ProfileModel, windows: Windows, epoch: Epoch, recipe: Recipe, device: torch.device, precision: torch.dtype
) -> tuple[float, float, float]:
    model.eval()
    total = torch.zeros(3, dtype=torch.float64 if device.type == "cpu" else torch.float32, device=device)
    for batch in windows.batches(epoch, recipe.batch_size):
        for codes, counts in _pieces(batch, device):
            with autocast(device, precision):
                output = model(one_hot(codes, model.config.channels))
            total += torch.stack(losses(output, counts, recipe.counts_loss_weight)) * len(codes)
    loss, profile, counts = (total / len(epoch)).tolist()
    return loss, profile, counts


def _pieces(batch: Batch, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    codes, counts = torch.from_numpy(batch.codes), torch.from_numpy(batch.counts)
    if device.type != "cpu":
        yield codes.to(device), counts.to(device)
        return
    yield from zip(codes.split(CPU_PIECE), counts.split(CPU_PIECE), strict=True)


def _not_finite(what: str, epoch: int, batch: int | None = None) -> TrainingError:
    place = f"epoch {epoch}" + (f", batch {batch}" if batch else "")
    return TrainingError(
        f"the {what} loss is no finite number any more ({place}). "
        "Lower the learning rate, or try --precision float32; the best epoch so far was not written."
    )


def _log_epoch(row: HistoryRow, recipe: Recipe, best_epoch: int, examples: int) -> None:
    left = (recipe.epochs - row.epoch) * row.seconds
    log.info(
        "epoch %d: training loss %.4f, validation loss %.4f (profile %.4f, counts %.4f)%s; %.0f examples/s, "
        "at most %s to go",
        row.epoch,
        row.train_loss,
        row.valid_loss,
        row.valid_profile_loss,
        row.valid_counts_loss,
        ", best so far" if best_epoch == row.epoch else f", best was epoch {best_epoch}",
        examples / row.seconds,
        f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s",
    )
