"""The first BPNet's own files (Avsec et al. 2021): Keras models of one or more tasks, with or without a control."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import h5py
import numpy as np
import torch
from torch import Tensor

from bpflow.errors import InputError
from bpflow.formats.keras_configuration import (
    LARGEST,
    Layers,
    Tree,
    check_layers,
    configured_layers,
    foreign_configuration,
    model_configuration,
)
from bpflow.formats.task_names import usual_task_names
from bpflow.hdf5_files import StoredFile
from bpflow.models import BPNet, BPNetConfig

__all__ = ["is_bpnet", "read_stored"]

# Layers that hold weights; Keras numbers those of a class in the order in which they were made.
LAYER = re.compile(r"(conv1d|conv2d_transpose|separable_conv1d|dense)(?:_(\d+))?")
KERNEL, INTERCEPT = "kernel:0", "bias:0"
# The moving sum of the control: what it is over, and what its two frozen kernels are made of.
BOX = 50
BOX_KERNELS = {"depthwise_kernel:0": (BOX, 2, 1), "pointwise_kernel:0": (1, 2, 1)}
# Older versions of Keras have no groups.
ASSUMED = ("groups",)
# Lambda layers only give outputs their names; the code in them is never read.
WITHOUT_WEIGHTS = ("InputLayer", "Add", "Concatenate", "GlobalAveragePooling1D", "Lambda", "Reshape")
PLAIN = {"padding": "same", "data_format": "channels_last", "groups": 1}

log = logging.getLogger("bpflow")

Path = str | os.PathLike[str]
# Weights of a layer by their names.
Weights = Mapping[str, np.ndarray]


class Found(NamedTuple):
    """Layers by what they are for, each with its weights, in the order in which they were made."""

    trunk: dict[str, Weights]
    profiles: dict[str, Weights]
    counts: dict[str, Weights]
    control_profiles: dict[str, Weights]
    control_counts: dict[str, Weights]
    boxes: dict[str, Weights]


def is_bpnet(top: Tree) -> bool:
    """Whether these are the weights of a BPNet: only it ends in transposed convolutions."""
    return any(name.startswith("conv2d_transpose") for name in top)


def read_stored(stored: StoredFile, top: Tree, path: Path) -> BPNet:
    """Read a BPNet, in evaluation mode, from an open file, of whose weights `top` is the tree.

    Transposed convolutions become convolutions, all tasks' in one. A kernel of even width, as for ChIP-seq, gets a tap
    of zero at its end. A control whose weights do not fit ours, as where it was smoothed before it was given to the
    model, is left out with a warning: the model then predicts what it does for a control of zeros.

    Raises
    ------
    InputError
        A layer that is missing, not known, or does something else than our model; weights of a shape that does not fit.
    """
    found = _find(stored, top, path)
    layers = configured_layers(model_configuration(stored, path), "", path)
    try:
        control = _control(found, path)
        config = _config(found, layers, control is not None, path)
        check_layers(layers, _expected(found, config), path, assumed=ASSUMED)
        _check_others(found, layers, path)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise foreign_configuration(path, error) from None
    return _build(found, config, control or {}, path)


def _find(stored: StoredFile, top: Tree, path: Path) -> Found:
    layers: dict[tuple[str, int], tuple[str, dict[str, np.ndarray]]] = {}
    size = 0
    for place, dataset in _datasets(top):
        layer, name = place[0], place[-1]
        match = LAYER.fullmatch(layer)
        if not match:
            raise InputError(f"the layer {layer}, which has weights", where=str(path), expected="those of a BPNet")
        size += dataset.nbytes
        if dataset.dtype.kind != "f" or size > LARGEST:
            raise InputError(
                f"{'/'.join(place)} of the type {dataset.dtype}, {size} bytes with those before",
                where=str(path),
                expected=f"floating-point numbers, at most {LARGEST} bytes in all",
            )
        number = match[1], int(match[2] or 0)
        layers.setdefault(number, (layer, {}))[1][name] = stored.read(dataset).astype(np.float32)
    ordered = [(kind, name, weights) for (kind, _), (name, weights) in sorted(layers.items())]

    def those(kind: str, *names: str) -> dict[str, Weights]:
        return {name: weights for found, name, weights in ordered if found == kind and set(weights) == set(names)}

    found = Found(
        trunk=those("conv1d", KERNEL, INTERCEPT),
        profiles=those("conv2d_transpose", KERNEL, INTERCEPT),
        counts=those("dense", KERNEL, INTERCEPT),
        control_profiles=those("conv1d", KERNEL),
        control_counts=those("dense", KERNEL),
        boxes=those("separable_conv1d", *BOX_KERNELS),
    )
    left = {name for _, name, _ in ordered} - {name for layers in found for name in layers}
    if left:
        raise InputError(f"the layer {min(left)} of other weights", where=str(path), expected="a kernel and a bias")
    tasks = len(found.profiles)
    if len(found.trunk) < 2 or len(found.counts) != tasks:
        raise InputError(
            f"{len(found.trunk)} convolutions, {tasks} profiles and {len(found.counts)} counts",
            where=str(path),
            expected="a BPNet's: two convolutions or more, and as many counts as profiles",
        )
    for control in found[3:]:
        if len(control) not in (0, tasks):
            raise InputError(f"{len(control)} layers of a control", where=str(path), expected=f"one a task, {tasks}")
    return found


def _datasets(tree: Tree, above: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], h5py.Dataset]]:
    """All datasets of a tree, with the names on the way to them."""
    found = []
    for name, item in tree.items():
        place = (*above, name)
        found += _datasets(item, place) if isinstance(item, Mapping) else [(place, item)]
    return found


def _config(found: Found, layers: Layers, control: bool, path: Path) -> BPNetConfig:
    stem, dilated = list(found.trunk.values())[:2]
    kernels = {"stem": stem[KERNEL], "dilated": dilated[KERNEL], "profile": next(iter(found.profiles.values()))[KERNEL]}
    for name, dimensions in (("stem", 3), ("dilated", 3), ("profile", 4)):
        if kernels[name].ndim != dimensions:
            raise InputError(
                f"a {name} kernel of shape {kernels[name].shape}", where=str(path), expected=f"{dimensions} dimensions"
            )
    width, _, strands, _ = kernels["profile"].shape
    length = _input_length(next(iter(found.trunk)), layers, path)
    return BPNetConfig(
        input_length=length,
        output_length=length,
        filters=kernels["stem"].shape[2],
        layers=len(found.trunk) - 1,
        first_kernel=kernels["stem"].shape[0],
        dilated_kernel=kernels["dilated"].shape[0],
        profile_kernel=width + (width % 2 == 0),
        tasks=_task_names(layers, len(found.profiles)),
        strands=strands,
        shared_strands=strands == 1,
        same=True,
        control=control,
    )


def _input_length(stem: str, layers: Layers, path: Path) -> int:
    """Bases that the first convolution reads; those of the published model where it reads any number."""
    by_name = {layer["config"]["name"]: layer for layer in layers}
    (source,) = (source[0] for node in by_name[stem]["inbound_nodes"] for source in node)
    shape = by_name[source]["config"]["batch_input_shape"]
    if len(shape) != 3 or shape[2] != 4 or type(shape[1]) not in (int, type(None)):
        raise InputError(f"an input of shape {shape}", where=str(path), expected="a length and four channels")
    return shape[1] or BPNetConfig.published().input_length


def _task_names(layers: Layers, tasks: int) -> tuple[str, ...]:
    """Outputs are named TASK/profile and TASK/counts."""
    names = [layer["config"]["name"] for layer in layers]
    found = tuple(dict.fromkeys(str(name).removesuffix("/profile") for name in names if str(name).endswith("/profile")))
    inputs = tuple(name for name in found if not name.startswith("bias/"))
    return inputs if len(inputs) == tasks else usual_task_names(tasks)


def _expected(found: Found, config: BPNetConfig) -> dict[str, dict[str, Any]]:
    """What Keras's configuration is to say of each layer."""
    layers: dict[str, dict[str, Any]] = {}
    for number, (name, weights) in enumerate(found.trunk.items()):
        layers[name] = {
            **PLAIN,
            **{"class": "Conv1D", "strides": [1], "activation": "relu", "use_bias": True},
            **{"kernel_size": [weights[KERNEL].shape[0]], "dilation_rate": [2**number if number else 1]},
        }
    for name, weights in found.profiles.items():
        layers[name] = {
            **PLAIN,
            **{"class": "Conv2DTranspose", "strides": [1, 1], "activation": "linear", "use_bias": True},
            "kernel_size": [weights[KERNEL].shape[0], 1],
        }
    for name in found.counts:
        layers[name] = {"class": "Dense", "activation": "linear", "use_bias": True}
    if config.control:
        for name in found.control_profiles:
            layers[name] = {"class": "Conv1D", "strides": [1], "kernel_size": [1], "activation": "linear"}
        for name in found.control_counts:
            layers[name] = {"class": "Dense", "activation": "linear"}
        for name in found.boxes:
            layers[name] = {**PLAIN, "class": "SeparableConv1D", "strides": [1], "activation": "linear"}
    return layers


def _check_others(found: Found, layers: Layers, path: Path) -> None:
    """Layers without weights are those of a BPNet, and every dilated layer is added to something."""
    known = {name for kind in found for name in kind}
    for layer in layers:
        if layer["class_name"] not in WITHOUT_WEIGHTS and layer["config"]["name"] not in known:
            raise InputError(
                f"the layer {layer['config']['name']} ({layer['class_name']}), of which there are no weights",
                where=str(path),
                expected="the layers of a BPNet",
            )
    added = {
        source[0]
        for layer in layers
        if layer["class_name"] == "Add"
        for node in layer["inbound_nodes"]
        for source in node
    }
    for name in list(found.trunk)[1:]:
        if name not in added:
            raise InputError(f"{name} is not added to its input", where=str(path), expected="residual sums")


def _control(found: Found, path: Path) -> dict[str, Tensor] | None:
    """Weights of our control, or None where there is none or it has another form."""
    if not found.control_profiles and not found.control_counts:
        return None
    profiles = [weights[KERNEL] for weights in found.control_profiles.values()]
    counts = [weights[KERNEL] for weights in found.control_counts.values()]
    tracks = 3 if found.boxes else 2
    boxes = all(
        weights[name].shape == shape and (weights[name] == 1).all()
        for weights in found.boxes.values()
        for name, shape in BOX_KERNELS.items()
    )
    fits = {array.shape for array in profiles} <= {(1, tracks, 1)} and {array.shape for array in counts} <= {(2, 1)}
    if not (fits and boxes):
        log.warning("%s: its control has another form than ours and is left out, as if it were zero", path)
        return None
    tasks = len(found.profiles)
    shapes, sizes = torch.zeros(tasks, 3), torch.zeros(tasks, 2)
    if profiles:
        shapes[:, :tracks] = torch.from_numpy(np.stack([array[0, :, 0] for array in profiles]))
    if counts:
        sizes[:] = torch.from_numpy(np.stack([array[:, 0] for array in counts]))
    return {"control.profile": shapes, "control.counts": sizes}


def _build(found: Found, config: BPNetConfig, control: Mapping[str, Tensor], path: Path) -> BPNet:
    filters = config.filters
    shapes = {"tower.stem": (config.first_kernel, 4, filters)}
    shapes |= {f"tower.dilated.{i}": (config.dilated_kernel, filters, filters) for i in range(config.layers)}
    state: dict[str, Tensor] = dict(control)
    for (module, shape), (layer, weights) in zip(shapes.items(), found.trunk.items(), strict=True):
        _check_shapes(layer, weights, shape, shape[2], path)
        state[f"{module}.weight"] = torch.from_numpy(weights[KERNEL].transpose(2, 1, 0).copy())
        state[f"{module}.bias"] = torch.from_numpy(weights[INTERCEPT])
    width = next(iter(found.profiles.values()))[KERNEL].shape[0]
    for layer, weights in found.profiles.items():
        _check_shapes(layer, weights, (width, 1, config.strands, filters), config.strands, path)
    for layer, weights in found.counts.items():
        _check_shapes(layer, weights, (filters, config.strands), config.strands, path)
    profiles = [_convolution(weights[KERNEL]) for weights in found.profiles.values()]
    state["profile.weight"] = torch.cat(profiles)
    state["counts.weight"] = torch.cat([torch.from_numpy(weights[KERNEL].T) for weights in found.counts.values()])
    for module, heads in (("profile", found.profiles), ("counts", found.counts)):
        state[f"{module}.bias"] = torch.cat([torch.from_numpy(weights[INTERCEPT]) for weights in heads.values()])
    model = BPNet(config)
    model.load_state_dict(state)
    return model.eval()


def _check_shapes(layer: str, weights: Weights, kernel: tuple[int, ...], outputs: int, path: Path) -> None:
    for name, expected in ((KERNEL, kernel), (INTERCEPT, (outputs,))):
        if weights[name].shape != expected:
            raise InputError(
                f"{layer}/{name} is of shape {weights[name].shape}",
                where=str(path),
                expected=f"{expected}, which fits the other layers",
            )


def _convolution(kernel: np.ndarray) -> Tensor:
    """A transposed convolution's (k, 1, out, in) as a convolution's (out, in, k) of odd width."""
    turned = kernel[::-1, 0].transpose(1, 2, 0)
    return torch.from_numpy(np.pad(turned, [(0, 0), (0, 0), (0, 1 - kernel.shape[0] % 2)]))
