"""From base codes to one-hot, on whatever device the codes are."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["one_hot", "reverse_complement"]


def one_hot(codes: Tensor, channels: int = 4) -> Tensor:
    """Encode base codes; a code that has no channel becomes a column of zeros.

    Parameters
    ----------
    codes
        (N, L) uint8, A C G T N = 0 1 2 3 4.
    channels
        4, or 5 for a model with an N channel: its ``config.channels``.

    Returns
    -------
    Tensor
        (N, channels, L) float32. In memory the base is the fastest axis, the layout that the convolutions want.
    """
    bases = torch.arange(channels, dtype=codes.dtype, device=codes.device)
    return (codes.unsqueeze(-1) == bases).to(torch.float32).transpose(1, 2)


def reverse_complement(codes: Tensor) -> Tensor:
    """Codes of the other strand, read in its own direction: (N, L) to (N, L) uint8."""
    return torch.where(codes < 4, 3 - codes, codes).flip(-1)
