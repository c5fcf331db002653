from __future__ import annotations

import json

import pytest
import safetensors.torch
import torch

from bpflow.checkpoints import load_model, read_metadata, save_model
from bpflow.errors import InputError
from bpflow.models import BPNet, BPNetConfig, ChromBPNet

SIZES = {"input_length": 300, "output_length": 100}


def bias(seed=1):
    return BPNet(BPNetConfig(**SIZES, filters=4, layers=2), torch.Generator().manual_seed(seed))


def combined():
    return ChromBPNet(BPNet(BPNetConfig(**SIZES, filters=8, layers=3), torch.Generator().manual_seed(2)), bias())


@pytest.mark.parametrize("make", [bias, combined])
def test_a_model_comes_back_as_it_was(tmp_path, make):
    model = make()
    save_model(model, tmp_path / "m.safetensors", metadata={"seed": 7, "history": [{"epoch": 1}]})
    loaded, metadata = load_model(tmp_path / "m.safetensors")
    assert not loaded.training
    assert loaded.config == model.config
    assert metadata["seed"] == 7
    assert metadata["history"] == [{"epoch": 1}]
    for name, weights in model.state_dict().items():
        assert torch.equal(weights, loaded.state_dict()[name]), name


def test_equal_models_are_equal_files(tmp_path):
    for name in ("a", "b"):
        save_model(combined(), tmp_path / name, metadata={"seed": 1, "recipe": {"x": 1, "y": 2}})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_frozen_part_stays_frozen(tmp_path):
    save_model(combined(), tmp_path / "m", metadata={})
    loaded = load_model(tmp_path / "m").model
    assert not any(weights.requires_grad for weights in loaded.bias.parameters())
    assert all(weights.requires_grad for weights in loaded.accessibility.parameters())


def test_metadata_is_one_key_without_the_weights_being_read(tmp_path):
    save_model(bias(), tmp_path / "m", metadata={})
    with safetensors.safe_open(str(tmp_path / "m"), framework="pt") as handle:
        assert list(handle.metadata()) == ["bpflow"]
    assert read_metadata(tmp_path / "m")["architecture"]["kind"] == "bpnet"


def rewritten(tmp_path, change):
    model = bias()
    save_model(model, tmp_path / "m", metadata={})
    metadata, tensors = read_metadata(tmp_path / "m"), dict(model.state_dict())
    change(metadata, tensors)
    safetensors.torch.save_file(tensors, tmp_path / "m", metadata={"bpflow": json.dumps(metadata)})
    return tmp_path / "m"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda metadata, _: metadata.update(format_version=99), "format version 99"),
        (lambda metadata, _: metadata.pop("architecture"), "without bpflow's metadata"),
        (lambda metadata, _: metadata["architecture"].update(filters=5), "tower.stem|counts.weight"),
        (lambda metadata, _: metadata["architecture"].update(kind="other"), "other"),
        (lambda metadata, _: metadata["architecture"].update(kind=["bpnet"]), "model kind"),
        (lambda metadata, _: metadata["architecture"].update(self=1), "model setting self"),
        (lambda metadata, _: metadata["architecture"].update(filters=4096, layers=3), "is absent|stem|counts"),
        (lambda metadata, _: metadata["architecture"].update(filters=10**9), "model setting filters"),
        (lambda metadata, _: metadata["architecture"].update(layers=10**9), "model setting layers"),
        (lambda metadata, _: metadata["architecture"].update(input_length=10**30), "model setting input_length"),
        (lambda metadata, _: metadata.update(format_version=float("inf")), "without bpflow's metadata"),
        (lambda metadata, _: metadata.update(architecture=[1]), "without bpflow's metadata"),
        (
            lambda _, tensors: tensors.update({"counts.bias": tensors["counts.bias"].double()}),
            "counts.bias is of the type F64",
        ),
        (lambda _, tensors: tensors.pop("profile.bias"), "profile.bias is absent"),
        (lambda _, tensors: tensors.update(extra=torch.zeros(2)), "extra"),
        (lambda _, tensors: tensors["counts.bias"].fill_(float("nan")), "finite"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        load_model(rewritten(tmp_path, change))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_model(tmp_path / "absent")
    (tmp_path / "text").write_text("no model")
    with pytest.raises(InputError, match="not a safetensors file"):
        load_model(tmp_path / "text")
    save_model(bias(), tmp_path / "cut", metadata={})
    (tmp_path / "cut").write_bytes((tmp_path / "cut").read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged"):
        load_model(tmp_path / "cut")
    safetensors.torch.save_file({"x": torch.zeros(1)}, tmp_path / "foreign")
    with pytest.raises(InputError, match="without bpflow's metadata"):
        load_model(tmp_path / "foreign")


@pytest.mark.parametrize("length", [10**12, (1 << 64) - 1, 0, 5])
def test_a_header_of_a_false_length_is_refused(tmp_path, length):
    save_model(bias(), tmp_path / "m", metadata={})
    (tmp_path / "m").write_bytes(length.to_bytes(8, "little") + (tmp_path / "m").read_bytes()[8:])
    with pytest.raises(InputError, match="not a safetensors file"):
        load_model(tmp_path / "m")


def test_nothing_is_left_of_a_failed_write(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        save_model(bias(), tmp_path / "m", metadata={"loss": float("nan")})
    assert not list(tmp_path.iterdir())
