"""Official Keras HDF5 files of bias, nobias and combined ChromBPNet models, read and written without Keras.

Weights are datasets below ``model_weights``; what a file's ``model_config`` says is parsed as JSON for the window
lengths and otherwise kept as text. The official combined file's configuration holds marshalled Python code (its Lambda
layer): nothing here ever runs or decodes it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import h5py
import numpy as np
import torch
from torch import Tensor

from bpflow.errors import InputError
from bpflow.formats.keras_configuration import (
    EXPECTED,
    LARGEST,
    WEIGHTS,
    Layers,
    Tree,
    check_layers,
    configured_layers,
    foreign_configuration,
    model_configuration,
    text,
    weights_tree,
)
from bpflow.formats.keras_names import (
    PARTS,
    TOWERS,
    TRUNK,
    TowerNames,
    combined_configuration,
    tower_configuration,
)
from bpflow.hdf5_files import StoredFile, opened_hdf5
from bpflow.models import BPNet, BPNetConfig, ChromBPNet, ProfileModel
from bpflow.new_hdf5 import new_hdf5

__all__ = ["KINDS", "KerasModel", "Layout", "official", "official_layout", "read_keras", "read_stored", "write_keras"]

KINDS = ("bias", "nobias", "chrombpnet")
KERAS_VERSION = "2.8.0"
DATASETS = {"weight": "kernel:0", "bias": "bias:0"}
# What our model takes for granted of every convolution.
CONVOLUTION = {"padding": "valid", "strides": [1], "data_format": "channels_last", "groups": 1, "use_bias": True}

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class Layout:
    """Where a file keeps what: all that is needed to write it again with other weights. JSON can hold it.

    Attributes
    ----------
    kind
        One of `KINDS`.
    layers
        Keras's layers in their order, each with the names of its weights.
    weights
        Place below ``model_weights`` of each parameter, by the parameter's name in our model.
    model_config
        Keras's configuration of the model; one that was read stays untouched.
    """

    kind: str
    layers: dict[str, list[str]]
    weights: dict[str, str]
    model_config: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


class KerasModel(NamedTuple):
    """A model in evaluation mode, and the layout of the file that it came from."""

    model: BPNet | ChromBPNet
    layout: Layout


def read_keras(path: Path) -> KerasModel:
    """Read a bias, nobias or combined model that the official program wrote.

    Sizes follow from the weights' shapes, window lengths from ``model_config``. Older names are accepted: ``logcounts``
    for the last layer, heads with and without the prefix of their tower.

    Raises
    ------
    InputError
        No HDF5 file, a damaged one, one of another kind, a layer that is missing or of a shape that does not fit.
    """
    with opened_hdf5(path, EXPECTED) as stored:
        return read_stored(stored, weights_tree(stored, path), path)


def read_stored(stored: StoredFile, top: Tree, path: Path) -> KerasModel:
    """Read a model as :func:`read_keras` from an open file, of whose weights `top` is the tree."""
    found = _find_towers(top, path)
    configuration = model_configuration(stored, path)
    towers = {
        part: _Tower(stored, top, kind, group, path).read(configured_layers(configuration, group, path))
        for part, (kind, group) in found.items()
    }
    places = {
        f"{part}.{name}" if part else name: place
        for part, tower in towers.items()
        for name, place in tower.places.items()
    }
    layers = _layers(stored.attributes(WEIGHTS), places)
    if "" in towers:
        return KerasModel(towers[""].model.eval(), Layout(found[""][0], layers, places, configuration))
    model = ChromBPNet(towers["accessibility"].model, towers["bias"].model)
    whole = _input_length(configured_layers(configuration, "", path), path)
    if whole != model.config.input_length:
        raise InputError(
            f"an input of {whole} bases", where=str(path), expected=f"{model.config.input_length}, as in its parts"
        )
    return KerasModel(model.eval(), Layout("chrombpnet", layers, places, configuration))


def write_keras(model: BPNet | ChromBPNet, path: Path, *, kind: str, layout: Layout | None = None) -> None:
    """Write a model as the official program lays it out; Keras 2.8 loads it.

    An official combined file joins the log counts in a Lambda layer of marshalled code, which only the version of
    Python that wrote it can load. Where `layout` carries it along from an official file it is written as it was, else
    the layer of that name is Keras's own wrapper of ``math.reduce_logsumexp``, which holds no code.
    Nothing of an optimiser is written.

    Parameters
    ----------
    model
        A model with four input channels, one profile and one count, which is all that official files have.
    path
        The ``.h5`` to write, atomically; the same model and layout give the same bytes.
    kind
        One of `KINDS`; decides the names of layers.
    layout
        That of the file to follow, of a model of the same sizes; else the official program's.

    Raises
    ------
    InputError
        The model is not of that kind, or has what official files cannot hold.
    """
    if isinstance(model, ChromBPNet) != (kind == "chrombpnet"):
        found = "a ChromBPNet" if isinstance(model, ChromBPNet) else "a model of one tower"
        raise InputError(
            f"{found} as a {kind} file", where=str(path), expected="chrombpnet for both parts, bias or nobias for one"
        )
    official(model, path)
    layout = layout or official_layout(model, kind)
    parameters = model.state_dict()
    if layout.kind != kind or set(layout.weights) != set(parameters):
        raise InputError(
            f"the layout of a {layout.kind} file with {len(layout.weights)} weights",
            where=str(path),
            expected=f"that of a {kind} file with {len(parameters)}",
        )
    with new_hdf5(path) as handle:
        # Text is Unicode here and bytes below model_weights: so Keras writes it.
        handle.attrs["backend"], handle.attrs["keras_version"] = "tensorflow", KERAS_VERSION
        handle.attrs["model_config"] = layout.model_config.encode()
        top = handle.create_group(WEIGHTS)
        top.attrs["layer_names"] = [name.encode() for name in layout.layers]
        top.attrs["backend"], top.attrs["keras_version"] = b"tensorflow", KERAS_VERSION.encode()
        for name, weights in {**layout.layers, "top_level_model_weights": []}.items():
            top.create_group(name).attrs["weight_names"] = [weight.encode() for weight in weights]
        for name, place in layout.weights.items():
            top[place] = _to_keras(parameters[name])


def official_layout(model: BPNet | ChromBPNet, kind: str) -> Layout:
    """The layout that the official program gives to a new model, without marshalled code if it is combined."""
    if isinstance(model, BPNet):
        weights = _official_weights(model, TOWERS[kind])
        layers: dict[str, list[str]] = {name: [] for name in TOWERS[kind].layers(model.config.layers)}
        for weight in weights.values():
            layers[weight.split("/")[0]].append(weight)
        places = {name: f"{weight.split('/')[0]}/{weight}" for name, weight in weights.items()}
        return Layout(kind, layers, places, tower_configuration(model.config, TOWERS[kind]))
    layers, places = {"sequence": []}, {}
    for part, tower_kind, group in PARTS:
        weights = _official_weights(getattr(model, part), TOWERS[tower_kind])
        layers[group] = list(weights.values())
        places |= {f"{part}.{name}": f"{group}/{weight}" for name, weight in weights.items()}
    layers |= {name: [] for name in ("concatenate", "logits_profile_predictions", "logcount_predictions")}
    return Layout(kind, layers, places, combined_configuration(model.config))


def official(model: ProfileModel, path: Path) -> BPNet | ChromBPNet:
    """The model, if it is one that the official program can have: a ChromBPNet, or one of its two towers."""
    if isinstance(model, BPNet):
        config = model.config
        known = config.kind == "bpnet" and config.outputs.tracks == 1 and not config.same and not config.control
    else:
        known = isinstance(model, ChromBPNet)
    if not known:
        raise InputError(
            f"a {model.config.kind} that is no part of a ChromBPNet",
            where=str(path),
            expected="a ChromBPNet or one of its towers, which is all that the official program has",
        )
    if model.config.channels != 4:
        raise InputError("a model with an N channel", where=str(path), expected="four channels, as official files have")
    return model  # type: ignore[return-value]


class _Tower:
    """One tower of an open file.

    Attributes
    ----------
    model
        The tower, once read.
    places
        Place below ``model_weights`` of each of its parameters.
    """

    model: BPNet

    def __init__(self, stored: StoredFile, top: Tree, kind: str, group: str, path: Path) -> None:
        self.names, self.group, self.path = TOWERS[kind], group, str(path)
        self.where = f"{path}, {WEIGHTS}/{group}" if group else f"{path}, {WEIGHTS}"
        inside = top[group] if group else top
        numbers = [match[2] for name in inside if (match := TRUNK.fullmatch(name))]
        # A number without all that go before it stands for a layer that is missing.
        self.layers = max(len([number for number in numbers if number != "1st_"]), 1)
        modules: dict[str, tuple[str, ...]] = {"tower.stem": (self.names.stem,)}
        modules |= {f"tower.dilated.{i}": (self.names.dilated(i + 1),) for i in range(self.layers)}
        modules["profile"] = _spellings(self.names, "prof_out_precrop")
        modules["counts"] = (*_spellings(self.names, "logcount_predictions"), *_spellings(self.names, "logcounts"))
        self.places: dict[str, str] = {}
        for module, spellings in modules.items():
            place = self._locate(inside, spellings)
            for name, dataset in DATASETS.items():
                self.places[f"{module}.{name}"] = "/".join(part for part in (group, place, dataset) if part)
        datasets = {name: self._dataset(top, place) for name, place in self.places.items()}
        if sum(dataset.nbytes for dataset in datasets.values()) > LARGEST:
            raise InputError(f"weights of more than {LARGEST} bytes", where=self.where, expected="an official model")
        self.arrays = {name: stored.read(dataset).astype(np.float32) for name, dataset in datasets.items()}

    def read(self, configured: Layers) -> _Tower:
        """Make the model; `configured` are the tower's layers in Keras's configuration."""
        config = self._config(configured)
        self.model = BPNet(config)
        for name, parameter in self.model.named_parameters():
            expected, found = tuple(reversed(parameter.shape)), self.arrays[name].shape
            if found != expected:
                raise self._wrong_shape(name, f"{expected}, which fits the other layers")
        check_layers(configured, self._expected_layers(), self.path, assumed=CONVOLUTION)
        self.model.load_state_dict({name: _from_keras(array) for name, array in self.arrays.items()})
        return self

    def _locate(self, inside: Tree, spellings: Sequence[str]) -> str:
        """Where a layer's datasets are: below its name twice in a model, once in a model within a model."""
        for name in spellings:
            for place in (f"{name}/{name}", name):
                if all(_at(inside, f"{place}/{dataset}") is not None for dataset in DATASETS.values()):
                    return place
        raise InputError(
            f"no layer {spellings[0]} with a kernel and a bias",
            where=self.where,
            expected="all layers of an official model",
            mend="Copy or download the file again",
        )

    def _dataset(self, top: Tree, place: str) -> h5py.Dataset:
        dataset = _at(top, place)
        if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind != "f":
            raise InputError(f"{place} holds no floating-point numbers", where=self.where, expected="weights")
        return dataset

    def _wrong_shape(self, name: str, expected: str) -> InputError:
        return InputError(
            f"{self.places[name]} is of shape {self.arrays[name].shape}", where=self.path, expected=expected
        )

    def _config(self, configured: Layers) -> BPNetConfig:
        kernels = {name: f"{name}.weight" for name in ("tower.stem", "tower.dilated.0", "profile")}
        for name, weight in kernels.items():
            channels = "4" if name == "tower.stem" else "filters"
            shape = self.arrays[weight].shape
            if len(shape) != 3 or (name == "tower.stem" and shape[1] != 4):
                raise self._wrong_shape(weight, f"(width, {channels}, filters)")
        first, dilated, profile = (self.arrays[weight].shape[0] for weight in kernels.values())
        lost = (first - 1) + (dilated - 1) * (2 ** (self.layers + 1) - 2) + (profile - 1)
        input_length, cropped = self._lengths(configured)
        return BPNetConfig(
            input_length=input_length,
            output_length=input_length - lost - cropped,
            filters=self.arrays[kernels["tower.stem"]].shape[2],
            layers=self.layers,
            first_kernel=first,
            dilated_kernel=dilated,
            profile_kernel=profile,
        )

    def _lengths(self, configured: Layers) -> tuple[int, int]:
        """Input length, and bases that are cropped from the profile."""
        try:
            names = [layer["config"]["name"] for layer in configured]
            if len(set(names)) < len(names):
                raise ValueError("a layer comes twice")
            profile = next(name for name in _spellings(self.names, "prof_out_precrop") if name in names)
            ((left, right),) = (
                layer["config"]["cropping"]
                for layer in configured
                if layer["class_name"] == "Cropping1D" and layer["inbound_nodes"][0][0][0] == profile
            )
            cropped = left + right
        except (LookupError, StopIteration, TypeError, ValueError, AttributeError) as error:
            raise foreign_configuration(self.path, error) from None
        if left != right:
            raise InputError(
                f"the profile is cropped by [{left}, {right}]", where=self.path, expected="the same on both sides"
            )
        return _input_length(configured, self.path), cropped

    def _expected_layers(self) -> dict[str, dict[str, Any]]:
        """What Keras's configuration is to say of each layer."""
        keras_names = {name: place.split("/")[-2] for name, place in self.places.items() if name.endswith("weight")}
        layers: dict[str, dict[str, Any]] = {
            keras_names.pop("counts.weight"): {"class": "Dense", "units": 1, "activation": "linear", "use_bias": True},
        }
        for layer in range(1, self.layers + 1):
            margin = (self.model.config.dilated_kernel - 1) // 2 * 2**layer
            layers[self.names.cropped(layer)] = {"class": "Cropping1D", "cropping": [margin, margin]}
        dilations = {f"tower.dilated.{layer - 1}.weight": 2**layer for layer in range(1, self.layers + 1)}
        for name, keras_name in keras_names.items():
            layers[keras_name] = {
                **CONVOLUTION,
                "class": "Conv1D",
                "kernel_size": [self.arrays[name].shape[0]],
                "filters": self.arrays[name].shape[2],
                "dilation_rate": [dilations.get(name, 1)],
                "activation": "linear" if name == "profile.weight" else "relu",
            }
        return layers


def _at(tree: Tree, place: str) -> Any:
    """What lies at a place of a tree, or None."""
    item: Any = tree
    for part in place.split("/"):
        item = item.get(part) if isinstance(item, Mapping) else None
    return item


def _prefixes(group: Any) -> set[str]:
    if not isinstance(group, Mapping):
        return set()
    return {match[1] for name in group if (match := TRUNK.fullmatch(name))}


def _find_towers(top: Tree, path: Path) -> dict[str, tuple[str, str]]:
    """Kind and group of each tower, by its name in our model; the name is empty for a model of one tower."""
    kinds = {names.prefix: kind for kind, names in TOWERS.items()}
    own = _prefixes(top)
    if len(own) == 1:
        return {"": (kinds[own.pop()], "")}
    nested = {kinds[prefix]: name for name in top for prefix in _prefixes(top[name])}
    if not own and nested:
        for part, kind, _ in PARTS:
            if kind not in nested:
                raise InputError(f"no {part} model among {', '.join(top)}", where=str(path), expected="both parts")
        return {part: (kind, nested[kind]) for part, kind, _ in PARTS}
    raise InputError(
        f"a model with the layers {', '.join(list(top)[:4]) or 'none'}",
        where=str(path),
        expected="a bias, nobias or combined model of the official chrombpnet (bpnet_1st_conv and so on)",
    )


def _input_length(configured: Layers, path: Path) -> int:
    """Bases that a model or a tower reads, by Keras's configuration of its layers."""
    try:
        (shape,) = (layer["config"]["batch_input_shape"] for layer in configured if layer["class_name"] == "InputLayer")
    except (LookupError, TypeError, ValueError) as error:
        raise foreign_configuration(path, error) from None
    if not (isinstance(shape, list) and len(shape) == 3 and type(shape[1]) is int and shape[::2] == [None, 4]):
        raise InputError(f"an input of shape {shape}", where=str(path), expected="a fixed length of four channels")
    return shape[1]


def _spellings(names: TowerNames, head: str) -> tuple[str, ...]:
    """Names that a layer of the heads has had, the usual one first."""
    prefixes = (names.heads, f"{names.prefix}bpnet_", names.prefix, "")
    return tuple(dict.fromkeys(f"{prefix}{head}" for prefix in prefixes))


def _layers(attributes: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, list[str]]:
    """Layers in Keras's order, with the names of their weights."""
    weights: dict[str, list[str]] = {}
    for place in places.values():
        layer, name = place.split("/", 1)
        weights.setdefault(layer, []).append(name)
    order = [text(name) for name in np.ravel(attributes.get("layer_names", []))]
    return {name: weights.get(name, []) for name in dict.fromkeys([*order, *weights])}


def _official_weights(model: BPNet, names: TowerNames) -> dict[str, str]:
    """Keras's name of each parameter, in Keras's order."""
    modules = {"tower.stem": names.stem}
    modules |= {f"tower.dilated.{i}": names.dilated(i + 1) for i in range(model.config.layers)}
    modules |= {"profile": names.head("prof_out_precrop"), "counts": names.head("logcount_predictions")}
    return {f"{module}.{own}": f"{layer}/{its}" for module, layer in modules.items() for own, its in DATASETS.items()}


def _from_keras(array: np.ndarray) -> Tensor:
    """Kernels (k, in, out) to (out, in, k), a Dense layer's (in, out) to (out, in): axes in reverse order."""
    return torch.from_numpy(np.ascontiguousarray(array.T))


def _to_keras(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().cpu().float().numpy().T)
