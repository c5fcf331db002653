"""One update of a model's weights, or the losses of one batch, in pieces that fit the device's memory."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bpflow.batches import DeviceBatch
from bpflow.devices import autocast, cpu_piece
from bpflow.errors import BpflowError
from bpflow.models.base import ProfileModel
from bpflow.models.encoding import one_hot
from bpflow.objectives import Objective
from bpflow.world import World

__all__ = ["Stepper", "TooLittleMemoryError"]

# What the allocators of PyTorch say; only the GPU's has a type of error of its own.
NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")

log = logging.getLogger("bpflow")


class TooLittleMemoryError(BpflowError, MemoryError):
    """Not even one example fits the device's memory."""


class Stepper:
    """Computes losses and updates on a device.

    Parameters
    ----------
    optimiser
        What updates the weights.
    objective
        The losses.
    device, precision
        Where, and in which precision convolutions run.
    world
        The processes that share a batch; their gradients are added up.
    clip_norm
        The largest norm that the gradient of each weight tensor by itself may have; 0 lets it be.

    Attributes
    ----------
    piece
        Examples computed at once, 0 for the whole batch. It is halved where memory does not suffice.
    """

    def __init__(
        self,
        optimiser: torch.optim.Optimizer,
        objective: Objective,
        *,
        device: torch.device,
        precision: torch.dtype,
        world: World | None = None,
        clip_norm: float = 0.0,
    ) -> None:
        self.optimiser, self.objective, self.clip_norm = optimiser, objective, clip_norm
        self.device, self.precision, self.world = device, precision, world or World()
        self.parameters: list[Tensor] = [p for group in optimiser.param_groups for p in group["params"]]
        self.piece = cpu_piece(self.parameters) if device.type == "cpu" else 0

    def update(self, model: ProfileModel, batch: DeviceBatch, flag: float = 0.0) -> tuple[Tensor, Tensor]:
        """Take one step.

        Parameters
        ----------
        model
            Whose gradients the optimiser follows; in training mode.
        batch
            This process's examples.
        flag
            A number that is added up over all processes.

        Returns
        -------
        sums, flags
            (3,) sums of the total, profile and count losses over the whole batch, and () the sum of flags; float32.
        """
        sums = self._fitting(len(batch.codes), lambda: self._gradients(model, batch))
        # Filled on the device: a copy from the host would wait for all that was asked of it before.
        flags = torch.full((1,), flag, device=self.device)
        if self.world.size > 1:
            for weights in self.parameters:
                if weights.grad is None:
                    weights.grad = torch.zeros_like(weights)
            self.world.add_up([*(weights.grad for weights in self.parameters if weights.grad is not None), sums, flags])
        if self.clip_norm:
            for weights in self.parameters:
                torch.nn.utils.clip_grad_norm_(weights, self.clip_norm)
        self.optimiser.step()
        return sums, flags[0]

    @torch.no_grad()
    def losses(self, model: ProfileModel, batch: DeviceBatch) -> Tensor:
        """Sums of the three losses over this process's examples, (3,) float32; the model is in evaluation mode.

        The objective observes the batch.
        """
        return self._fitting(len(batch.codes), lambda: self._sums(model, batch))

    def _gradients(self, model: ProfileModel, batch: DeviceBatch) -> Tensor:
        self.optimiser.zero_grad(set_to_none=True)
        sums = torch.zeros(3, device=self.device)
        for piece in batch.pieces(self._size(batch)):
            losses = torch.stack(self.objective.losses(self._predict(model, piece), piece))
            (losses[0] * (len(piece.codes) / batch.size)).backward()
            sums += losses.detach() * len(piece.codes)
        return sums

    def _sums(self, model: ProfileModel, batch: DeviceBatch) -> Tensor:
        sums = torch.zeros(3, device=self.device)
        predicted = []
        for piece in batch.pieces(self._size(batch)):
            predicted.append((self._predict(model, piece), piece))
            sums += torch.stack(self.objective.losses(*predicted[-1])) * len(piece.codes)
        # Only now, since memory that runs out begins the batch again.
        for output, piece in predicted:
            self.objective.observe(output, piece)
        return sums

    def _size(self, batch: DeviceBatch) -> int:
        return self.piece or max(len(batch.codes), 1)

    def _predict(self, model: ProfileModel, batch: DeviceBatch) -> Any:
        with autocast(self.device, self.precision):
            inputs = one_hot(batch.codes, model.config.channels)
            return model(inputs) if batch.control is None else model(inputs, batch.control)

    def _fitting(self, examples: int, compute: Callable[[], Tensor]) -> Tensor:
        while True:
            try:
                return compute()
            except RuntimeError as error:
                if not any(words in str(error).lower() for words in NO_MEMORY):
                    raise
            # Outside of the handler, whose traceback keeps the tensors of the failed attempt alive.
            self._split(examples)

    def _split(self, examples: int) -> None:
        size = min(self.piece or examples, examples)
        if size <= 1:
            raise TooLittleMemoryError(
                f"{self.device} has too little memory for one example. "
                "Free memory there, use fewer --filters, or another --device."
            )
        self.piece = (size + 1) // 2
        log.warning("out of memory: batches are computed %d examples at a time from here on", self.piece)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
