"""BPNet, ProCapNet and ChromBPNet in MultiMolecule's naming: which tensor is which parameter, which key which size."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from bpflow.errors import InputError
from bpflow.formats.multimolecule_folder import CONFIG, read_weights, write_folder
from bpflow.formats.procapnet import check_pooled_positions
from bpflow.formats.task_names import usual_task_names
from bpflow.models import BPNet, BPNetConfig, ChromBPNet, ChromBPNetConfig, ProCapNetConfig, ProfileModel, build

__all__ = ["read_towers", "write_towers"]

PARTS = ("accessibility", "bias")
STEM = "tower.stem.weight"
# MultiMolecule's BPNet takes any length and has no names of tasks; ours are in keys of our own where they differ.
PUBLISHED = BPNetConfig.published()
LENGTH_KEY, TASKS_KEY = "sequence_length", "task_names"
SIZES = {
    "filters": "hidden_size",
    "layers": "num_dilated_layers",
    "first_kernel": "stem_kernel_size",
    "dilated_kernel": "dilated_kernel_size",
    "profile_kernel": "profile_kernel_size",
}
LENGTHS = {"input_length": LENGTH_KEY, "output_length": "profile_length"}
# Those that differ between the parts of a ChromBPNet.
OF_THE_BIAS = {"filters": "bias_hidden_size", "layers": "bias_num_dilated_layers"}
MOST_TASKS = 1 << 12

# What our models take for granted, and what MultiMolecule's configurations hold beside their sizes.
FIXED = {"vocab_size": 5, "hidden_act": "relu"}
UNSTRANDED = {"num_tasks": 1, "num_strands": 1}
HEAD = {
    **dict.fromkeys(("act", "hidden_size", "loss_weight", "num_labels", "output_name", "transform", "type")),
    **{"bias": True, "dropout": 0.0, "layer_norm_eps": 1e-12},
    **{"problem_type": "regression", "transform_act": "gelu"},
}
USUAL = {
    **FIXED,
    **dict.fromkeys(("bos_token_id", "eos_token_id", "id2label", "label2id")),
    **{"unk_token_id": 3, "mask_token_id": 4, "pad_token_id": 4, "null_token_id": 5},
    **{"count_loss_weight": 1.0, "head": HEAD, "tie_word_embeddings": True},
}

log = logging.getLogger("bpflow")


class Place(NamedTuple):
    """Where a module of ours lies: in one module of theirs, or in one for each task, one after the other.

    Attributes
    ----------
    modules
        Names of theirs.
    transposed
        Whether theirs are transposed convolutions.
    """

    modules: tuple[str, ...]
    transposed: bool = False

    def parts(self, name: str, whole: Tensor) -> dict[str, Tensor]:
        """Their tensors of our weight or bias."""
        parts = whole.chunk(len(self.modules))
        turned = map(_transposed, parts) if self.transposed and name == "weight" else parts
        return dict(zip(self.names(name), turned, strict=True))

    def whole(self, name: str, tensors: Mapping[str, Tensor]) -> Tensor:
        """Our weight or bias of their tensors."""
        parts = [tensors[part] for part in self.names(name)]
        return torch.cat([_transposed(part) for part in parts] if self.transposed and name == "weight" else parts)

    def names(self, name: str) -> list[str]:
        """Names of their tensors."""
        return [f"{module}.{name}" for module in self.modules]


def read_towers(their_config: Mapping[str, Any], folder: str | os.PathLike[str]) -> ProfileModel:
    """Read a BPNet, a ProCapNet or a ChromBPNet, in evaluation mode.

    Where all weights of the N channel are zeros the model has none, since a column of zeros gives the same.
    """
    config = _read_sizes(their_config, str(Path(folder) / CONFIG))
    tensors = read_weights(folder, _shapes(config))
    state = {name: place.whole(name.rpartition(".")[2], tensors) for name, place in _places(config).items()}
    if not any(state[name][:, 4].any() for name in _stems(state)):
        state |= {name: state[name][:, :4] for name in _stems(state)}
        config = _with_n_channel(config, False)
    model = build(config.model_dump())
    model.load_state_dict(state)
    return model.eval()


def write_towers(model: BPNet | ChromBPNet, folder: str | os.PathLike[str]) -> None:
    """Write a BPNet, a ProCapNet or a ChromBPNet; weights of a control are left out, for MultiMolecule has no place."""
    _check_fits(model.config, str(folder))
    state = {name: tensor.detach() for name, tensor in model.state_dict().items() if not name.startswith("control.")}
    if len(state) < len(model.state_dict()):
        log.warning("%s: without the control's weights, as if every control were of zeros", folder)
    if model.config.channels == 4:
        state |= {name: functional.pad(state[name], (0, 0, 0, 1)) for name in _stems(state)}
    places = _places(model.config)
    tensors = {
        part: tensor
        for name, whole in state.items()
        for part, tensor in places[name].parts(name.rpartition(".")[2], whole).items()
    }
    write_folder(folder, _their_config(model.config), tensors)


def _stems(state: Mapping[str, Any]) -> list[str]:
    return [name for name in state if name.endswith(STEM)]


def _transposed(kernel: Tensor) -> Tensor:
    """A convolution's kernel (out, in, k) as that of the transposed convolution that does the same, and back."""
    return kernel.transpose(0, 1).flip(2)


def _places(config: BPNetConfig | ChromBPNetConfig) -> dict[str, Place]:
    """Where each parameter of ours is."""
    if isinstance(config, ChromBPNetConfig):
        return {
            f"{part}.{name}": place
            for part in PARTS
            for name, place in _tower_places(getattr(config, part), f"model.{part}.", f"model.{part}.", (".0",)).items()
        }
    heads = ("",) if config.kind == "procapnet" else tuple(f".{task}" for task in range(len(config.tasks)))
    return _tower_places(config, "model.encoder.", "profile_count_head.", heads)


def _tower_places(config: BPNetConfig, trunk: str, head: str, tasks: tuple[str, ...]) -> dict[str, Place]:
    modules = {"tower.stem": Place((f"{trunk}stem.conv",))}
    modules |= {f"tower.dilated.{i}": Place((f"{trunk}layer.{i}.conv",)) for i in range(config.layers)}
    modules["profile"] = Place(tuple(f"{head}profile{task}" for task in tasks), transposed=config.same)
    modules["counts"] = Place(tuple(f"{head}count{task}" for task in tasks))
    return {f"{module}.{name}": place for module, place in modules.items() for name in ("weight", "bias")}


def _shapes(config: BPNetConfig | ChromBPNetConfig) -> dict[str, tuple[int, ...]]:
    """Shapes of their tensors, for which no memory is taken."""
    with torch.device("meta"):
        state = build(config.model_dump()).state_dict()
    return {
        part: tuple(tensor.shape)
        for name, place in _places(config).items()
        for part, tensor in place.parts(name.rpartition(".")[2], state[name]).items()
    }


def _with_n_channel(config: BPNetConfig | ChromBPNetConfig, n_channel: bool) -> BPNetConfig | ChromBPNetConfig:
    if isinstance(config, ChromBPNetConfig):
        parts = {part: getattr(config, part).model_dump() | {"n_channel": n_channel} for part in PARTS}
        return ChromBPNetConfig(**parts)
    return type(config)(**config.model_dump() | {"n_channel": n_channel})


def _read_sizes(config: Mapping[str, Any], where: str) -> BPNetConfig | ChromBPNetConfig:
    kind = config["model_type"]
    for key, value in {**FIXED, **(UNSTRANDED if kind == "chrombpnet" else {})}.items():
        if config.get(key) != value:
            raise InputError(f"{key} is {config.get(key)!r}", where=where, expected=f"{value!r}, a {kind}'s")
    if kind == "chrombpnet":
        keys = {"accessibility": {**SIZES, **LENGTHS}, "bias": {**SIZES, **LENGTHS, **OF_THE_BIAS}}
        return ChromBPNetConfig(
            **{part: BPNetConfig(**_values(config, keys[part], where), n_channel=True) for part in PARTS}
        )
    strands = _values(config, {"strands": "num_strands"}, where)["strands"]
    if kind == "procapnet":
        sizes = ProCapNetConfig(**_values(config, {**SIZES, **LENGTHS}, where), strands=strands, n_channel=True)
        check_pooled_positions(sizes, where)
        return sizes
    length = config.get(LENGTH_KEY, PUBLISHED.input_length)
    return BPNetConfig(
        **_values(config, SIZES, where),
        **dict.fromkeys(LENGTHS, length),
        tasks=_task_names(config, where),
        strands=strands,
        shared_strands=strands == 1,
        same=True,
        n_channel=True,
    )


def _values(config: Mapping[str, Any], keys: Mapping[str, str], where: str) -> dict[str, Any]:
    missing = next((key for key in keys.values() if key not in config), None)
    if missing:
        raise InputError(
            f"no key {missing}", where=where, expected=f"the sizes of a MultiMolecule {config['model_type']}"
        )
    return {ours: config[theirs] for ours, theirs in keys.items()}


def _task_names(config: Mapping[str, Any], where: str) -> tuple[str, ...]:
    number = _values(config, {"tasks": "num_tasks"}, where)["tasks"]
    if type(number) is not int or not 0 < number <= MOST_TASKS:
        raise InputError(f"num_tasks is {number!r}", where=where, expected=f"a number from 1 to {MOST_TASKS}")
    names = config.get(TASKS_KEY, usual_task_names(number))
    if not isinstance(names, list | tuple) or len(names) != number:
        raise InputError(f"{TASKS_KEY} is {names!r}", where=where, expected=f"{number} names")
    return tuple(names)


def _check_fits(config: BPNetConfig | ChromBPNetConfig, where: str) -> None:
    """Stop at what MultiMolecule's architectures cannot be."""
    if isinstance(config, ChromBPNetConfig):
        for key in (*LENGTHS, *(key for key in SIZES if key not in OF_THE_BIAS)):
            found, expected = getattr(config.bias, key), getattr(config.accessibility, key)
            if found != expected:
                raise InputError(
                    f"{key} {found} in the bias part", where=where, expected=f"{expected}, as in the accessibility part"
                )
        towers = [config.accessibility, config.bias]
        fits = all(len(tower.tasks) == tower.strands == 1 and not tower.same for tower in towers)
        expected = "parts of one task and strand"
    elif config.kind == "procapnet":
        check_pooled_positions(config, where)
        fits = len(config.tasks) == 1 and config.shared_strands and not config.same
        expected = "one task, whose strands share a count, without padding"
    else:
        fits = config.same and config.input_length == config.output_length
        fits = fits and (config.strands == 1 or not config.shared_strands)
        expected = "a BPNet that keeps its lengths and counts each strand, a ProCapNet or a whole ChromBPNet"
    if not fits:
        raise InputError(f"a {config.kind} that MultiMolecule has no architecture for", where=where, expected=expected)


def _their_config(config: BPNetConfig | ChromBPNetConfig) -> dict[str, Any]:
    if isinstance(config, ChromBPNetConfig):
        bias = {theirs: getattr(config.bias, ours) for ours, theirs in OF_THE_BIAS.items()}
        return {
            **_their_sizes(config.accessibility, {**SIZES, **LENGTHS}),
            **UNSTRANDED,
            **bias,
            "model_type": config.kind,
        }
    strands = {"num_strands": config.strands, "model_type": config.kind}
    if config.kind == "procapnet":
        return {**_their_sizes(config, {**SIZES, **LENGTHS}), **strands}
    own: dict[str, Any] = {}
    if config.input_length != PUBLISHED.input_length:
        own[LENGTH_KEY] = config.input_length
    if config.tasks != usual_task_names(len(config.tasks)):
        own[TASKS_KEY] = list(config.tasks)
    return {**_their_sizes(config, SIZES), **strands, "num_tasks": len(config.tasks), **own}


def _their_sizes(config: BPNetConfig, keys: Mapping[str, str]) -> dict[str, Any]:
    return {**USUAL, **{theirs: getattr(config, ours) for ours, theirs in keys.items()}}
