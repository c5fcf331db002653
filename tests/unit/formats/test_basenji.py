"""Basenji2 models of other programs. No original file is at hand: one of its layout is written here."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import torch

from bpflow.checkpoints import load_model
from bpflow.errors import InputError
from bpflow.formats.basenji import read_basenji_folder, write_basenji_folder
from bpflow.formats.multimolecule import read_multimolecule, write_multimolecule
from bpflow.models import Basenji2, Basenji2Config
from bpflow.models.encoding import one_hot

SIZES = {
    "input_length": 256,
    "targets": 3,
    "crop_bins": 4,
    "stem_filters": 5,
    "tower_filters": (6, 8),
    "bottleneck": 4,
    "dilated_layers": 3,
    "head_filters": 7,
}
KERAS_NAMES = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def random_model(**changes) -> Basenji2:
    """A model with every weight, scale and statistic off its first value."""
    random = torch.Generator().manual_seed(4)
    model = Basenji2(Basenji2Config(**{**SIZES, **changes}), random).eval()
    for name, tensor in model.state_dict().items():
        if "norm" in name and tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=random) + 0.5)
    return model


def sequences(channels=4):
    codes = torch.randint(0, 5, (3, 256), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return one_hot(codes, channels)


@pytest.mark.parametrize("n_channel", [False, True])
def test_a_folder_that_was_written_predicts_the_same(tmp_path, n_channel):
    model = random_model(n_channel=n_channel)
    write_multimolecule(model, tmp_path)
    read, metadata = load_model(tmp_path)
    assert read.config == model.config
    assert metadata["model"] == "basenji2"
    x = sequences(5 if n_channel else 4)
    assert torch.equal(read(x), model(x))


def test_written_names_are_multimolecules(tmp_path, shared_data):
    golden = shared_data / "golden" / "multimolecule-0.2.2" / "basenji"
    model = read_multimolecule(golden)
    write_basenji_folder(model, tmp_path)
    theirs, ours = (json.loads((folder / "config.json").read_text()) for folder in (golden, tmp_path))
    for key, value in ours.items():
        assert key in ("architectures", "head", "num_labels") or theirs[key] == value, key
    theirs, ours = (_header(folder / "model.safetensors") for folder in (golden, tmp_path))
    assert ours == theirs


def _header(path):
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"]) for name, entry in header.items()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_act": "relu"}, "hidden_act is 'relu'"),
        ({"output_act": None}, "output_act is None"),
        ({"blocks": None}, "no sizes of the dilated blocks"),
        ({"stem_channels": None}, "no key stem_channels"),
        ({"stem_channels": 9}, "encoder.stem.conv1.weight"),
        ({"num_labels": 10**9}, "targets"),
        ({"sequence_length": 100}, "input_length"),
        ({"conv_tower_channels": [6, 8, 9]}, "tower"),
        ({"conv_tower_kernel_size": 4095, "conv_tower_channels": [4096] * 2}, "encoder"),
    ],
)
def test_configurations_that_do_not_fit_are_refused(tmp_path, change, message):
    write_basenji_folder(random_model(), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | change
    with pytest.raises(InputError, match=message):
        read_basenji_folder(config, tmp_path)


def test_a_damaged_folder_is_refused(tmp_path):
    write_basenji_folder(random_model(), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "model.safetensors").write_bytes((tmp_path / "model.safetensors").read_bytes()[:-9])
    with pytest.raises(InputError, match="damaged"):
        read_basenji_folder(config, tmp_path)


def write_h5(path, model, *, first=0, configured=True):
    """A file as Keras saves one: layers numbered in the order of their execution, from `first` on."""
    parts = ["stem", *(f"tower.{i}" for i in range(len(model.tower)))]
    parts += [f"blocks.{i}.{half}" for i in range(len(model.blocks)) for half in ("narrow", "wide")]
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    layers = [{"class_name": "InputLayer", "config": {"name": "sequence", "batch_input_shape": [None, 256, 4]}}]
    crop = model.config.crop_bins
    layers.append({"class_name": "Cropping1D", "config": {"name": "cropping1d", "cropping": [crop, crop]}})
    with h5py.File(path, "w") as handle:
        top = handle.create_group("model_weights")
        for number, part in enumerate([*parts, "head"], start=first):
            suffix = f"_{number}" if number else ""
            name, norm = f"conv1d{suffix}", f"batch_normalization{suffix}"
            top[f"{name}/{name}/kernel:0"] = weights[f"{part}.convolution.weight"].T
            for ours, its in KERAS_NAMES.items():
                top[f"{norm}/{norm}/{its}:0"] = weights[f"{part}.norm.{ours}"]
            dilation = model.get_submodule(part).convolution.dilation
            layers.append({"class_name": "Conv1D", "config": {"name": name, "dilation_rate": list(dilation)}})
        top["dense/dense/kernel:0"], top["dense/dense/bias:0"] = weights["targets.weight"].T, weights["targets.bias"]
        if configured:
            handle.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": {"layers": layers}})
    return path


# More layers than ten, whose order by name is not that by number.
@pytest.mark.parametrize(("changes", "first"), [({"dilated_layers": 11}, 0), ({}, 30), ({"tower_filters": ()}, 0)])
def test_a_keras_file_predicts_the_same(tmp_path, changes, first):
    model = random_model(**changes)
    path = write_h5(tmp_path / "model.h5", model, first=first)
    read = load_model(path).model
    assert read.config == model.config
    assert not read.training
    assert torch.equal(read(sequences()), model(sequences()))


def test_a_keras_file_of_weights_alone_has_the_published_windows(tmp_path):
    read = load_model(write_h5(tmp_path / "weights.h5", random_model(), configured=False)).model
    assert (read.config.input_length, read.config.crop_bins) == (131_072, 64)


def _without(name):
    return lambda handle: handle.__delitem__(name)


def _replaced(name, array):
    def change(handle):
        del handle[name]
        handle[name] = array

    return change


def _configured(**changes):
    def change(handle):
        content = json.loads(handle.attrs["model_config"])
        for layer in content["config"]["layers"]:
            layer["config"].update({key: value for key, value in changes.items() if key in layer["config"]})
        handle.attrs["model_config"] = json.dumps(content)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without("model_weights"), "without the group model_weights"),
        (_without("model_weights/dense"), "no dense layer"),
        (_without("model_weights/conv1d_4"), "convolutions"),
        (_without("model_weights/batch_normalization_2/batch_normalization_2/beta:0"), "no beta:0"),
        (_replaced("model_weights/dense/dense/bias:0", np.zeros(2, np.float32)), "targets.bias"),
        (_replaced("model_weights/conv1d/conv1d/kernel:0", np.zeros((15, 4, 9), np.float32)), "stem|tower"),
        (_configured(dilation_rate=[2]), "dilations"),
        (_configured(cropping=[1, 2]), "cropped"),
        (_configured(batch_input_shape=[None, 250, 4]), "input_length"),
        (lambda handle: handle.attrs.__setitem__("model_config", "{}"), "model_config"),
    ],
)
def test_keras_files_that_do_not_fit_are_refused(tmp_path, change, message):
    path = write_h5(tmp_path / "model.h5", random_model())
    with h5py.File(path, "a") as handle:
        change(handle)
    with pytest.raises(InputError, match=message):
        load_model(path)
