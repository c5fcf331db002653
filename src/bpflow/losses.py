"""Training losses of profile models, in float32 whatever the model's precision is."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bpflow.models.outputs import Output

__all__ = ["Losses", "counts_loss", "losses", "multinomial_nll"]


class Losses(NamedTuple):
    """Means over a batch; total = profile + weight * counts."""

    total: Tensor
    profile: Tensor
    counts: Tensor


def multinomial_nll(logits: Tensor, counts: Tensor) -> Tensor:
    """Mean over the batch of the multinomial negative log likelihood, with its combinatorial constant.

    -[ lnGamma(n + 1) - sum lnGamma(x + 1) + sum x * log_softmax(logits) ], in nats, as the official program reports it.

    Parameters
    ----------
    logits
        (N, O) profile logits.
    counts
        (N, O) observed insertions; a row of zeros contributes 0.
    """
    counts = counts.float()
    log_probabilities = torch.log_softmax(logits.float(), dim=1)
    constant = torch.lgamma(counts.sum(1) + 1) - torch.lgamma(counts + 1).sum(1)
    return -(constant + (counts * log_probabilities).sum(1)).mean()


def counts_loss(log_counts: Tensor, counts: Tensor) -> Tensor:
    """Mean squared error of (N,) predicted log counts against ln(1 + total insertions) of (N, O)."""
    return (log_counts.float() - torch.log1p(counts.float().sum(1))).square().mean()


def losses(output: Output, counts: Tensor, counts_weight: float) -> Losses:
    """Profile and count losses of a batch, and their weighted sum."""
    profile = multinomial_nll(output.profile_logits, counts)
    of_counts = counts_loss(output.log_counts, counts)
    return Losses(profile + counts_weight * of_counts, profile, of_counts)
