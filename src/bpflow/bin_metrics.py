"""Agreement of predicted and observed bins, of each track over all windows, from sums in constant memory."""

from __future__ import annotations

import torch
from torch import Tensor

from bpflow.losses import SMALLEST

__all__ = ["TrackSums"]

# Predictions that vary less are constant, and correlate with nothing (Kelley 2020).
CONSTANT = 1e-12


class TrackSums:
    """Sums over windows and bins, for each track, in float64 where the device has it.

    Parameters
    ----------
    tracks
        Number of tracks.
    device
        Where the sums are kept.
    """

    def __init__(self, tracks: int, device: torch.device | str = "cpu") -> None:
        kind = torch.float32 if torch.device(device).type == "mps" else torch.float64
        # Of ones, observed, predicted, their squares and product, and of the Poisson loss.
        self.sums = torch.zeros(7, tracks, dtype=kind, device=device)

    def add(self, predicted: Tensor, observed: Tensor) -> None:
        """Take windows in, (N, bins, tracks) each."""
        p, y = (part.to(self.sums.dtype).flatten(0, 1) for part in (predicted, observed))
        loss = p - y * (p + SMALLEST).log()
        self.sums += torch.stack([part.sum(0) for part in (torch.ones_like(y), y, p, y * y, p * p, y * p, loss)])

    @property
    def means(self) -> Tensor:
        """Mean observed bin of each track, (T,)."""
        return self.sums[1] / self.sums[0]

    def pearson(self) -> Tensor:
        """Pearson correlation of each track, (T,); 0 where the predictions are constant, or what was observed is."""
        n, y, p, yy, pp, yp = self.sums[:6]
        of_y, of_p, both = yy / n - (y / n) ** 2, pp / n - (p / n) ** 2, yp / n - y / n * (p / n)
        varies = (of_y > CONSTANT) & (of_p > CONSTANT)
        return torch.where(varies, both / torch.where(varies, of_y * of_p, 1).sqrt(), 0)

    def r_squared(self) -> Tensor:
        """1 - squared errors / squared deviations from the mean, (T,); 0 where what was observed is constant."""
        n, y, _, yy, pp, yp = self.sums[:6]
        deviations = yy - y * y / n
        varies = deviations / n > CONSTANT
        return torch.where(varies, 1 - (yy - 2 * yp + pp) / torch.where(varies, deviations, 1), 0)

    def poisson(self) -> Tensor:
        """Mean Poisson loss of each track, (T,): :func:`bpflow.losses.poisson_losses`."""
        return self.sums[6] / self.sums[0]
