"""Noticing that a training goes nowhere, and saying what is known about why."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import nn

from bpflow.datasets import Epoch, Examples, Windows
from bpflow.errors import BpflowError, InputError
from bpflow.metrics import multinomial_nll

__all__ = ["TrainingError", "diagnosis", "flat_loss", "require_varying_counts"]

# A mean loss this many times that of a flat profile has left all reason.
EXPLODED = 100.0
# Batches whose mean is first looked at.
FIRST_BATCHES = 10
# Validation examples that the flat profile's loss is taken from.
EXAMPLES = 4096


class TrainingError(BpflowError, RuntimeError):
    """Training came to a point from which it cannot go on.

    Attributes
    ----------
    best_epoch
        The last good weights are those of this epoch; 0 if there are none.
    """

    def __init__(self, text: str, *, best_epoch: int = 0) -> None:
        super().__init__(text)
        self.best_epoch = best_epoch


def require_varying_counts(windows: Windows, training: Examples) -> None:
    """Stop where the observed counts of all training windows are equal, of any group: there is nothing to learn.

    Raises
    ------
    InputError
        They are.
    """
    centers = training.epoch(1).centers
    totals = windows.signal.sums(centers - windows.output_length // 2, windows.output_length)
    groups = totals.reshape(len(totals), -1)
    equal = np.flatnonzero(np.ptp(groups, axis=0) == 0)
    if len(totals) > 1 and len(equal):
        raise InputError(
            f"all {len(totals)} training windows hold exactly {groups[0, equal[0]]} insertions",
            where=windows.signal.paths[equal[0]],
            expected="counts that vary from region to region",
            mend="Check that regions and signal belong to the same sample and assembly",
        )


def flat_loss(windows: Windows, epoch: Epoch, counts_weight: float) -> float:
    """Mean loss of the simplest prediction, a flat profile and the mean log count, over (part of) an epoch.

    What a model must fall below to have learnt anything. Of several groups it is the sum over them.
    """
    every = max(len(epoch) // EXAMPLES, 1)
    starts = epoch.centers[::every] - windows.output_length // 2
    counts = windows.signal.windows(starts, windows.output_length)
    groups = counts.reshape(len(counts), -1, counts.shape[-1])
    flat = np.full(groups[:, 0].shape, -math.log(groups.shape[-1]), dtype=np.float32)
    profiles = sum(multinomial_nll(flat, groups[:, group]).mean() for group in range(groups.shape[1]))
    return float(profiles + counts_weight * np.log1p(groups.sum(axis=2)).var(axis=0).sum())


def diagnosis(model: nn.Module, losses: Sequence[float], *, flat: float, batches: int) -> str | None:
    """Why training should stop, given mean losses (total, profile, counts) over `batches` batches; None if it need not.

    Parameters
    ----------
    model
        Whose weights are looked at.
    losses
        The three means.
    flat
        :func:`flat_loss`.
    batches
        How many batches they are means of; the first few tell nothing about explosion.
    """
    names = ("total", "profile", "counts")
    unfinite = [name for name, value in zip(names, losses, strict=True) if not math.isfinite(value)]
    if unfinite:
        return f"the {' and '.join(unfinite[1:] or unfinite)} loss is no finite number any more; {_weights(model)}"
    if batches >= FIRST_BATCHES and losses[0] > EXPLODED * max(flat, 1.0):
        return (
            f"the loss exploded: {losses[0]:.3g} (profile {losses[1]:.3g}, counts {losses[2]:.3g}), "
            f"where a flat profile and the mean count would have {flat:.3g}; {_weights(model)}"
        )
    return None


def _weights(model: nn.Module) -> str:
    trained = [(name, weights.detach()) for name, weights in model.named_parameters()]
    lost = [name for name, weights in trained if not bool(weights.isfinite().all())]
    if lost:
        return f"{len(lost)} of {len(trained)} weights hold numbers that are not finite, {lost[0]} first"
    name, largest = max(((name, float(weights.abs().max())) for name, weights in trained), key=lambda item: item[1])
    return f"all weights are finite, the largest is {largest:.3g} in {name}"
