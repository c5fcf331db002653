"""Batches on the device that trains: gathered there from the encoded genome, or on the host ahead of their use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from bpflow.datasets import Epoch, Windows
from bpflow.parallel import map_in_order
from bpflow.signal import SignalTrack
from bpflow.world import World

__all__ = ["Batches", "DeviceBatch", "DeviceBatches", "Draws", "HostBatches", "batches_on"]

# The genome and its signal may take this part of a GPU's free memory.
RESIDENT_SHARE = 0.25
# Bytes of a site on the device: its place and its count.
SITE_BYTES = 12
# Threads that gather ahead for a GPU.
AHEAD = 2


class DeviceBatch(NamedTuple):
    """One process's part of a batch.

    Attributes
    ----------
    codes
        (n, input_length) uint8 base codes.
    counts
        (n, output_length) int32 insertions, or what else is to be predicted, (n, ...).
    size
        Examples of the whole batch, over all processes.
    mask, control
        As of :class:`bpflow.datasets.Batch`.
    """

    codes: Tensor
    counts: Tensor
    size: int
    mask: Tensor | None = None
    control: Tensor | None = None

    def pieces(self, size: int) -> Iterator[DeviceBatch]:
        """The batch in pieces of `size` examples; of none, nothing."""
        for first in range(0, len(self.codes), size):
            rows = slice(first, first + size)
            yield self.changed(lambda part, rows=rows: part[rows])  # type: ignore[misc]

    def changed(self, change: Callable[[Tensor], Tensor]) -> DeviceBatch:
        """The batch with the same done to all its tensors."""
        mask, control = (None if part is None else change(part) for part in (self.mask, self.control))
        return DeviceBatch(change(self.codes), change(self.counts), self.size, mask, control)


class Draws(Protocol):
    """What is trained on."""

    def __len__(self) -> int:
        """Examples in one epoch."""
        ...

    def epoch(self, number: int) -> Sized:
        """Draw epoch `number`, from 1."""
        ...


class Batches(Protocol):
    """Where batches come from, of the epochs that belong to them."""

    def iterate(self, epoch: Any, batch_size: int, *, first: int = 0, world: World) -> Iterator[DeviceBatch]:
        """Batches of an epoch in order from batch `first` on; the last may be smaller."""
        ...


def batches_on(windows: Windows, device: torch.device) -> Batches:
    """Batches for `device`: gathered on it where it is a GPU with room for genome and signal, else on the host."""
    alone = windows.mappability is None and windows.control is None
    if device.type == "cuda" and isinstance(windows.signal, SignalTrack) and alone:
        needed = windows.genome.size + SITE_BYTES * windows.signal.positions.size
        free, _ = torch.cuda.mem_get_info(device)
        if needed < RESIDENT_SHARE * free:
            return DeviceBatches(windows, device)
    return HostBatches(windows, device)


def _rows(epoch: Epoch, batch_size: int, first: int) -> Iterator[slice]:
    for start in range(first * batch_size, len(epoch), batch_size):
        yield slice(start, min(start + batch_size, len(epoch)))


class HostBatches:
    """Gathers with numpy; for a GPU in threads, ahead of their use.

    Parameters
    ----------
    windows
        Where examples are gathered from.
    device
        Where they go.
    """

    def __init__(self, windows: Windows, device: torch.device) -> None:
        self.windows, self.device = windows, device

    def iterate(self, epoch: Epoch, batch_size: int, *, first: int = 0, world: World) -> Iterator[DeviceBatch]:
        """As of :class:`Batches`."""
        pinned = self.device.type == "cuda"

        def gather(rows: slice) -> DeviceBatch:
            mine = world.share(rows)
            codes, counts, *others = self.windows.gather(epoch.centers[mine], epoch.reverse[mine], masked=epoch.masked)
            mask, control = (None if part is None else torch.from_numpy(part) for part in others)
            size = rows.stop - rows.start
            batch = DeviceBatch(torch.from_numpy(codes), torch.from_numpy(counts), size, mask, control)
            return batch.changed(Tensor.pin_memory) if pinned else batch

        for batch in map_in_order(gather, _rows(epoch, batch_size, first), AHEAD if pinned else 1):
            yield batch.changed(lambda part: part.to(self.device, non_blocking=pinned))


class DeviceBatches:
    """Keeps genome and signal on the device and gathers there, without waiting for the host.

    Equal to :class:`HostBatches`, example by example.

    Parameters
    ----------
    windows
        Where examples are gathered from.
    device
        Where everything is kept.
    """

    def __init__(self, windows: Windows, device: torch.device) -> None:
        if not isinstance(windows.signal, SignalTrack):
            raise TypeError("a signal of one track is needed")
        self.device = device
        self.input_length, self.output_length = windows.input_length, windows.output_length
        self.genome = _to_device(windows.genome, torch.uint8, device)
        self.positions = _to_device(windows.signal.positions, torch.int64, device)
        self.values = _to_device(windows.signal.counts, torch.int32, device)

    def iterate(self, epoch: Epoch, batch_size: int, *, first: int = 0, world: World) -> Iterator[DeviceBatch]:
        """As of :class:`Batches`."""
        centers = torch.from_numpy(epoch.centers).to(self.device)
        reverse = torch.from_numpy(epoch.reverse).to(self.device)
        for rows in _rows(epoch, batch_size, first):
            mine = world.share(rows)
            codes, counts = self.gather(centers[mine], reverse[mine])
            yield DeviceBatch(codes, counts, rows.stop - rows.start)

    def gather(self, centers: Tensor, reverse: Tensor) -> tuple[Tensor, Tensor]:
        """Base codes and insertions around (n,) centres, those of the other strand where `reverse`."""
        codes = self.genome[self._places(centers, reverse, self.input_length)]
        complement = torch.where(codes < 4, 3 - codes, codes)
        codes = torch.where(reverse[:, None], complement, codes)
        if not len(self.positions):
            return codes, torch.zeros(len(centers), self.output_length, dtype=torch.int32, device=self.device)
        # Each base looks for itself among the sites: more searches than sites, but none whose number must be known.
        places = self._places(centers, reverse, self.output_length)
        site = torch.searchsorted(self.positions, places).clamp_(max=len(self.positions) - 1)
        counts = torch.where(self.positions[site] == places, self.values[site], 0)
        return codes, counts

    def _places(self, centers: Tensor, reverse: Tensor, width: int) -> Tensor:
        along = torch.arange(width, device=self.device)
        along = torch.where(reverse[:, None], width - 1 - along, along)
        return (centers - width // 2)[:, None] + along


def _to_device(array: np.ndarray, kind: torch.dtype, device: torch.device) -> Tensor:
    """Copy a mapped array block by block, so that the host never holds it in private memory."""
    result = torch.empty(len(array), dtype=kind, device=device)
    step = 1 << 24
    for start in range(0, len(array), step):
        block = np.array(array[start : start + step])
        if block.dtype == np.uint32:
            block = block.astype(np.int64)
        result[start : start + step] = torch.from_numpy(block)
    return result
