"""What a profile model returns."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

__all__ = ["Output"]


class Output(NamedTuple):
    """Predictions of a batch, in float32.

    Attributes
    ----------
    profile_logits
        (N, O) unnormalised log probabilities of where insertions fall.
    log_counts
        (N,) predicted ln(1 + insertions in the output window).
    """

    profile_logits: Tensor
    log_counts: Tensor
