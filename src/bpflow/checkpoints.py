"""Model files: weights in safetensors, everything else as JSON in its metadata. No pickles, no time stamps.

Models of other programs are loaded as well: see :mod:`bpflow.formats`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch

from bpflow import __version__
from bpflow.errors import InputError
from bpflow.files import DAMAGED, atomic_path, existing, parse_json, sha256
from bpflow.formats.multimolecule import WEIGHTS
from bpflow.formats.originals import Original, read_original
from bpflow.models import ProfileModel, build

__all__ = ["FORMAT_VERSION", "Loaded", "load_model", "model_digest", "read_metadata", "save_model"]

FORMAT_VERSION = 1
# The only key: the library writes several in random order, and then equal models would differ in bytes.
KEY = "bpflow"
# Types of a model's tensors, and what safetensors calls them; the integers are counters.
STORED_AS = {torch.float32: "F32", torch.int64: "I64"}


class Loaded(NamedTuple):
    """A model in evaluation mode on the CPU, and what its file says of it."""

    model: ProfileModel
    metadata: dict[str, Any]


def save_model(model: ProfileModel, path: str | os.PathLike[str], *, metadata: dict[str, Any]) -> None:
    """Write a model; the same weights and metadata give the same bytes.

    Parameters
    ----------
    model
        A model with a ``config``.
    path
        The ``.safetensors`` to write, atomically.
    metadata
        What to remember beside the architecture: history, recipe, seed, digests of the inputs. No paths, no times.
    """
    content = {
        **metadata,
        "format_version": FORMAT_VERSION,
        "version": __version__,
        "architecture": model.config.model_dump(),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    text = json.dumps(content, sort_keys=True, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(tensors, metadata={KEY: text}))


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what a model file says of itself, without its weights."""
    existing(path, "a model written by bpflow (.safetensors)")
    try:
        with safetensors.safe_open(str(path), framework="pt") as handle:
            text = (handle.metadata() or {}).get(KEY)
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(
            f"not a safetensors file, or a damaged one ({error})",
            where=str(path),
            expected="a model written by 'bpflow train'",
            mend=DAMAGED,
        ) from None
    try:
        metadata = parse_json(text or "")
        version = metadata["format_version"]
        known = isinstance(metadata["architecture"], dict) and type(version) is int
    except (ValueError, TypeError, KeyError):
        known = False
    if not known:
        raise InputError(
            "a safetensors file without bpflow's metadata", where=str(path), expected="a model of 'bpflow train'"
        ) from None
    if version > FORMAT_VERSION:
        raise InputError(
            f"format version {version}",
            where=str(path),
            expected=f"{FORMAT_VERSION} or older",
            mend=f"Use bpflow {metadata.get('version', 'of a newer version')}",
        )
    return metadata


def load_model(path: str | os.PathLike[str]) -> Loaded:
    """Load a model: a file of bpflow, or one of another program, told by what it holds.

    Those are MultiMolecule folders, ``.h5`` files of the official chrombpnet and of BPNet, and the weights of a
    ProCapNet that PyTorch saved. Of an official file the metadata keep the layout, so that it can be written again
    as it was.

    Raises
    ------
    InputError
        Not a model, of a newer format, or with weights that do not fit its architecture.
    """
    path = Path(path)
    original = read_original(path)
    if original:
        model, metadata = original.model, _foreign_metadata(original)
    else:
        model, metadata = _load_own(path)
    if not all(torch.isfinite(tensor).all() for tensor in model.state_dict().values()):
        raise InputError("weights that are not finite numbers", where=str(path), mend="Train the model again")
    return Loaded(model, metadata)


def model_digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a model file; of a MultiMolecule folder, that of its weights."""
    path = Path(path)
    return sha256(path / WEIGHTS if path.is_dir() else path)


def _foreign_metadata(original: Original) -> dict[str, Any]:
    return {
        **original.origin,
        "format_version": FORMAT_VERSION,
        "version": __version__,
        "architecture": original.model.config.model_dump(),
    }


def _load_own(path: Path) -> Loaded:
    metadata = read_metadata(path)
    # Sizes are compared before any memory is taken.
    with torch.device("meta"):
        wanted = build(metadata["architecture"]).state_dict()
    expected = {name: tuple(tensor.shape) for name, tensor in wanted.items()}
    with safetensors.safe_open(str(path), framework="pt") as handle:
        stored = {name: handle.get_slice(name) for name in handle.keys()}  # noqa: SIM118  (it has no iterator)
        found = {name: tuple(part.get_shape()) for name, part in stored.items()}
        types = {name: part.get_dtype() for name, part in stored.items()}
    if expected != found:
        name = next(name for name in sorted({*expected, *found}) if expected.get(name) != found.get(name))
        raise InputError(
            f"the weight {name} is {found.get(name, 'absent')}",
            where=str(path),
            expected=f"{expected.get(name, 'no such weight')}",
            mend="The file was changed after it was written: train or download it again",
        )
    if wrong := next((name for name, tensor in wanted.items() if types[name] != STORED_AS[tensor.dtype]), None):
        raise InputError(
            f"the weight {wrong} is of the type {types[wrong]}",
            where=str(path),
            expected=STORED_AS[wanted[wrong].dtype],
        )
    model = build(metadata["architecture"])
    model.load_state_dict(safetensors.torch.load_file(path))
    return Loaded(model.eval(), metadata)
