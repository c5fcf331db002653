"""What a training is made of, whatever the model."""

from __future__ import annotations

from typing import NamedTuple

from bpflow.datasets import Epoch, Examples, Windows
from bpflow.models import ProfileModel
from bpflow.training import Recipe

__all__ = ["Prepared"]


class Prepared(NamedTuple):
    """A model with its first weights, and the arguments of :func:`bpflow.training.fit` that go with it."""

    model: ProfileModel
    recipe: Recipe
    windows: Windows
    training: Examples
    validation: Epoch
