"""What all profile models have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from torch import nn

from bpflow.errors import InputError

__all__ = ["Configuration", "ProfileModel"]


class Configuration(BaseModel):
    """A model's sizes; wrong ones raise :class:`bpflow.errors.InputError`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"]) or type(self).__name__
            raise InputError(f"{first['msg']} (found {first['input']!r})", where=f"model setting {key}") from None


class ProfileModel(nn.Module):
    """A model that predicts an :class:`bpflow.models.outputs.Output` from one-hot sequence.

    Attributes
    ----------
    config
        Its sizes: a :class:`Configuration` with ``kind``, ``channels``, ``input_length``, ``output_length`` and
        ``gigaflops``. The input is (N, channels, input_length).
    """

    config: Any
