"""The whole state of a training, on disk: what goes on from it ends in the weights of a training never stopped."""

from __future__ import annotations

import json
import logging
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
from torch import Tensor
from torch.optim import Optimizer

from bpflow.averaging import RunningAverage
from bpflow.files import atomic_path, existing
from bpflow.models.base import ProfileModel

__all__ = ["HISTORY_COLUMNS", "Checkpoint", "HistoryRow", "Progress", "TrainingState"]

FORMAT_VERSION = 1
KEY = "bpflow_checkpoint"

log = logging.getLogger("bpflow")


class HistoryRow(NamedTuple):
    """Losses of one epoch, each a mean over examples; of training while the weights still changed."""

    epoch: int
    train_loss: float
    train_profile_loss: float
    train_counts_loss: float
    valid_loss: float
    valid_profile_loss: float
    valid_counts_loss: float
    seconds: float


HISTORY_COLUMNS = HistoryRow._fields


@dataclass
class Progress:
    """How far a training is.

    Attributes
    ----------
    epoch, batch
        The epoch under way, from 1, and how many of its batches are done.
    totals
        Sums of the three losses over the examples of those batches.
    epoch_seconds, training_seconds, seconds
        Time spent in the epoch under way, in all epochs without validation, and in all.
    history
        Finished epochs.
    best_epoch, best_loss
        The epoch of lowest validation loss, 0 while there is none.
    """

    epoch: int = 1
    batch: int = 0
    totals: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    epoch_seconds: float = 0.0
    training_seconds: float = 0.0
    seconds: float = 0.0
    history: list[HistoryRow] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = math.inf


@dataclass
class TrainingState:
    """Everything that decides how a training goes on.

    Attributes
    ----------
    model, average, optimiser
        As they are after the last step; the average may be absent.
    progress
        How far the training is.
    best_weights
        The state of the best epoch's model; empty while there is none.
    """

    model: ProfileModel
    average: RunningAverage[ProfileModel] | None
    optimiser: Optimizer
    progress: Progress = field(default_factory=Progress)
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    @property
    def kept(self) -> ProfileModel:
        """The model that is validated and kept."""
        return self.average.model if self.average else self.model

    def tensors(self) -> dict[str, Tensor]:
        """All of it that is tensors, by name."""
        groups = {"model": self.model.state_dict(), "best": self.best_weights}
        if self.average:
            groups["average"] = self.average.model.state_dict()
        for number, state in self.optimiser.state_dict()["state"].items():
            groups[f"optimiser.{number}"] = state
        return {f"{group}/{name}": tensor for group, tensors in groups.items() for name, tensor in tensors.items()}

    def values(self) -> dict[str, Any]:
        """All of it that is numbers."""
        return {
            "progress": asdict(self.progress),
            # Only an optimiser that counts its steps itself has them here.
            "optimiser_steps": self.optimiser.param_groups[0].get("steps", 0),
            "average_steps": self.average.steps if self.average else 0,
        }

    def load(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Take over what :meth:`tensors` and :meth:`values` gave."""
        groups: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            group, _, key = name.partition("/")
            groups.setdefault(group, {})[key] = tensor
        self.model.load_state_dict(groups["model"])
        if self.average:
            self.average.model.load_state_dict(groups["average"])
            self.average.steps = values["average_steps"]
        moments = {
            int(group.partition(".")[2]): state for group, state in groups.items() if group.startswith("optimiser.")
        }
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": moments})
        if "steps" in self.optimiser.param_groups[0]:
            self.optimiser.param_groups[0]["steps"] = values["optimiser_steps"]
        device = next(self.model.parameters()).device
        self.best_weights = {name: tensor.to(device) for name, tensor in groups.get("best", {}).items()}
        progress = values["progress"]
        history = [HistoryRow(*row) for row in progress["history"]]
        best_loss = math.inf if progress["best_loss"] is None else progress["best_loss"]
        self.progress = Progress(**{**progress, "history": history, "best_loss": best_loss})


@dataclass
class Checkpoint:
    """Where a training keeps its state, and how often.

    Attributes
    ----------
    path
        The file; it is replaced as a whole, and removed once the training has ended. The file of another training is
        set aside, with ``.previous`` after its name.
    identity
        What decides the outcome, as JSON: recipe, sizes, digests of the inputs. A file of another training is not
        continued.
    minutes
        Longest time between two savings; at the end of an epoch there is always one.
    resume
        Whether to continue from the file if it is there.
    """

    path: Path
    identity: dict[str, Any]
    minutes: float = 10.0
    resume: bool = True

    def __post_init__(self) -> None:
        self.path, self._saved, self._is_own = Path(self.path), time.monotonic(), False

    @property
    def is_due(self) -> bool:
        """Whether the last saving is long enough ago."""
        return time.monotonic() - self._saved >= 60 * self.minutes

    def save(self, state: TrainingState) -> None:
        """Write the state; whenever the process is killed, there is the last state or this one, whole."""
        values = state.values()
        if not state.best_weights:
            values["progress"]["best_loss"] = None
        content = {"format_version": FORMAT_VERSION, "identity": self.identity, **values}
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.tensors().items()}
        text = json.dumps(content, allow_nan=False)
        # Also where it fails, it is tried again only after a while.
        self._saved = time.monotonic()
        with atomic_path(self.path) as temporary:
            temporary.write_bytes(safetensors.torch.save(tensors, metadata={KEY: text}))
            if not self._is_own and self.path.exists():
                self.path.replace(self.previous)
        self._is_own = True

    @property
    def previous(self) -> Path:
        """Where the state of another training is set aside."""
        return self.path.with_name(f"{self.path.name}.previous")

    def restore(self, state: TrainingState) -> bool:
        """Continue from the file, if it is there and of this training; tells whether it did.

        Raises
        ------
        InputError
            The file is there, but may not be read.
        """
        if not self.resume or not self.path.exists():
            return False
        existing(self.path, "the state of a training")
        try:
            with safetensors.safe_open(str(self.path), framework="pt") as handle:
                content = json.loads((handle.metadata() or {})[KEY])
                # Copied, since the file that they are mapped from will be replaced.
                tensors = {name: handle.get_tensor(name).clone() for name in handle.keys()}  # noqa: SIM118
        except (safetensors.SafetensorError, KeyError, ValueError) as error:
            log.warning("%s is damaged (%s) and set aside: training starts anew", self.path, error)
            return False
        differing = differences(content.get("identity"), json.loads(json.dumps(self.identity)))
        if content.get("format_version") != FORMAT_VERSION or differing:
            reason = "; ".join(differing) or "written by another version of bpflow"
            log.warning("%s is of another training (%s) and set aside: this one starts anew", self.path, reason)
            return False
        state.load(tensors, content)
        self._is_own = True
        return True

    def remove(self) -> None:
        """Forget the state: the training has ended."""
        self.path.unlink(missing_ok=True)


def differences(found: Any, expected: Any, where: str = "") -> list[str]:
    """What differs between two JSON values, as phrases."""
    if isinstance(found, dict) and isinstance(expected, dict):
        return [
            phrase
            for key in sorted({*found, *expected})
            for phrase in differences(found.get(key), expected.get(key), f"{where}.{key}".lstrip("."))
        ]
    return [] if found == expected else [f"{where} was {found!r} and is {expected!r}"]
