"""A running average of a model's weights over the steps of its training."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

__all__ = ["RunningAverage"]

Model = TypeVar("Model", bound=nn.Module)

# While training is young, the average spans this part of the steps taken.
EARLY_SPAN = 9


class RunningAverage(Generic[Model]):
    """Exponential average of weights and statistics, which follows the last steps and leaves their noise out.

    It spans about `span` steps; before there are many more, a ninth of those taken, so that first weights are soon
    forgotten (Polyak and Juditsky 1992; the exponential form as in Tarvainen and Valpola 2017).

    Parameters
    ----------
    model
        The model that is trained.
    span
        Steps to average over, 1 or more.

    Attributes
    ----------
    model
        A copy of the model with the averaged weights.
    steps
        Updates so far.
    """

    def __init__(self, model: Model, span: float) -> None:
        self.model: Model = copy.deepcopy(model).requires_grad_(False).eval()
        self.span, self.steps = max(span, 1.0), 0
        averaged = dict(self.model.named_parameters())
        trained = [(averaged[name], weights) for name, weights in model.named_parameters() if weights.requires_grad]
        # Statistics, as of batch normalisation, belong to the weights beside them.
        buffers = list(zip(self.model.buffers(), model.buffers(), strict=True))
        self._pairs: list[tuple[Tensor, Tensor]] = [
            *trained,
            *(pair for pair in buffers if pair[0].is_floating_point()),
        ]
        self._counters = [pair for pair in buffers if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights of one more step in."""
        self.steps += 1
        share = max(1 / self.span, EARLY_SPAN / (self.steps + EARLY_SPAN))
        for averaged, weights in self._pairs:
            averaged.lerp_(weights, share)
        for kept, counter in self._counters:
            kept.copy_(counter)
