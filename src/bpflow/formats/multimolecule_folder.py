"""The two files of a MultiMolecule folder: ``config.json`` and ``model.safetensors``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from bpflow.errors import InputError
from bpflow.files import atomic_path, existing, read_json, write_json

__all__ = ["CONFIG", "WEIGHTS", "read_config", "read_weights", "write_folder"]

CONFIG, WEIGHTS = "config.json", "model.safetensors"
# MultiMolecule may save a model in half precision; the integers are counters.
TYPES = ("F32", "F16", "BF16", "I64")

Shapes = Mapping[str, tuple[int, ...]]


def read_config(folder: str | os.PathLike[str]) -> Mapping[str, Any]:
    """What a folder says of its model."""
    path = Path(folder) / CONFIG
    config = read_json(path, f"the {CONFIG} of a MultiMolecule model")
    if not isinstance(config, dict):
        raise InputError("not the configuration of a model", where=str(path), expected="one of MultiMolecule")
    return config


def read_weights(folder: str | os.PathLike[str], shapes: Shapes) -> dict[str, Tensor]:
    """Read exactly the weights of these names and shapes, as float32; the outermost ``model.`` may be left out.

    Raises
    ------
    InputError
        No safetensors file, or one that lacks a weight, has one more, or one of another shape or type. Nothing is
        loaded before all is checked.
    """
    path = Path(folder) / WEIGHTS
    existing(path, f"the {WEIGHTS} of a MultiMolecule model")
    try:
        with safetensors.safe_open(str(path), framework="pt") as handle:
            stored = set(handle.keys())
            names = {name: name if name in stored else name.removeprefix("model.") for name in shapes}
            _check_names(stored, names, path)
            for name, place in names.items():
                _check_slice(name, handle.get_slice(place), shapes[name], path)
            return {name: handle.get_tensor(place).float() for name, place in names.items()}
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(
            f"not a safetensors file, or a damaged one ({error})", where=str(path), mend="Copy or download it again"
        ) from None


def write_folder(folder: str | os.PathLike[str], config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write both files, each atomically; the folder is made if it is not there."""
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError("a file", where=str(folder), expected=f"a folder, to hold {CONFIG} and {WEIGHTS}")
    content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(folder / WEIGHTS) as temporary:
        # Without the format that the tensors are of, transformers takes no file.
        temporary.write_bytes(safetensors.torch.save(content, metadata={"format": "pt"}))
    write_json(folder / CONFIG, dict(sorted(config.items())))


def _check_names(stored: set[str], names: Mapping[str, str], path: Path) -> None:
    missing = next((name for name, place in names.items() if place not in stored), None)
    if missing:
        raise InputError(f"no weight {missing}", where=str(path), expected=f"all that {CONFIG} speaks of")
    more = sorted(stored - set(names.values()))
    if more:
        raise InputError(f"the weight {more[0]}", where=str(path), expected=f"only those that {CONFIG} speaks of")


def _check_slice(name: str, stored: Any, expected: tuple[int, ...], path: Path) -> None:
    found = tuple(stored.get_shape())
    if found != expected:
        raise InputError(f"the weight {name} is of shape {found}", where=str(path), expected=f"{expected} by {CONFIG}")
    if stored.get_dtype() not in TYPES:
        raise InputError(
            f"the weight {name} is of the type {stored.get_dtype()}", where=str(path), expected=" or ".join(TYPES)
        )
