"""A user's own architecture, which trains, predicts and is judged as the ones that are known here.

Its code is a class in a file that the user names, by ``BPFLOW_ARCHITECTURE=FILE:CLASS`` in the environment. A model
file names the class too, but no code is run for what a file says.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from bpflow.errors import InputError
from bpflow.models.base import Configuration, ProfileModel
from bpflow.models.outputs import Length, Output, Outputs, Tasks

__all__ = ["VARIABLE", "Own", "OwnConfig"]

VARIABLE = "BPFLOW_ARCHITECTURE"
WHERE = f"{VARIABLE} or --architecture"


class OwnConfig(Configuration):
    """What is asked of an architecture.

    Attributes
    ----------
    architecture
        Name of the class, to be told what a file is of.
    input_length, output_length, tasks, strands, shared_strands
        As of :class:`bpflow.models.BPNetConfig`.
    """

    kind: Literal["own"] = "own"
    architecture: str = ""
    input_length: Length = 2114
    output_length: Length = 1000
    tasks: Tasks = ("",)
    strands: Literal[1, 2] = 1
    shared_strands: bool = True

    @property
    def channels(self) -> int:
        """Channels of the input, A C G T."""
        return 4

    @property
    def outputs(self) -> Outputs:
        """What is predicted, and how it is laid out."""
        return Outputs(self.tasks, self.strands, self.shared_strands, self.output_length)

    @property
    def gigaflops(self) -> float:
        """Not known: 0."""
        return 0.0


class Own(ProfileModel):
    """A network of the user's class, called with the configuration.

    It is a module whose ``forward`` takes one-hot sequences (N, 4, input_length) and gives profile logits
    (N, tracks, output_length) and log counts (N, groups), see :class:`bpflow.models.outputs.Outputs`.

    Parameters
    ----------
    config
        What is asked of it.
    generator
        Its seed decides the first weights.

    Raises
    ------
    InputError
        No class is named, or it is not to be had, is no module, or another than the configuration's.
    """

    def __init__(self, config: OwnConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        name, made = _named_class(os.environ.get(VARIABLE, ""), config)
        self.config = config.model_copy(update={"architecture": name})
        with torch.random.fork_rng(devices=[]):
            if generator is not None:
                torch.manual_seed(generator.initial_seed())
            network = made(self.config)
        if not isinstance(network, nn.Module):
            raise InputError(f"{name} makes a {type(network).__name__}", where=WHERE, expected="a torch.nn.Module")
        self.network = network

    def forward(self, one_hot: Tensor) -> Output:
        """Predict from (N, 4, input_length)."""
        logits, log_counts = self.network(one_hot)
        outputs = self.config.outputs
        shapes = (len(one_hot), outputs.tracks, outputs.length), (len(one_hot), outputs.groups)
        if (tuple(logits.shape), tuple(log_counts.shape)) != shapes:
            raise InputError(
                f"{self.config.architecture} gives {tuple(logits.shape)} and {tuple(log_counts.shape)}",
                where=WHERE,
                expected=f"profile logits {shapes[0]} and log counts {shapes[1]}",
            )
        return outputs.laid_out(logits.float(), log_counts.float())


def _named_class(text: str, config: OwnConfig) -> tuple[str, Any]:
    path, _, name = text.rpartition(":")
    if not path or not name:
        raise InputError(
            f"a model of an architecture of its own{f', {config.architecture}' if config.architecture else ''}",
            where=WHERE,
            expected="the file and class of its code",
            mend=f"Set {VARIABLE}=FILE:CLASS; code is run for no other reason",
        )
    if config.architecture not in ("", name):
        raise InputError(f"the class {name}", where=WHERE, expected=f"{config.architecture}, which the model is of")
    if not Path(path).is_file():
        raise InputError("no such file", where=path, expected="Python code with the class of a model")
    spec = importlib.util.spec_from_file_location("bpflow_own_architecture", path)
    if spec is None or spec.loader is None:
        raise InputError("no Python code", where=path, expected="a file whose name ends in .py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, name):
        raise InputError(f"no class {name}", where=path, expected="the class that is named after the colon")
    return name, getattr(module, name)
