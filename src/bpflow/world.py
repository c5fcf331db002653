"""The processes that train one model together, each with its share of every batch."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
import torch.distributed
from torch import Tensor

__all__ = ["World", "join_world"]


class World:
    """The processes of a training; by default this one alone.

    Attributes
    ----------
    rank, size
        Number of this process, from 0, and how many there are.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    def share(self, rows: slice) -> slice:
        """The part that this process has of the examples start to stop: every `size`-th."""
        return slice(rows.start + self.rank, rows.stop, self.size)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes, in one exchange; all must have the type of the first."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        torch.distributed.all_reduce(flat)
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def leave(self) -> None:
        """End the exchange."""
        if self.size > 1:
            torch.distributed.destroy_process_group()


def join_world(device: torch.device) -> World:
    """Join the processes that torchrun started, or be alone; on GPUs they exchange with NCCL, else with gloo."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World()
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return World(torch.distributed.get_rank(), size)
