"""BPNet's own Keras files, with and without a control: predictions by another way, and what is refused."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch

from bpflow.checkpoints import load_model
from bpflow.errors import InputError
from bpflow.formats import keras_bpnet
from bpflow.formats.keras_configuration import weights_tree
from bpflow.hdf5_files import StoredFile
from bpflow.models.encoding import one_hot
from unit.formats.keras_bpnet_files import TASKS, BPNetFile


def read(path):
    """As load_model does, without the trial in another process, which takes half a second."""
    with h5py.File(path) as handle:
        stored = StoredFile(handle, path, "a BPNet")
        return keras_bpnet.read_stored(stored, weights_tree(stored, path), path)


def sequences(length=100):
    codes = torch.randint(0, 5, (3, length), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return one_hot(codes)


def controls(length=100):
    return torch.randint(0, 9, (3, 2, length), generator=torch.Generator().manual_seed(2)).float()


def assert_predicts(model, file, *inputs):
    found = model(*inputs)
    logits, log_counts = file.predicted(*inputs)
    torch.testing.assert_close(found.profile_logits.double(), logits, rtol=0, atol=1e-5 * float(logits.abs().max()))
    torch.testing.assert_close(found.log_counts.double(), log_counts, rtol=0, atol=1e-5 * float(log_counts.abs().max()))


@pytest.mark.parametrize("width", [25, 50])
def test_a_model_without_control_predicts_the_same(tmp_path, width):
    file = BPNetFile(width=width)
    model = read(file.write(tmp_path / "bpnet.model.h5"))
    assert not model.training
    assert model.config.tasks == TASKS
    assert model.config.input_length == model.config.output_length == 100
    assert not model.config.control
    assert_predicts(model, file, sequences())


@pytest.mark.parametrize("control", ["raw", "boxes"])
def test_a_model_with_control_predicts_the_same(tmp_path, control):
    file = BPNetFile(("a", "b"), control=control)
    model = read(file.write(tmp_path / "m.h5"))
    assert model.config.control
    assert model.config.tasks == ("a", "b")
    assert_predicts(model, file, sequences(), controls())
    without = model(sequences())
    assert torch.equal(without.log_counts, model(sequences(), torch.zeros(3, 2, 100)).log_counts)


def test_a_control_that_was_smoothed_before_is_left_out(tmp_path, caplog):
    plain, pooled = BPNetFile(), BPNetFile(control="pooled")
    for number in range(1, 5):
        for ours, theirs in ((f"dense_{number}", f"dense_{2 * number - 1}"), *[(f"conv2d_transpose_{number}",) * 2]):
            pooled.arrays[theirs] = plain.arrays[ours]
    pooled.arrays |= {name: arrays for name, arrays in plain.arrays.items() if name.startswith("conv1d")}
    model = read(pooled.write(tmp_path / "m.h5"))
    assert "another form than ours and is left out" in caplog.text
    assert not model.config.control
    assert_predicts(model, plain, sequences())


def test_published_sizes(tmp_path):
    file = BPNetFile(filters=64, dilated=9, length=1000, control="boxes")
    model = read(file.write(tmp_path / "m.h5"))
    # 4 x (3 + 2) of the control beside the 130,960 of the model without it.
    assert sum(weights.numel() for weights in model.parameters()) == 130_960 + 20


def test_a_model_of_any_length_gets_the_published_one(tmp_path):
    assert read(BPNetFile(length=None).write(tmp_path / "m.h5")).config.input_length == 1000


def test_the_file_is_told_by_its_content(tmp_path):
    file = BPNetFile()
    model, metadata = load_model(file.write(tmp_path / "model"))
    assert metadata["model"] == "bpnet"
    assert metadata["source"] == "keras"
    assert "keras" not in metadata
    assert_predicts(model, file, sequences())
    file.arrays["dense_3"]["bias:0"][0] = np.nan
    with pytest.raises(InputError, match="not finite"):
        load_model(file.write(tmp_path / "model"))


def test_layers_are_sorted_by_their_numbers(tmp_path):
    """conv1d_10 comes after conv1d_9, wherever numbers begin."""
    file = BPNetFile(dilated=10)
    model = read(file.write(tmp_path / "m.h5"))
    assert np.array_equal(model.tower.dilated[9].bias.detach(), file.arrays["conv1d_11"]["bias:0"])


def test_outputs_of_other_names_are_numbered(tmp_path):
    file = BPNetFile(("a", "b"))
    for layer in file.layers:
        layer["config"]["name"] = layer["config"]["name"].replace("/profile", "/shape")
    assert read(file.write(tmp_path / "m.h5")).config.tasks == ("task_0", "task_1")


@pytest.mark.parametrize(
    ("layer", "option", "value", "message"),
    [
        ("conv1d_1", "padding", "valid", "padding 'valid' in conv1d_1. Expected 'same'"),
        ("conv1d_3", "dilation_rate", [8], r"dilation_rate \[8\] in conv1d_3"),
        ("conv1d_2", "activation", "gelu", "activation 'gelu' in conv1d_2"),
        ("conv2d_transpose_1", "strides", [2, 1], "strides"),
        ("conv2d_transpose_2", "activation", "relu", "activation 'relu'"),
        ("dense_2", "activation", "sigmoid", "activation 'sigmoid' in dense_2"),
        ("conv1d_4", "name", "conv1d_9", "no layer conv1d_4 in model_config"),
        ("conv1d_4", "name", None, "no layer conv1d_4"),
        ("seq", "batch_input_shape", [None, "long", 4], "an input of shape"),
        ("seq", "batch_input_shape", [None, 100, 5], "a length and four channels"),
        ("seq", "batch_input_shape", 7, "does not fit its weights"),
        ("seq", "batch_input_shape", [None, 101, 4], "an even number of bases"),
    ],
)
def test_layers_that_do_something_else_are_refused(tmp_path, layer, option, value, message):
    file = BPNetFile()
    file.layer(layer)[option] = value
    with pytest.raises(InputError, match=message):
        read(file.write(tmp_path / "m.h5"))


def without(file, layer, name=None):
    del (file.arrays[layer] if name else file.arrays)[name or layer]


def reshaped(file, layer, *shape):
    file.arrays[layer]["kernel:0"] = np.ones(shape, np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: without(file, "conv1d_4"), r"the layer conv1d_4 \(Conv1D\), of which there are no weights"),
        (lambda file: without(file, "conv1d_2"), "dilation_rate"),
        (lambda file: file._layer("Cropping1D", "cropping1d_1", []), "cropping1d_1"),
        (lambda file: without(file, "dense_2"), "4 profiles and 3 counts"),
        (lambda file: without(file, "dense_2", "bias:0"), "4 profiles and 3 counts"),
        (lambda file: without(file, "dense_2", "kernel:0"), "dense_2 of other weights"),
        (lambda file: reshaped(file, "conv1d_3", 3, 4, 5), r"conv1d_3/kernel:0 is of shape \(3, 4, 5\)"),
        (lambda file: reshaped(file, "conv1d_1", 25, 5, 4), r"conv1d_1/kernel:0 is of shape \(25, 5, 4\)"),
        (lambda file: reshaped(file, "conv1d_1", 25, 4), "a stem kernel of shape"),
        (lambda file: reshaped(file, "conv2d_transpose_3", 25, 1, 2, 5), "conv2d_transpose_3/kernel:0 is of shape"),
        (lambda file: reshaped(file, "conv2d_transpose_1", 25, 2, 2, 4), r"Expected \(25, 1, 2, 4\)"),
        (lambda file: reshaped(file, "dense_4", 4, 3), r"dense_4/kernel:0 is of shape \(4, 3\)"),
        (lambda file: reshaped(file, "conv2d_transpose_1", 25, 1, 3, 4), "strands"),
        (lambda file: file.arrays["dense_1"].update({"bias:0": np.ones(2, np.int32)}), "of the type int32"),
        (lambda file: file.layers.remove(next(x for x in file.layers if x["name"] == "add_2")), "not added"),
        (lambda file: file._layer("BatchNormalization", "batch_normalization_1", [], kernel=(4,)), "batch_norm"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, change, message):
    file = BPNetFile()
    change(file)
    with pytest.raises(InputError, match=message):
        read(file.write(tmp_path / "m.h5"))


def test_a_file_of_weights_alone_is_refused(tmp_path):
    path = BPNetFile().write(tmp_path / "m.h5")
    with h5py.File(path, "r+") as handle:
        del handle.attrs["model_config"]
    with pytest.raises(InputError, match="no model_config"):
        read(path)
