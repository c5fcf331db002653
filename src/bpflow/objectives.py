"""What a training lowers, and by what its best epoch is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from bpflow.batches import DeviceBatch
from bpflow.losses import Losses, losses
from bpflow.world import World

__all__ = ["Objective", "ProfileObjective"]


class Objective(Protocol):
    """Losses of a batch; and of a whole validation, the number of which the best epoch has the lowest."""

    def losses(self, output: Any, batch: DeviceBatch) -> Losses:
        """Mean losses over the examples of a batch; they have gradients."""
        ...

    def begin(self) -> None:
        """Forget what was observed: a validation begins."""
        ...

    def observe(self, output: Any, batch: DeviceBatch) -> None:
        """Look at one batch of a validation."""
        ...

    def chosen_by(self, loss: float, world: World) -> float:
        """What the best epoch has the lowest of, given the validation's mean total loss; called by all processes."""
        ...


@dataclass(frozen=True)
class ProfileObjective:
    """Profile loss plus `counts_weight` times the count loss (:mod:`bpflow.losses`), chosen by their sum."""

    counts_weight: float

    def losses(self, output: Any, batch: DeviceBatch) -> Losses:
        """As of :class:`Objective`."""
        return losses(output, batch.counts, self.counts_weight, batch.mask)

    def begin(self) -> None:
        """Nothing is kept."""

    def observe(self, output: Any, batch: DeviceBatch) -> None:
        """Nothing is kept."""

    def chosen_by(self, loss: float, world: World) -> float:
        """The loss itself."""
        return loss
