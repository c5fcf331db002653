"""MultiMolecule folders, made here in their naming; golden predictions are compared in tests/unit/models."""

from __future__ import annotations

import json

import pytest
import safetensors.torch
import torch

from bpflow.errors import InputError
from bpflow.formats.multimolecule import read_multimolecule
from bpflow.models.encoding import one_hot

CONFIG = {
    "model_type": "chrombpnet",
    "vocab_size": 5,
    "num_tasks": 1,
    "num_strands": 1,
    "hidden_act": "relu",
    "sequence_length": 300,
    "profile_length": 100,
    "hidden_size": 6,
    "num_dilated_layers": 3,
    "bias_hidden_size": 4,
    "bias_num_dilated_layers": 2,
    "stem_kernel_size": 21,
    "dilated_kernel_size": 3,
    "profile_kernel_size": 75,
}


def weights():
    random = torch.Generator().manual_seed(3)
    shapes = {}
    for part, filters, layers in (("accessibility", 6, 3), ("bias", 4, 2)):
        shapes |= {f"{part}.stem.conv.weight": (filters, 5, 21), f"{part}.stem.conv.bias": (filters,)}
        for layer in range(layers):
            shapes[f"{part}.layer.{layer}.conv.weight"] = (filters, filters, 3)
            shapes[f"{part}.layer.{layer}.conv.bias"] = (filters,)
        shapes |= {f"{part}.profile.0.weight": (1, filters, 75), f"{part}.profile.0.bias": (1,)}
        shapes |= {f"{part}.count.0.weight": (1, filters), f"{part}.count.0.bias": (1,)}
    return {f"model.{name}": torch.randn(shape, generator=random) for name, shape in shapes.items()}


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, CONFIG, weights())
    return tmp_path


def write(folder, config, tensors):
    (folder / "config.json").write_text(json.dumps(config))
    safetensors.torch.save_file(tensors, folder / "model.safetensors")


def test_weights_and_the_n_channel_are_kept(folder):
    model, tensors = read_multimolecule(folder), weights()
    assert model.config.channels == 5
    assert not model.training
    assert torch.equal(model.accessibility.tower.stem.weight, tensors["model.accessibility.stem.conv.weight"])
    assert torch.equal(model.bias.tower.dilated[1].bias, tensors["model.bias.layer.1.conv.bias"])
    assert torch.equal(model.bias.counts.weight, tensors["model.bias.count.0.weight"])


def test_unknown_bases_have_their_own_weights(folder):
    model = read_multimolecule(folder)
    known, unknown = torch.zeros(1, 300, dtype=torch.uint8), torch.full((1, 300), 4, dtype=torch.uint8)
    four = one_hot(unknown)
    none = torch.cat([four, torch.zeros(1, 1, 300)], dim=1)
    outputs = [model(x).log_counts.item() for x in (one_hot(known, 5), one_hot(unknown, 5), none)]
    assert len({round(value, 4) for value in outputs}) == 3


def test_names_without_the_outer_prefix_are_read(folder):
    tensors = {name.removeprefix("model."): tensor for name, tensor in weights().items()}
    write(folder, CONFIG, tensors)
    assert torch.equal(read_multimolecule(folder).bias.profile.weight, tensors["bias.profile.0.weight"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "procapnet"}, "model_type is 'procapnet'"),
        ({"vocab_size": 26}, "vocab_size is 26"),
        ({"num_strands": 2}, "num_strands is 2"),
        ({"hidden_size": 7}, r"tower.stem.weight is of shape \(6, 5, 21\)"),
        ({"num_dilated_layers": 4}, "no weight for accessibility.tower.dilated.3.weight"),
        ({"sequence_length": 100}, "input_length"),
        ({"hidden_size": "six"}, "filters"),
        ({"profile_length": None}, "output_length"),
    ],
)
def test_configurations_that_do_not_fit_are_refused(folder, changes, message):
    write(folder, {**CONFIG, **changes}, weights())
    with pytest.raises(InputError, match=message):
        read_multimolecule(folder)


def test_what_is_missing_or_damaged_is_named(folder):
    write(folder, {key: value for key, value in CONFIG.items() if key != "bias_hidden_size"}, weights())
    with pytest.raises(InputError, match="no key bias_hidden_size"):
        read_multimolecule(folder)
    (folder / "config.json").write_text("[]")
    with pytest.raises(InputError, match="not the configuration"):
        read_multimolecule(folder)
    write(folder, CONFIG, weights())
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-50])
    with pytest.raises(InputError, match="damaged"):
        read_multimolecule(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="no such file"):
        read_multimolecule(folder)
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match=r"config\.json: no such file"):
        read_multimolecule(folder)
