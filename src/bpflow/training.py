"""Training a model: epochs, averaged weights, validation, early stopping, and the best epoch kept."""

from __future__ import annotations

import copy
import logging
import math
import signal
import time
from collections.abc import Callable, Sized
from dataclasses import asdict, dataclass
from typing import NoReturn

import numpy as np
import torch
from torch import nn

from bpflow.averaging import RunningAverage
from bpflow.batches import Batches, DeviceBatch, Draws, batches_on
from bpflow.datasets import Epoch, Examples, Windows
from bpflow.devices import CPU_PIECE
from bpflow.divergence import TrainingError, diagnosis, flat_loss, require_varying_counts
from bpflow.interruption import StoppedError, StopRequest
from bpflow.models.base import ProfileModel
from bpflow.models.bpnet import BPNet
from bpflow.models.encoding import one_hot
from bpflow.models.outputs import Outputs
from bpflow.objectives import Objective, ProfileObjective
from bpflow.optimiser import KerasAdam, make_optimiser
from bpflow.progress import Meter
from bpflow.stepping import Stepper
from bpflow.training_state import Checkpoint, HistoryRow, Progress, TrainingState
from bpflow.world import World

__all__ = ["Fitted", "Recipe", "centre_counts", "fit", "fit_to", "seconds_per_example"]

# How often, in batches, the losses are looked at on a GPU, where looking means waiting.
CHECK_EVERY = 50
# Validation keeps no activations, so its batches may be this many times as large.
VALIDATION_BATCHES = 4
# Examples that the mean log count is taken from.
CENTRED_ON = 2048

# Mean total, profile and count loss of an example.
Means = tuple[float, float, float]

log = logging.getLogger("bpflow")


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; the defaults are the official program's, but for the average.

    What is validated and kept is the weights' running average over about `average_epochs` epochs; with 0 the weights.
    The optimiser is one of :data:`bpflow.optimiser.OPTIMISERS`; `clip_norm` is as of :class:`bpflow.stepping.Stepper`.
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
    optimiser: str = "keras_adam"
    clip_norm: float = 0.0

    def as_dict(self) -> dict[str, int | float | str]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Fitted:
    """What came of a training; the model itself holds the best epoch's weights.

    Attributes
    ----------
    flat_loss
        Validation loss of a flat profile and the mean log count: what there was to beat.
    piece
        Examples that were computed at once in the end, 0 for whole batches.
    """

    history: list[HistoryRow]
    best_epoch: int
    best_valid_loss: float
    stopped: str
    examples_per_epoch: int
    examples_per_second: float
    seconds: float
    flat_loss: float
    piece: int


def fit(
    model: ProfileModel,
    windows: Windows,
    training: Examples,
    validation: Epoch,
    recipe: Recipe,
    *,
    device: torch.device,
    precision: torch.dtype,
    checkpoint: Checkpoint | None = None,
    stop: StopRequest | None = None,
    world: World | None = None,
    on_epoch: Callable[[list[HistoryRow]], None] | None = None,
) -> Fitted:
    """Train a profile model in place, as :func:`fit_to` does, by its profile and count losses.

    Parameters
    ----------
    model
        A model that returns an Output.
    windows, training, validation
        Where examples are gathered from, how each epoch is drawn, and what is validated on.
    recipe, device, precision, checkpoint, stop, world, on_epoch
        As of :func:`fit_to`.

    Raises
    ------
    InputError
        The observed counts are all equal.
    TrainingError, StoppedError
        As of :func:`fit_to`.
    """
    require_varying_counts(windows, training)
    flat = flat_loss(windows, validation, recipe.counts_loss_weight)
    log.info("a flat profile and the mean count have a validation loss of %.4f", flat)
    return fit_to(
        ProfileObjective(recipe.counts_loss_weight),
        model,
        batches_on(windows, device),
        training,
        validation,
        recipe,
        flat=flat,
        device=device,
        precision=precision,
        checkpoint=checkpoint,
        stop=stop,
        world=world,
        on_epoch=on_epoch,
    )


def fit_to(
    objective: Objective,
    model: ProfileModel,
    batches: Batches,
    training: Draws,
    validation: Sized,
    recipe: Recipe,
    *,
    flat: float,
    device: torch.device,
    precision: torch.dtype,
    checkpoint: Checkpoint | None = None,
    stop: StopRequest | None = None,
    world: World | None = None,
    on_epoch: Callable[[list[HistoryRow]], None] | None = None,
) -> Fitted:
    """Train `model` in place and leave it on `device` with the weights of its best epoch.

    The best epoch is the one with the lowest of what the objective chooses by. Training ends after `recipe.epochs`, or
    after `recipe.patience` epochs without a lower one. A training that was stopped and goes on from its checkpoint
    takes the same steps as one that was not; on a CPU, with the same number of threads, its weights are equal bit by
    bit.

    Parameters
    ----------
    objective
        What is lowered.
    model
        Only parameters that require gradients are trained.
    batches, training, validation
        Where examples come from, how each epoch is drawn, and what is validated on.
    recipe
        How to train.
    flat
        The loss of the simplest prediction: a mean loss many times as large is a training that went wrong.
    device, precision
        Where, and in which precision convolutions run; weights, losses and the optimiser are float32.
    checkpoint
        Where to keep the state, and to continue from; without it a training that is stopped is lost.
    stop
        Looked at after each batch.
    world
        The processes that train together; all call this with the same arguments.
    on_epoch
        Called with the losses of all epochs so far, after each.

    Raises
    ------
    TrainingError
        A loss is no finite number, or grew out of all proportion. The model has the weights of the best epoch, if
        there was one.
    StoppedError
        `stop` was asked for; the state is in the checkpoint.
    """
    run = _Run(
        objective,
        model,
        batches,
        training,
        validation,
        recipe,
        flat=flat,
        device=device,
        precision=precision,
        checkpoint=checkpoint,
        stop=stop or StopRequest(),
        world=world or World(),
    )
    return run.to_its_end(on_epoch)


@torch.no_grad()
def centre_counts(model: BPNet, windows: Windows, training: Examples) -> None:
    """Move the count head's intercepts so that the first predictions have the mean of the observed log counts.

    Counts of quiet background hardly vary. A head that starts elsewhere first finds their mean with its weights, and
    what those have become by then depends on the seed.
    """
    epoch = training.epoch(1)
    first = Epoch(epoch.centers[:CENTRED_ON], epoch.reverse[:CENTRED_ON], masked=False)
    totals, predicted = [], []
    for batch in windows.batches(first, CPU_PIECE):
        codes = one_hot(torch.from_numpy(batch.codes), model.config.channels)
        control = None if batch.control is None else torch.from_numpy(batch.control)
        totals.append(batch.counts.sum(axis=-1))
        predicted.append(model(codes, control).log_counts)
    observed = torch.from_numpy(np.log1p(np.concatenate(totals)).mean(axis=0, keepdims=True)).float()
    model.counts.bias.add_((observed - torch.cat(predicted).mean(0)).flatten())


def seconds_per_example(
    model: ProfileModel,
    *,
    batch_size: int,
    device: torch.device,
    precision: torch.dtype,
    steps: int = 1,
    objective: Objective | None = None,
    shape: tuple[int, ...] | None = None,
) -> float:
    """Time real training steps on made-up data, the best of `steps`; the model itself is not changed.

    What is lowered, and the shape of an example's counts, are those of a profile model unless given.
    """
    copied = copy.deepcopy(model).to(device).train()
    optimiser = KerasAdam([p for p in copied.parameters() if p.requires_grad])
    stepper = Stepper(optimiser, objective or ProfileObjective(1.0), device=device, precision=precision)
    config = copied.config
    random = np.random.default_rng(0)
    codes = random.integers(0, 4, (batch_size, config.input_length), dtype=np.uint8)
    counts = random.integers(0, 2, (batch_size, *(shape or _shape_of_counts(config.outputs))), dtype=np.int32)
    batch = DeviceBatch(torch.from_numpy(codes).to(device), torch.from_numpy(counts).to(device), batch_size)
    times = []
    # The first step also builds the kernels.
    for _ in range(1 + steps):
        begin = time.perf_counter()
        stepper.update(copied, batch)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - begin)
    return min(times) / batch_size


class _Run:
    """One training, from its start or from a checkpoint."""

    def __init__(
        self,
        objective: Objective,
        model: ProfileModel,
        batches: Batches,
        training: Draws,
        validation: Sized,
        recipe: Recipe,
        *,
        flat: float,
        device: torch.device,
        precision: torch.dtype,
        checkpoint: Checkpoint | None,
        stop: StopRequest,
        world: World,
    ) -> None:
        self.training, self.validation, self.recipe = training, validation, recipe
        self.device, self.checkpoint, self.stop, self.world = device, checkpoint, stop, world
        model.to(device)
        trained = [p for p in model.parameters() if p.requires_grad]
        optimiser = make_optimiser(recipe.optimiser, trained, recipe.learning_rate)
        self.draws = any(isinstance(module, nn.Dropout) and module.p > 0 for module in model.modules())
        self.steps = math.ceil(len(training) / recipe.batch_size)
        average = RunningAverage(model, recipe.average_epochs * self.steps) if recipe.average_epochs else None
        self.state = TrainingState(model, average, optimiser)
        self.objective, self.batches, self.flat = objective, batches, flat
        self.stepper = Stepper(
            optimiser, objective, device=device, precision=precision, world=world, clip_norm=recipe.clip_norm
        )
        if checkpoint is not None and checkpoint.restore(self.state):
            log.info(
                "continuing from %s: epoch %d, batch %d", checkpoint.path, self.progress.epoch, self.progress.batch
            )
        self._require_agreement()
        self.clock = time.perf_counter()

    @property
    def progress(self) -> Progress:
        return self.state.progress

    def to_its_end(self, on_epoch: Callable[[list[HistoryRow]], None] | None) -> Fitted:
        progress = self.progress
        while (stopped := self._ended()) is None:
            trained = self._train()
            training_seconds = progress.epoch_seconds
            valid = self._validate()
            progress.training_seconds += training_seconds
            self._close_epoch(trained, valid)
            if on_epoch is not None:
                on_epoch(progress.history)
            self._save()
        self._keep_best()
        return Fitted(
            history=progress.history,
            best_epoch=progress.best_epoch,
            best_valid_loss=progress.history[progress.best_epoch - 1].valid_loss,
            stopped=stopped,
            examples_per_epoch=len(self.training),
            examples_per_second=len(progress.history) * len(self.training) / progress.training_seconds,
            seconds=progress.seconds,
            flat_loss=self.flat,
            piece=self.stepper.piece,
        )

    def _ended(self) -> str | None:
        done = len(self.progress.history)
        if done and done - self.progress.best_epoch >= self.recipe.patience:
            return "patience"
        return "epochs" if done >= self.recipe.epochs else None

    def _train(self) -> Means:
        """Finish the epoch under way; give its mean losses."""
        progress, model, average = self.progress, self.state.model.train(), self.state.average
        totals = self._sums(progress.totals)
        every = 1 if self.device.type == "cpu" else CHECK_EVERY
        epoch = self.training.epoch(progress.epoch)
        with Meter(
            len(epoch),
            f"epoch {progress.epoch} of {self.recipe.epochs}",
            "examples",
            initial=progress.batch * self.recipe.batch_size,
        ) as meter:
            for batch in self.batches.iterate(epoch, self.recipe.batch_size, first=progress.batch, world=self.world):
                if self.draws:
                    self._seed_draws()
                sums, stops = self.stepper.update(model, batch, float(self.stop.signal_number > 0))
                totals += sums
                if average is not None:
                    average.update()
                progress.batch += 1
                note = ""
                if progress.batch % every == 0 or progress.batch == self.steps or self._is_asked_to_stop:
                    progress.totals = totals.tolist()
                    done = min(progress.batch * self.recipe.batch_size, len(epoch))
                    means = _means(progress.totals, done)
                    self._look(model, means, stops=float(stops))
                    note = f"profile {means[1]:.4g}, counts {means[2]:.4g}"
                meter.advance(batch.size, note)
        self._tick()
        return _means(progress.totals, len(epoch))

    def _seed_draws(self) -> None:
        """Let what the next step draws depend on no step before it: a training that was stopped goes on alike."""
        place = [self.recipe.seed, self.progress.epoch, self.progress.batch, self.world.rank]
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1, np.uint32)[0]))

    def _look(self, model: ProfileModel, means: Means, *, stops: float) -> None:
        """Stop where the losses say so or a signal does; save the state where it is time to."""
        progress = self.progress
        reason = diagnosis(model, means, flat=self.flat, batches=progress.batch)
        if reason:
            raise self._failure(f"training, epoch {progress.epoch}, batch {progress.batch}", reason)
        if stops or self._is_asked_to_stop:
            self._stop()
        if self.checkpoint is not None and self.checkpoint.is_due:
            self._save()

    @property
    def _is_asked_to_stop(self) -> bool:
        """Whether this process alone may decide to; several agree through the flags of a step."""
        return self.world.size == 1 and self.stop.signal_number > 0

    def _stop(self) -> NoReturn:
        progress, error = self.progress, self._save()
        # Nobody ends before the state is saved.
        self.world.add_up([self._sums([0.0])])
        kept = f"The state after batch {progress.batch} of epoch {progress.epoch} is in "
        if self.checkpoint is None:
            kept = "No checkpoint was asked for, and the training is lost."
        elif error is not None:
            kept = f"The state could not be saved ({error}); {self.checkpoint.path} holds an earlier one, if any."
        else:
            kept += f"{self.checkpoint.path}: the same command goes on from there."
        raise StoppedError(self.stop.signal_number or signal.SIGTERM, kept)

    @torch.inference_mode()
    def _validate(self) -> Means:
        """Mean losses over the validation set."""
        model, progress = self.state.kept.eval(), self.progress
        self.objective.begin()
        totals = self._sums([0.0, 0.0, 0.0])
        size = VALIDATION_BATCHES * self.recipe.batch_size
        for batch in self.batches.iterate(self.validation, size, world=self.world):
            totals += self.stepper.losses(model, batch)
            if self._is_asked_to_stop:
                self._stop()
        self.world.add_up([totals])
        means = _means(totals.tolist(), len(self.validation))
        reason = diagnosis(model, means, flat=self.flat, batches=self.steps * progress.epoch)
        if reason:
            raise self._failure(f"validation, epoch {progress.epoch}", reason)
        return means

    def _close_epoch(self, trained: Means, valid: Means) -> None:
        self._tick()
        progress = self.progress
        row = HistoryRow(progress.epoch, *trained, *valid, progress.epoch_seconds)
        progress.history.append(row)
        chosen_by = self.objective.chosen_by(row.valid_loss, self.world)
        if chosen_by < progress.best_loss:
            progress.best_loss, progress.best_epoch = chosen_by, row.epoch
            self.state.best_weights = copy.deepcopy(self.state.kept.state_dict())
        _log_epoch(row, self.recipe, progress.best_epoch, len(self.training))
        progress.epoch, progress.batch, progress.totals, progress.epoch_seconds = row.epoch + 1, 0, [0.0, 0.0, 0.0], 0.0

    def _keep_best(self) -> None:
        model = self.state.model
        if self.state.best_weights:
            model.load_state_dict(self.state.best_weights)
        model.eval()

    def _failure(self, where: str, reason: str) -> TrainingError:
        self._keep_best()
        rate = self.recipe.learning_rate
        return TrainingError(
            f"{where}: {reason}. Lower --learning-rate (it was {rate:g}), try --precision float32, or look for regions "
            "of extreme counts.",
            best_epoch=self.progress.best_epoch,
        )

    def _save(self) -> OSError | None:
        """Save the state; where the disk does not let it, training goes on."""
        self._tick()
        if self.checkpoint is not None and self.world.rank == 0:
            try:
                self.checkpoint.save(self.state)
            except OSError as error:
                log.warning("the state could not be saved in %s (%s)", self.checkpoint.path, error)
                return error
        return None

    def _require_agreement(self) -> None:
        """Stop where the processes do not all start from the same state."""
        if self.world.size == 1:
            return
        place = self._sums([self.progress.epoch, self.progress.batch, self.progress.best_loss])
        place = place.nan_to_num(posinf=0.0)
        sums, squares = place.clone(), place.square()
        self.world.add_up([sums, squares])
        if not torch.allclose(squares * self.world.size, sums.square()):
            raise TrainingError(
                "the processes read different states. Let all see the same --checkpoint file, or give --no-resume."
            )

    def _tick(self) -> None:
        """Add the time since the last call."""
        now = time.perf_counter()
        self.progress.epoch_seconds += now - self.clock
        self.progress.seconds += now - self.clock
        self.clock = now

    def _sums(self, values: list[float]) -> torch.Tensor:
        kind = torch.float32 if self.device.type == "mps" else torch.float64
        return torch.tensor(values, dtype=kind, device=self.device)


def _shape_of_counts(outputs: Outputs) -> tuple[int, ...]:
    return (outputs.width,) if outputs.groups == 1 else (outputs.groups, outputs.width)


def _means(totals: list[float], examples: int) -> Means:
    total, profile, counts = (value / examples for value in totals)
    return total, profile, counts


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
