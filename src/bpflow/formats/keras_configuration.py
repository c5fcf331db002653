"""What a Keras file says of itself: its groups of weights, and its model's layers as JSON. Nothing else is read."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping, Sequence
from typing import Any

from bpflow.errors import InputError
from bpflow.files import parse_json
from bpflow.hdf5_files import StoredFile

__all__ = [
    "EXPECTED",
    "LARGEST",
    "WEIGHTS",
    "Layers",
    "Tree",
    "check_layers",
    "configured_layers",
    "foreign_configuration",
    "model_configuration",
    "text",
    "weights_tree",
]

WEIGHTS = "model_weights"
EXPECTED = "a model saved by Keras (.h5)"
# Bytes of all weights together; a ChromBPNet of 512 filters has 26 million.
LARGEST = 1 << 30

Path = str | os.PathLike[str]
# What lies in a group, by name: datasets, and groups as trees.
Tree = Mapping[str, Any]
Layers = Sequence[Mapping[str, Any]]


def weights_tree(stored: StoredFile, path: Path) -> Tree:
    """All that lies below ``model_weights``."""
    if WEIGHTS not in stored:
        raise InputError(
            f"an HDF5 file without the group {WEIGHTS}", where=str(path), expected="a model saved by Keras"
        )
    return stored.tree(WEIGHTS)


def model_configuration(stored: StoredFile, path: Path) -> str:
    """The text of ``model_config``."""
    attributes = stored.attributes()
    if "model_config" not in attributes:
        raise InputError(
            "no model_config, so that the window lengths are unknown",
            where=str(path),
            expected="a whole model as Keras saves it, not its weights alone",
        )
    return text(attributes["model_config"])


def configured_layers(configuration: str, group: str, path: Path) -> Layers:
    """The layers of a model, or of the model within it that is called `group`."""
    try:
        layers = parse_json(configuration)["config"]["layers"]
        if not group:
            return layers
        return next(layer["config"]["layers"] for layer in layers if layer["config"]["name"] == group)
    except (ValueError, TypeError, LookupError, StopIteration) as error:
        raise foreign_configuration(path, error) from None


def check_layers(
    configured: Layers, expected: Mapping[str, Mapping[str, Any]], path: Path, *, assumed: Container[str]
) -> None:
    """Stop where a layer does something else than our model does.

    Parameters
    ----------
    configured
        The layers.
    expected
        Options by the layer's name, with its ``class``.
    path
        The file.
    assumed
        Options that a configuration may leave out.
    """
    given = {layer["config"]["name"]: {**layer["config"], "class": layer["class_name"]} for layer in configured}
    for name, options in expected.items():
        if name not in given:
            raise InputError(f"no layer {name} in model_config", where=str(path), expected="all layers")
        for key, value in options.items():
            found = given[name].get(key, value if key in assumed else None)
            if found != value:
                raise InputError(f"{key} {found!r} in {name}", where=str(path), expected=f"{value!r}")


def foreign_configuration(path: Path, error: Exception) -> InputError:
    """What is said of a configuration of another form."""
    return InputError(
        f"its model_config does not fit its weights ({type(error).__name__}: {error})",
        where=str(path),
        expected="that of a model of the official chrombpnet, or of a BPNet",
    )


def text(value: Any) -> str:
    """Text that HDF5 holds as bytes or as text."""
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)
