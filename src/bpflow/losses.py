"""Training losses of profile models, in float32 whatever the model's precision is."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bpflow.models.outputs import Output

__all__ = ["Losses", "counts_loss", "losses", "multinomial_nll", "poisson_losses"]

# Keeps the logarithm of a prediction of 0 finite (Kelley 2020).
SMALLEST = 1e-7


class Losses(NamedTuple):
    """Means over a batch; total = profile + weight * counts."""

    total: Tensor
    profile: Tensor
    counts: Tensor


def multinomial_nll(logits: Tensor, counts: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over the batch of the multinomial negative log likelihood, with its combinatorial constant.

    -[ lnGamma(n + 1) - sum lnGamma(x + 1) + sum x * log_softmax(logits) ], in nats, as the official program reports it;
    of several groups the sum over them.

    Parameters
    ----------
    logits
        (N, W) or (N, G, W) profile logits.
    counts
        Observed insertions, of the same shape; a row of zeros contributes 0.
    mask
        Positions to look at, of the same shape. The others are neither predicted nor counted, and a row without any
        contributes 0 (Cochran et al. 2024).
    """
    counts, logits = counts.float(), logits.float()
    if mask is None:
        log_probabilities = torch.log_softmax(logits, dim=-1)
    else:
        # A row without any position keeps its logits: it has no counts, and infinities would have no gradient.
        seen = mask | ~mask.any(-1, keepdim=True)
        counts = counts * mask
        log_probabilities = (logits - logits.masked_fill(~seen, -torch.inf).logsumexp(-1, keepdim=True)) * mask
    constant = torch.lgamma(counts.sum(-1) + 1) - torch.lgamma(counts + 1).sum(-1)
    nll = -(constant + (counts * log_probabilities).sum(-1))
    return nll.reshape(len(nll), -1).sum(1).mean()


def counts_loss(log_counts: Tensor, counts: Tensor) -> Tensor:
    """Mean over the batch of the squared error of log counts, (N,) or (N, G), against ln(1 + total insertions).

    Of several groups it is the sum over them.
    """
    squares = (log_counts.float() - torch.log1p(counts.float().sum(-1))).square()
    return squares.reshape(len(squares), -1).sum(1).mean()


def losses(output: Output, counts: Tensor, counts_weight: float, mask: Tensor | None = None) -> Losses:
    """Profile and count losses of a batch, and their weighted sum; the mask is for profiles only."""
    profile = multinomial_nll(output.profile_logits, counts, mask)
    of_counts = counts_loss(output.log_counts, counts)
    return Losses(profile + counts_weight * of_counts, profile, of_counts)


def poisson_losses(predicted: Tensor, observed: Tensor) -> Losses:
    """Poisson loss of bins, mean(p - y ln(p + 1e-7)) over everything, without the constant of the data.

    It is the sum of two: of each window's and track's total as if that alone were given, and of where in the window it
    falls.

    Parameters
    ----------
    predicted, observed
        (N, bins, targets), both 0 or more.
    """
    predicted, observed = predicted.float(), observed.float()
    total = (predicted - observed * (predicted + SMALLEST).log()).mean()
    sums, seen = predicted.sum(1), observed.sum(1)
    counts = (sums - seen * (sums + SMALLEST).log()).mean() / predicted.shape[1]
    return Losses(total, total - counts, counts)
