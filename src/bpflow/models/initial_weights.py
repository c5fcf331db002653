"""First weights, drawn as the programs do in which the models were published."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["glorot_uniform_"]


def glorot_uniform_(weight: Tensor, generator: torch.Generator | None = None) -> None:
    """Fill with uniform draws in +-sqrt(6 / (fan_in + fan_out)), with Keras's fans: channels times kernel width."""
    out_channels, in_channels = weight.shape[:2]
    limit = math.sqrt(6.0 / ((in_channels + out_channels) * weight[0, 0].numel()))
    with torch.no_grad():
        weight.uniform_(-limit, limit, generator=generator)
