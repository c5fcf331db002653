"""MultiMolecule folders of ChromBPNet: ``config.json`` and ``model.safetensors``, with input channels A C G T N."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from bpflow.errors import InputError
from bpflow.files import existing, read_json
from bpflow.models import BPNet, BPNetConfig, ChromBPNet

__all__ = ["CONFIG", "WEIGHTS", "read_multimolecule"]

CONFIG, WEIGHTS = "config.json", "model.safetensors"
PARTS = ("accessibility", "bias")
# Our names of modules by theirs, below "accessibility." and "bias.".
MODULES = (
    (re.compile(r"stem\.conv"), "tower.stem"),
    (re.compile(r"layer\.(\d+)\.conv"), r"tower.dilated.\1"),
    (re.compile(r"profile\.0"), "profile"),
    (re.compile(r"count\.0"), "counts"),
)
# What our model takes for granted.
FIXED = {"model_type": "chrombpnet", "vocab_size": 5, "num_tasks": 1, "num_strands": 1, "hidden_act": "relu"}


def read_multimolecule(folder: str | os.PathLike[str]) -> ChromBPNet:
    """Read a ChromBPNet, in evaluation mode, with the N channel that it was trained with.

    Raises
    ------
    InputError
        Another architecture, a weight that is missing or of a shape that does not fit, a damaged file.
    """
    folder = Path(folder)
    config = _read_config(folder / CONFIG)
    model = ChromBPNet(*(BPNet(_tower_config(config, part, folder / CONFIG)) for part in PARTS))
    tensors = _read_weights(folder / WEIGHTS)
    for name, parameter in model.state_dict().items():
        if name not in tensors:
            raise InputError(
                f"no weight for {name}", where=str(folder / WEIGHTS), expected=f"all that {CONFIG} speaks of"
            )
        if tensors[name].shape != parameter.shape:
            raise InputError(
                f"the weight for {name} is of shape {tuple(tensors[name].shape)}",
                where=str(folder / WEIGHTS),
                expected=f"{tuple(parameter.shape)} by {CONFIG}",
            )
    model.load_state_dict({name: tensors[name] for name in model.state_dict()})
    return model.eval()


def _read_config(path: Path) -> Mapping[str, Any]:
    config = read_json(path, f"the {CONFIG} of a MultiMolecule model")
    if not isinstance(config, dict):
        raise InputError("not the configuration of a model", where=str(path), expected="one of MultiMolecule")
    for key, value in FIXED.items():
        if config.get(key) != value:
            raise InputError(f"{key} is {config.get(key)!r}", where=str(path), expected=f"{value!r}, a ChromBPNet's")
    return config


def _tower_config(config: Mapping[str, Any], part: str, path: Path) -> BPNetConfig:
    prefix = "bias_" if part == "bias" else ""
    keys = {
        "input_length": "sequence_length",
        "output_length": "profile_length",
        "filters": f"{prefix}hidden_size",
        "layers": f"{prefix}num_dilated_layers",
        "first_kernel": "stem_kernel_size",
        "dilated_kernel": "dilated_kernel_size",
        "profile_kernel": "profile_kernel_size",
    }
    missing = next((key for key in keys.values() if key not in config), None)
    if missing:
        raise InputError(f"no key {missing}", where=str(path), expected="the sizes of a MultiMolecule ChromBPNet")
    return BPNetConfig(**{ours: config[theirs] for ours, theirs in keys.items()}, n_channel=True)


def _read_weights(path: Path) -> dict[str, Tensor]:
    existing(path, f"the {WEIGHTS} of a MultiMolecule model")
    try:
        tensors = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(
            f"not a safetensors file, or a damaged one ({error})", where=str(path), mend="Copy or download it again"
        ) from None
    return {_our_name(name): tensor.float() for name, tensor in tensors.items()}


def _our_name(name: str) -> str:
    part, _, rest = name.removeprefix("model.").partition(".")
    module, _, weight = rest.rpartition(".")
    for pattern, ours in MODULES:
        if pattern.fullmatch(module):
            return f"{part}.{pattern.sub(ours, module)}.{weight}"
    return name
