"""What updates weights: Adam as Keras computes it, and what other recipes ask for."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["OPTIMISERS", "KerasAdam", "make_optimiser"]

OPTIMISERS = ("keras_adam", "adam", "sgd")
# Of the published Basenji2 (Kelley 2020).
MOMENTUM = 0.99


class KerasAdam(torch.optim.Adam):
    """Adam whose epsilon is added to the uncorrected second moment, as in Keras (Kingma and Ba's "epsilon hat").

    w <- w - lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps). PyTorch divides sqrt(v) by sqrt(1 - b2^t) before it
    adds its epsilon, so the same step comes from an epsilon divided alike, which shrinks as t grows.

    Parameters
    ----------
    parameters
        What to train.
    lr, epsilon
        Learning rate and epsilon; beta is 0.9 and 0.999.
    """

    def __init__(self, parameters: Iterable[Tensor], *, lr: float = 1e-3, epsilon: float = 1e-7) -> None:
        super().__init__(parameters, lr=lr, betas=(0.9, 0.999), eps=epsilon, fused=True)
        for group in self.param_groups:
            group["epsilon"], group["steps"] = epsilon, 0

    def step(self, closure: Any = None) -> Any:
        """Take one step."""
        for group in self.param_groups:
            group["steps"] += 1
            group["eps"] = group["epsilon"] / math.sqrt(1 - group["betas"][1] ** group["steps"])
        return super().step(closure)


def make_optimiser(name: str, parameters: Iterable[Tensor], learning_rate: float) -> torch.optim.Optimizer:
    """One of :data:`OPTIMISERS`: Keras's Adam, PyTorch's (epsilon 1e-8), or gradient descent with momentum 0.99."""
    if name == "keras_adam":
        return KerasAdam(parameters, lr=learning_rate)
    if name == "adam":
        return torch.optim.Adam(parameters, lr=learning_rate, fused=True)
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=learning_rate, momentum=MOMENTUM)
    raise ValueError(f"the optimiser {name!r} is none of {', '.join(OPTIMISERS)}")
