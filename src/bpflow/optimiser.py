"""Adam as Keras computes it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["KerasAdam"]


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
