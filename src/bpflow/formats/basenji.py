"""Basenji2 models of other programs: MultiMolecule folders, in and out, and the Keras ``.h5`` of the published ones.

A Keras file names layers by the order in which they run (``conv1d``, ``conv1d_1``, ...), each with a
``batch_normalization`` of its number: the stem, the tower, two for each dilated block, the head; then ``dense``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from bpflow.errors import InputError
from bpflow.files import parse_json
from bpflow.formats.keras_configuration import LARGEST, WEIGHTS, Tree
from bpflow.formats.multimolecule_folder import CONFIG, read_weights, write_folder
from bpflow.hdf5_files import StoredFile
from bpflow.models import Basenji2, Basenji2Config
from bpflow.models.basenji2 import EPSILON, dilations

__all__ = ["MODEL_TYPE", "is_basenji", "read_basenji_folder", "read_stored", "write_basenji_folder"]

MODEL_TYPE = "basenji"
# Ours and MultiMolecule's names of the parts that hold a convolution and its normalisation.
PARTS = (
    (r"(stem|head)", r"model.encoder.\1"),
    (r"tower\.(\d+)", r"model.encoder.conv_tower.\1"),
    (r"blocks\.(\d+)\.narrow", r"model.encoder.blocks.\1.conv1"),
    (r"blocks\.(\d+)\.wide", r"model.encoder.blocks.\1.conv2"),
)
LAYERS = {"convolution": "conv1", "norm": "batch_norm1"}
DENSE = "token_head.decoder"
STEM = "stem.convolution.weight"
# What our model takes for granted, of MultiMolecule's configuration and of that of its blocks.
FIXED = {
    "model_type": MODEL_TYPE,
    "vocab_size": 5,
    "stem_pool_size": 2,
    "hidden_act": "gelu_new",
    "output_act": "softplus",
    "batch_norm_eps": EPSILON,
}
FIXED_BLOCKS = {"dilation": 1, "dilation_rate": 1.5, "round_dilation": True}
SIZES = {
    "input_length": "sequence_length",
    "targets": "num_labels",
    "crop_bins": "crop_bins",
    "stem_filters": "stem_channels",
    "stem_kernel": "stem_kernel_size",
    "tower_filters": "conv_tower_channels",
    "tower_kernel": "conv_tower_kernel_size",
    "head_filters": "head_hidden_size",
    "head_dropout": "hidden_dropout",
}
BLOCK_SIZES = {
    "bottleneck": "bottleneck_size",
    "dilated_layers": "num_blocks",
    "dilated_kernel": "kernel_size",
    "dropout": "dropout",
}

CONVOLUTION, NORM = re.compile(r"conv1d(?:_(\d+))?"), re.compile(r"batch_normalization(?:_(\d+))?")
NORM_DATASETS = {
    "weight": "gamma:0",
    "bias": "beta:0",
    "running_mean": "moving_mean:0",
    "running_var": "moving_variance:0",
}


def read_basenji_folder(config: Mapping[str, Any], folder: str | os.PathLike[str]) -> Basenji2:
    """Read a MultiMolecule folder, in evaluation mode, with its N channel unless that is empty.

    Parameters
    ----------
    config
        What its ``config.json`` holds.
    folder
        The folder.

    Raises
    ------
    InputError
        Another architecture, a weight that is missing or of a shape that does not fit, a damaged file.
    """
    where = str(Path(folder, CONFIG))
    blocks = config.get("blocks")
    if not isinstance(blocks, Mapping):
        raise InputError("no sizes of the dilated blocks", where=where, expected="a MultiMolecule Basenji")
    for found, fixed in ((config, FIXED), (blocks, FIXED_BLOCKS)):
        for key, value in fixed.items():
            if found.get(key) != value:
                raise InputError(f"{key} is {found.get(key)!r}", where=where, expected=f"{value!r}, a Basenji2's")
    sizes = {ours: config.get(theirs) for ours, theirs in SIZES.items()}
    sizes |= {ours: blocks.get(theirs) for ours, theirs in BLOCK_SIZES.items()}
    missing = next((ours for ours, value in sizes.items() if value is None), None)
    if missing:
        raise InputError(
            f"no key {SIZES.get(missing) or BLOCK_SIZES[missing]}", where=where, expected="the sizes of a Basenji"
        )
    # Sizes are compared before any memory is taken.
    with torch.device("meta"):
        wanted = Basenji2(Basenji2Config(**sizes, n_channel=True)).state_dict()
    read = read_weights(folder, {_their_name(name): tuple(tensor.shape) for name, tensor in wanted.items()})
    tensors = {name: read[_their_name(name)] for name in wanted}
    n_channel = bool(tensors[STEM][:, 4].any())
    if not n_channel:
        tensors[STEM] = tensors[STEM][:, :4]
    return _filled(Basenji2(Basenji2Config(**sizes, n_channel=n_channel)), tensors, where)


def write_basenji_folder(model: Basenji2, folder: str | os.PathLike[str]) -> None:
    """Write a MultiMolecule folder; a model without an N channel gets one whose weights are 0, which is the same."""
    config, tensors = model.config, {}
    for name, tensor in model.state_dict().items():
        if name == STEM and not config.n_channel:
            tensor = torch.cat([tensor, torch.zeros_like(tensor[:, :1])], dim=1)
        tensors[_their_name(name)] = tensor
    values = config.model_dump()
    content = {
        **FIXED,
        "architectures": ["BasenjiForTokenPrediction"],
        **{theirs: values[ours] for ours, theirs in SIZES.items()},
        "blocks": {**FIXED_BLOCKS, **{theirs: values[ours] for ours, theirs in BLOCK_SIZES.items()}},
        "batch_norm_momentum": 0.1,
        "head": {"num_labels": None, "problem_type": "regression", "bias": True},
    }
    write_folder(folder, content, tensors)


def is_basenji(top: Tree) -> bool:
    """Tell a Keras file of a Basenji2 by the names of its layers."""
    return bool(_numbered(top, CONVOLUTION)) and bool(_numbered(top, NORM))


def read_stored(stored: StoredFile, top: Tree, path: str | os.PathLike[str]) -> Basenji2:
    """Read a Basenji2 that Keras saved, in evaluation mode.

    Sizes follow from the weights' shapes; the input's length and the bins cropped from ``model_config``. A file of
    weights alone, which has none, is taken for one with the published windows.

    Parameters
    ----------
    stored, top
        The open file, and all that lies below ``model_weights``.
    path
        Its name, for errors.

    Raises
    ------
    InputError
        Another architecture, a layer that is missing or of a shape that does not fit.
    """
    where = f"{path}, {WEIGHTS}"
    convolutions, norms = _numbered(top, CONVOLUTION), _numbered(top, NORM)
    if len(convolutions) < 2 or len(norms) != len(convolutions) or "dense" not in top:
        raise InputError(
            f"{len(convolutions)} convolutions, {len(norms)} normalisations and "
            f"{'a' if 'dense' in top else 'no'} dense layer",
            where=where,
            expected="a Basenji2: as many normalisations as convolutions, and a dense layer",
        )
    arrays = _Arrays(stored, top, where)
    kernels = [arrays.read(name, "kernel:0", 3) for name in convolutions]
    normalised = [{key: arrays.read(name, its, 1) for key, its in NORM_DATASETS.items()} for name in norms]
    dense = arrays.read("dense", "kernel:0", 2), arrays.read("dense", "bias:0", 1)
    text = stored.attributes().get("model_config")
    # The first convolution that one of width 1 follows is that of the first dilated block.
    tower = next((i for i in range(1, len(kernels) - 1) if len(kernels[i + 1]) == 1), len(kernels) - 1)
    inside = (len(kernels) - 1 - tower) // 2
    narrow = kernels[tower] if inside else kernels[0]
    config = Basenji2Config(
        **_windows(text, convolutions[tower:-1:2], str(path)),
        targets=dense[0].shape[1],
        stem_filters=kernels[0].shape[2],
        stem_kernel=len(kernels[0]),
        tower_filters=tuple(kernel.shape[2] for kernel in kernels[1:tower]),
        tower_kernel=len(kernels[1]) if tower > 1 else 5,
        bottleneck=narrow.shape[2],
        dilated_layers=inside,
        dilated_kernel=len(narrow),
        head_filters=kernels[-1].shape[2],
    )
    parts = ["stem", *(f"tower.{i}" for i in range(tower - 1))]
    parts += [f"blocks.{i}.{half}" for i in range(inside) for half in ("narrow", "wide")]
    tensors: dict[str, Any] = {"targets.weight": dense[0].T, "targets.bias": dense[1]}
    for part, kernel, norm in zip([*parts, "head"], kernels, normalised, strict=True):
        tensors[f"{part}.convolution.weight"] = kernel.T
        tensors |= {f"{part}.norm.{key}": values for key, values in norm.items()}
        tensors[f"{part}.norm.num_batches_tracked"] = np.int64(0)
    model = Basenji2(config)
    return _filled(model, {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}, where)


def _their_name(name: str) -> str:
    """MultiMolecule's name of a weight."""
    module, _, weight = name.rpartition(".")
    if module == "targets":
        return f"{DENSE}.{weight}"
    part, _, layer = module.rpartition(".")
    theirs = next(re.sub(pattern, its, part) for pattern, its in PARTS if re.fullmatch(pattern, part))
    return f"{theirs}.{LAYERS[layer]}.{weight}"


def _filled(model: Basenji2, tensors: Mapping[str, Tensor], where: str) -> Basenji2:
    for name, parameter in model.state_dict().items():
        found = tuple(tensors[name].shape) if name in tensors else "absent"
        if found != tuple(parameter.shape):
            raise InputError(f"the weight for {name} is {found}", where=where, expected=f"{tuple(parameter.shape)}")
    model.load_state_dict({name: tensors[name] for name in model.state_dict()})
    return model.eval()


def _numbered(top: Tree, pattern: re.Pattern[str]) -> list[str]:
    """Layers of one kind, in the order of their numbers, which is that of their execution."""
    found = [(int(match[1] or 0), name) for name in top if (match := pattern.fullmatch(name))]
    return [name for _, name in sorted(found)]


class _Arrays:
    """Datasets of layers, of bounded size."""

    def __init__(self, stored: StoredFile, top: Tree, where: str) -> None:
        self._stored, self._top, self._where, self._left = stored, top, where, LARGEST

    def read(self, layer: str, name: str, dimensions: int) -> np.ndarray:
        found = [dataset for place, dataset in _datasets(self._top[layer]) if place == name]
        if len(found) != 1 or found[0].ndim != dimensions or found[0].dtype.kind != "f":
            raise InputError(
                f"no {name} of {dimensions} dimensions in {layer}", where=self._where, expected="a Basenji2's layers"
            )
        self._left -= found[0].nbytes
        if self._left < 0:
            raise InputError(f"weights of more than {LARGEST} bytes", where=self._where, expected="a Basenji2")
        return self._stored.read(found[0]).astype(np.float32)


def _datasets(tree: Any, name: str = "") -> Iterator[tuple[str, h5py.Dataset]]:
    """Datasets of a tree, each with its last name."""
    if not isinstance(tree, Mapping):
        yield name, tree
        return
    for part, inside in tree.items():
        yield from _datasets(inside, part)


def _windows(text: Any, dilated: Sequence[str], path: str) -> dict[str, int]:
    """The input's length and the bins cropped, by Keras's configuration; none where there is no configuration."""
    if text is None:
        return {}
    try:
        layers = parse_json(text)["config"]["layers"]
        options = {layer["config"]["name"]: layer["config"] for layer in layers}
        (shape,) = (layer["config"]["batch_input_shape"] for layer in layers if layer["class_name"] == "InputLayer")
        crops = [layer["config"]["cropping"] for layer in layers if layer["class_name"] == "Cropping1D"]
        rates = [options[name]["dilation_rate"][0] for name in dilated]
        crop, channels = crops[0] if crops else [0, 0], shape[2]
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"its model_config does not fit its weights ({type(error).__name__}: {error})",
            where=path,
            expected="that of a Basenji2",
        ) from None
    if channels != 4 or len(crops) > 1 or crop[0] != crop[1] or rates != dilations(len(rates))[: len(rates)]:
        raise InputError(
            f"{channels} channels, cropped by {crops}, with the dilations {json.dumps(rates)}",
            where=path,
            expected="four channels, one crop that is the same on both sides, and a Basenji2's dilations",
        )
    return {"input_length": shape[1], "crop_bins": crop[0]}
