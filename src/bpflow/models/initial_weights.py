"""First weights, drawn as the programs do in which the models were published."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["glorot_uniform_", "he_normal_"]

# Standard deviation of a standard normal distribution that is cut at 2.
TRUNCATED = 0.87962566103423978


def glorot_uniform_(weight: Tensor, generator: torch.Generator | None = None) -> None:
    """Fill with uniform draws in +-sqrt(6 / (fan_in + fan_out)), with Keras's fans: channels times kernel width."""
    out_channels, in_channels = weight.shape[:2]
    limit = math.sqrt(6.0 / ((in_channels + out_channels) * weight[0, 0].numel()))
    with torch.no_grad():
        weight.uniform_(-limit, limit, generator=generator)


def he_normal_(weight: Tensor, generator: torch.Generator | None = None) -> None:
    """Fill with normal draws of variance 2 / fan in, cut at two standard deviations and then scaled, as Keras does."""
    deviation = math.sqrt(2.0 / weight[0].numel()) / TRUNCATED
    nn.init.trunc_normal_(weight, std=deviation, a=-2 * deviation, b=2 * deviation, generator=generator)
