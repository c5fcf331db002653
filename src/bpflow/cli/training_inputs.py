"""What a training is made of, whatever the model."""

from __future__ import annotations

from typing import Any, NamedTuple

from bpflow.bin_datasets import BinEpoch, BinTrainingSet
from bpflow.bin_file import Bins
from bpflow.bin_training import BinBatches, BinObjective, constant_loss
from bpflow.datasets import Epoch, Examples, Windows
from bpflow.models import ProfileModel
from bpflow.training import Fitted, Recipe, fit, fit_to, seconds_per_example

__all__ = ["Prepared", "PreparedBins"]


class Prepared(NamedTuple):
    """A model with its first weights, and the arguments of :func:`bpflow.training.fit` that go with it."""

    model: ProfileModel
    recipe: Recipe
    windows: Windows
    training: Examples
    validation: Epoch

    def fit(self, **options: Any) -> Fitted:
        """Train; options as of :func:`bpflow.training.fit`."""
        return fit(self.model, self.windows, self.training, self.validation, self.recipe, **options)

    def seconds_per_example(self, **options: Any) -> float:
        """Time a step; options as of :func:`bpflow.training.seconds_per_example`."""
        return seconds_per_example(self.model, **options)

    @property
    def metadata(self) -> dict[str, Any]:
        """What the model's file is to say besides."""
        return {}


class PreparedBins(NamedTuple):
    """A model of bins with its first weights, and what it is trained on."""

    model: ProfileModel
    recipe: Recipe
    bins: Bins
    training: BinTrainingSet
    validation: BinEpoch

    def fit(self, *, device: Any, **options: Any) -> Fitted:
        """Train; options as of :func:`bpflow.training.fit_to`."""
        flat = constant_loss(self.bins, self.validation.rows)
        return fit_to(
            BinObjective(len(self.bins.identifiers), device),
            self.model,
            BinBatches(self.bins, device),
            self.training,
            self.validation,
            self.recipe,
            flat=flat,
            device=device,
            **options,
        )

    def seconds_per_example(self, *, device: Any, **options: Any) -> float:
        """Time a step; options as of :func:`bpflow.training.seconds_per_example`."""
        tracks = len(self.bins.identifiers)
        shape, objective = (tracks, self.bins.layout.bins), BinObjective(tracks, device)
        return seconds_per_example(self.model, device=device, objective=objective, shape=shape, **options)

    @property
    def metadata(self) -> dict[str, Any]:
        """Names of the tracks, and the number of each one's other strand."""
        bins = self.bins
        return {
            "targets": {
                "identifiers": bins.identifiers,
                "descriptions": bins.descriptions,
                "partners": bins.partners.tolist(),
            }
        }
