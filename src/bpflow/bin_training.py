"""Training on bins: where batches come from, what is lowered and what the best epoch is chosen by."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from bpflow.batches import DeviceBatch
from bpflow.bin_datasets import BinEpoch
from bpflow.bin_file import Bins
from bpflow.bin_metrics import TrackSums
from bpflow.errors import InputError
from bpflow.losses import Losses, poisson_losses
from bpflow.parallel import map_in_order
from bpflow.world import World

__all__ = ["BinBatches", "BinObjective", "constant_loss", "track_means"]

# Threads that read ahead, so that neither a GPU nor a CPU waits for the disk.
AHEAD = 2
# Windows looked at together.
WINDOWS = 16

log = logging.getLogger("bpflow")


class BinBatches:
    """Reads windows of sequence and bins from their file, ahead of their use.

    Parameters
    ----------
    bins
        The open file.
    device
        Where they go.
    """

    def __init__(self, bins: Bins, device: torch.device) -> None:
        self.bins, self.device = bins, device

    def iterate(
        self, epoch: BinEpoch, batch_size: int, *, first: int = 0, world: World | None = None
    ) -> Iterator[DeviceBatch]:
        """Batches in order from batch `first` on; counts are (n, targets, bins) float16."""
        pinned, share = self.device.type == "cuda", (world or World()).share

        def read(rows: slice) -> DeviceBatch:
            codes, values = self.bins.examples(*epoch.part(share(rows)))
            batch = DeviceBatch(torch.from_numpy(codes), torch.from_numpy(values), rows.stop - rows.start)
            return batch.changed(Tensor.pin_memory) if pinned else batch

        starts = range(first * batch_size, len(epoch), batch_size)
        rows = (slice(start, min(start + batch_size, len(epoch))) for start in starts)
        for batch in map_in_order(read, rows, AHEAD):
            yield batch.changed(lambda part: part.to(self.device, non_blocking=pinned))


class BinObjective:
    """The Poisson loss; the best epoch has the highest Pearson r + R2 / 4, each a mean over tracks (Kelley 2020)."""

    def __init__(self, tracks: int, device: torch.device) -> None:
        self._tracks, self._device = tracks, device
        self.begin()

    def losses(self, output: Tensor, batch: DeviceBatch) -> Losses:
        """As of :class:`bpflow.objectives.Objective`."""
        return poisson_losses(output, batch.counts.transpose(1, 2))

    def begin(self) -> None:
        """As of :class:`bpflow.objectives.Objective`."""
        self._sums = TrackSums(self._tracks, self._device)

    def observe(self, output: Tensor, batch: DeviceBatch) -> None:
        """As of :class:`bpflow.objectives.Objective`."""
        self._sums.add(output, batch.counts.transpose(1, 2))

    def chosen_by(self, loss: float, world: World) -> float:
        """The score, with its sign turned."""
        # What was made without gradients cannot be changed any more.
        self._sums.sums = self._sums.sums.clone()
        world.add_up([self._sums.sums])
        r, r_squared = float(self._sums.pearson().mean()), float(self._sums.r_squared().mean())
        log.info("validation: Pearson r %.4f, R2 %.4f (means over tracks)", r, r_squared)
        return -(r + r_squared / 4)


def track_means(bins: Bins, rows: np.ndarray) -> np.ndarray:
    """Mean of each track at each bin of a window, (targets, bins) float64, over the windows `rows`."""
    total = np.zeros((len(bins.identifiers), bins.layout.bins))
    for first in range(0, len(rows), WINDOWS):
        total += bins.values(rows[first : first + WINDOWS]).sum(axis=0, dtype=np.float64)
    return total / len(rows)


def constant_loss(bins: Bins, rows: np.ndarray) -> float:
    """Poisson loss of each track's own mean over the windows `rows`: what a model must fall below.

    Raises
    ------
    InputError
        No track has a bin that is not 0.
    """
    means = torch.from_numpy(track_means(bins, rows).mean(axis=1))
    if not bool((means > 0).any()):
        raise InputError(
            f"all bins of {len(rows)} windows are 0",
            where=bins.path,
            expected="tracks with signal on the fold's validation chromosomes",
        )
    # The mean of p - y ln p, whose p is the mean of y.
    return float(poisson_losses(means[None, None], means[None, None]).total)
