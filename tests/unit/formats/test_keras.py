"""Official Keras files: read whole or refused by name, and written as Keras 2.8 writes them."""

from __future__ import annotations

import json
import shutil

import h5py
import numpy as np
import pytest
import torch

from bpflow.errors import InputError
from bpflow.formats.keras import official_layout, read_keras, write_keras
from bpflow.models import BPNet, BPNetConfig, ChromBPNet

LENGTHS = {"input_length": 300, "output_length": 100}
KINDS = ("bias", "nobias", "chrombpnet")
GOLDEN_KINDS = {"bias": "bias", "chrombpnet_nobias": "nobias", "chrombpnet": "chrombpnet"}


def tower(filters=8, layers=3, seed=1, **sizes):
    model = BPNet(BPNetConfig(**{**LENGTHS, **sizes}, filters=filters, layers=layers))
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(torch.randn(weights.shape, generator=random))
    return model


def make(kind):
    if kind == "chrombpnet":
        return ChromBPNet(tower(), tower(4, 2, seed=2))
    return tower(4, 2) if kind == "bias" else tower()


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def written(tmp_path, kind):
    write_keras(make(kind), tmp_path / "m.h5", kind=kind)
    return tmp_path / "m.h5"


def assert_same_weights(one, other):
    assert one.config == other.config
    for name, weights in one.state_dict().items():
        assert torch.equal(weights, other.state_dict()[name]), name


def tree(path):
    """Every group, dataset and attribute of a file, with types as they are stored."""
    content = {}

    def note(name, item):
        attributes = {
            key: (h5py.h5a.open(item.id, key.encode()).get_type().encode(), str(item.attrs[key])) for key in item.attrs
        }
        data = (item.shape, item.dtype, item[()].tobytes()) if isinstance(item, h5py.Dataset) else None
        content[name] = (attributes, data)

    with h5py.File(path) as handle:
        note("/", handle)
        handle.visititems(note)
    return content


def test_a_model_comes_back_as_it_was(written, kind):
    model, layout = read_keras(written)
    assert layout.kind == kind
    assert not model.training
    assert_same_weights(model, make(kind))


def test_kernels_are_width_in_out(tmp_path):
    model = tower(4, 2)
    write_keras(model, tmp_path / "m.h5", kind="bias")
    with h5py.File(tmp_path / "m.h5") as handle:
        kernel = handle["model_weights/bpnet_1st_conv/bpnet_1st_conv/kernel:0"]
        assert kernel.shape == (21, 4, 4)
        assert kernel[5, 2, 3] == model.tower.stem.weight[3, 2, 5]
        assert handle["model_weights/logcount_predictions/logcount_predictions/kernel:0"].shape == (4, 1)


def test_equal_models_are_equal_files(tmp_path, kind):
    for name in ("a.h5", "b.h5"):
        write_keras(make(kind), tmp_path / name, kind=kind)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize(
    "sizes",
    [
        {"first_kernel": 11, "dilated_kernel": 5, "profile_kernel": 25},
        {"input_length": 512, "output_length": 64},
        {"layers": 1},
    ],
)
def test_sizes_follow_from_shapes_and_lengths_from_the_configuration(tmp_path, sizes):
    model = tower(**{"layers": 2, **sizes})
    write_keras(model, tmp_path / "m.h5", kind="nobias")
    assert_same_weights(read_keras(tmp_path / "m.h5").model, model)


def test_only_the_bias_of_a_combined_model_is_frozen(tmp_path):
    write_keras(make("chrombpnet"), tmp_path / "m.h5", kind="chrombpnet")
    model, layout = read_keras(tmp_path / "m.h5")
    assert not any(weights.requires_grad for weights in model.bias.parameters())
    parts = {layer["config"]["name"]: layer for layer in json.loads(layout.model_config)["config"]["layers"]}
    for name, trainable in (("model_wo_bias", True), ("model", False)):
        convolutions = [item for item in parts[name]["config"]["layers"] if item["class_name"] == "Conv1D"]
        assert {item["config"]["trainable"] for item in convolutions} == {trainable}


@pytest.fixture(params=GOLDEN_KINDS)
def golden(request, shared_data):
    return shared_data / "golden" / "chrombpnet-1.0.1" / f"{request.param}.h5"


def test_official_files_come_back_whole(golden, tmp_path):
    """Groups, attributes, types and every weight, bit for bit; but training_config, which loads no model."""
    kind = GOLDEN_KINDS[golden.stem]
    model, layout = read_keras(golden)
    write_keras(model, tmp_path / "again.h5", kind=kind, layout=layout)
    official, ours = tree(golden), tree(tmp_path / "again.h5")
    official["/"][0].pop("training_config", None)
    assert ours == official


def test_new_files_are_laid_out_as_official_ones(golden, tmp_path):
    kind = GOLDEN_KINDS[golden.stem]
    model, theirs = read_keras(golden)
    ours = official_layout(model, kind)
    assert list(ours.layers.items()) == list(theirs.layers.items())
    assert ours.weights == theirs.weights
    if kind != "chrombpnet":
        assert ours.model_config == theirs.model_config
        return
    own, official = (json.loads(layout.model_config)["config"] for layout in (ours, theirs))
    own_layers, official_layers = own.pop("layers"), official.pop("layers")
    assert own == official
    assert json.dumps(own_layers[:-1]) == json.dumps(official_layers[:-1])
    # The one difference: no marshalled code.
    assert (own_layers[-1]["class_name"], official_layers[-1]["class_name"]) == ("TFOpLambda", "Lambda")
    assert own_layers[-1]["config"]["function"] == "math.reduce_logsumexp"
    assert own_layers[-1]["name"] == official_layers[-1]["name"]


def test_marshalled_code_is_carried_along_and_not_run(shared_data, tmp_path, monkeypatch):
    import marshal

    monkeypatch.setattr(marshal, "loads", lambda *_: pytest.fail("code was unmarshalled"))
    model, layout = read_keras(shared_data / "golden" / "chrombpnet-1.0.1" / "chrombpnet.h5")
    assert "4wEAAAA" in layout.model_config
    write_keras(model, tmp_path / "m.h5", kind="chrombpnet", layout=layout)
    assert read_keras(tmp_path / "m.h5").layout == layout


def renamed(path, old, new):
    with h5py.File(path, "a") as handle:
        for place in (f"model_weights/{old}/{old}", f"model_weights/{old}"):
            handle.move(place, place.removesuffix(old) + new)
        handle.attrs["model_config"] = handle.attrs["model_config"].replace(f'"{old}"', f'"{new}"')


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("bias", "logcount_predictions", "logcounts"),
        ("bias", "prof_out_precrop", "bpnet_prof_out_precrop"),
        ("nobias", "wo_bias_bpnet_logcount_predictions", "logcount_predictions"),
        ("nobias", "wo_bias_bpnet_prof_out_precrop", "wo_bias_prof_out_precrop"),
    ],
)
def test_older_names_are_read_and_kept(tmp_path, kind, old, new):
    write_keras(make(kind), tmp_path / "m.h5", kind=kind)
    renamed(tmp_path / "m.h5", old, new)
    model, layout = read_keras(tmp_path / "m.h5")
    assert_same_weights(model, make(kind))
    write_keras(model, tmp_path / "again.h5", kind=kind, layout=layout)
    with h5py.File(tmp_path / "again.h5") as handle:
        assert f"{new}/{new}/kernel:0" in handle["model_weights"]


def delete(place):
    def change(handle):
        del handle[place]

    return change


def replace(place, array):
    def change(handle):
        if place in handle:
            del handle[place]
        handle[place] = array

    return change


def group_in_place_of(place):
    def change(handle):
        del handle[place]
        handle[f"{place}/inside"] = 1.0

    return change


def claims(place, shape):
    """As many values as no machine has memory for, none of which are stored."""

    def change(handle):
        del handle[place]
        handle.create_dataset(place, shape, "f4", chunks=True, compression="gzip")

    return change


def configured(old, new):
    def change(handle):
        assert old in handle.attrs["model_config"]
        handle.attrs["model_config"] = handle.attrs["model_config"].replace(old, new)

    return change


def without_configuration(handle):
    del handle.attrs["model_config"]


BIAS = "model_weights/bpnet_2conv/bpnet_2conv"
STEM = "model_weights/wo_bias_bpnet_1st_conv"
DAMAGES = {
    "no weights": ("bias", delete("model_weights"), "without the group model_weights"),
    "missing layer": ("bias", delete("model_weights/bpnet_1conv"), "no layer bpnet_1conv"),
    "missing first layer": ("nobias", delete(STEM), "no layer wo_bias_bpnet_1st_conv"),
    "missing head": ("nobias", delete("model_weights/wo_bias_bpnet_prof_out_precrop"), "bpnet_prof_out_precrop"),
    "missing counts": ("bias", delete("model_weights/logcount_predictions"), "no layer logcount_predictions"),
    "missing bias term": ("bias", delete(f"{BIAS}/bias:0"), "no layer bpnet_2conv"),
    "missing part": ("chrombpnet", delete("model_weights/model"), "no bias model among"),
    "missing nested layer": (
        "chrombpnet",
        delete("model_weights/model/bpnet_1conv"),
        "model_weights/model: no layer bpnet_1conv",
    ),
    "wrong shape": ("bias", replace(f"{BIAS}/kernel:0", np.zeros((3, 4, 5), "f4")), r"bpnet_2conv.*\(3, 4, 5\)"),
    "wrong shape of a bias term": ("bias", replace(f"{BIAS}/bias:0", np.zeros(3, "f4")), r"bias:0 is of shape \(3,\)"),
    "five channels": (
        "nobias",
        replace(f"{STEM}/wo_bias_bpnet_1st_conv/kernel:0", np.zeros((21, 5, 8), "f4")),
        r"\(21, 5, 8\)",
    ),
    "whole numbers": ("bias", replace(f"{BIAS}/kernel:0", np.zeros((3, 4, 4), "i4")), "floating-point"),
    "a group for a weight": ("bias", group_in_place_of(f"{BIAS}/kernel:0"), "floating-point"),
    "values that are not stored": ("bias", claims(f"{BIAS}/kernel:0", (3, 4, 10**12)), "claims 48000000000000 bytes"),
    "a layer of a huge number": (
        "bias",
        replace("model_weights/bpnet_999999999999conv/x", 1.0),
        "no layer bpnet_3conv",
    ),
    "a link in a circle": ("bias", replace("model_weights/loop", h5py.SoftLink("/model_weights")), "another name"),
    "a link to nowhere": ("bias", replace(f"{BIAS}/kernel:0", h5py.SoftLink("/nowhere")), "cannot be read"),
    "a link to another file": ("bias", replace(BIAS, h5py.ExternalLink("/etc/passwd", "/x")), "lies in another file"),
    "no configuration": ("bias", without_configuration, "no model_config"),
    "configuration nested too deeply": ("bias", configured("{", "[" * 9999), "nested too deeply"),
    "configuration that is no JSON": ("bias", configured('{"class_name": "Func', "Func"), "does not fit its weights"),
    "configuration of other layers": ("bias", configured("bpnet_2conv", "other"), "no layer bpnet_2conv in"),
    "other dilations": ("bias", configured('"dilation_rate": [4]', '"dilation_rate": [3]'), r"dilation_rate \[3\]"),
    "another activation": ("bias", configured('"relu"', '"tanh"'), "activation 'tanh'"),
    "another padding": ("nobias", configured('"valid"', '"same"'), "padding 'same'"),
    "a layer twice": ("bias", configured('"name": "bpnet_2crop"', '"name": "bpnet_1crop"'), "a layer comes twice"),
    "a profile that is not cropped": (
        "bias",
        configured('"prof_out_precrop", 0, 0', '"gap", 0, 0'),
        "does not fit its w",
    ),
    "another kind of layer": ("bias", configured('"class_name": "Dense"', '"class_name": "Conv1D"'), "class 'Conv1D'"),
    "strides": ("bias", configured('"strides": [1]', '"strides": [2]'), "strides"),
    "a profile cropped on one side": ("bias", configured('"cropping": [47, 47]', '"cropping": [0, 94]'), "cropped by"),
    "any input length": ("bias", configured("[null, 300, 4]", "[null, null, 4]"), "a fixed length"),
    "too short an input": ("bias", configured("[null, 300, 4]", "[null, 200, 4]"), "output_length"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_files_are_refused_by_name(name, tmp_path):
    kind, change, message = DAMAGES[name]
    write_keras(make(kind), tmp_path / "m.h5", kind=kind)
    with h5py.File(tmp_path / "m.h5", "a") as handle:
        change(handle)
    with pytest.raises(InputError, match=message):
        read_keras(tmp_path / "m.h5")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_keras(tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("no model")
    with pytest.raises(InputError, match="not an HDF5 file"):
        read_keras(tmp_path / "text.h5")
    write_keras(make("bias"), tmp_path / "m.h5", kind="bias")
    (tmp_path / "cut.h5").write_bytes((tmp_path / "m.h5").read_bytes()[:-3000])
    with pytest.raises(InputError, match="damaged"):
        read_keras(tmp_path / "cut.h5")
    with h5py.File(tmp_path / "other.h5", "w") as handle:
        handle["model_weights/dense/dense/kernel:0"] = np.zeros((2, 2), "f4")
    with pytest.raises(InputError, match="layers dense"):
        read_keras(tmp_path / "other.h5")


def test_what_official_files_cannot_hold_is_refused(tmp_path):
    with pytest.raises(InputError, match="N channel"):
        write_keras(tower(n_channel=True), tmp_path / "m.h5", kind="bias")
    for options in ({"strands": 2, "tasks": ("a", "b")}, {"same": True, "control": True}):
        with pytest.raises(InputError, match="a bpnet that is no part of a ChromBPNet"):
            write_keras(tower(**options), tmp_path / "m.h5", kind="bias")
    with pytest.raises(InputError, match="a ChromBPNet as a bias file"):
        write_keras(make("chrombpnet"), tmp_path / "m.h5", kind="bias")
    with pytest.raises(InputError, match="one tower as a chrombpnet file"):
        write_keras(make("bias"), tmp_path / "m.h5", kind="chrombpnet")
    with pytest.raises(InputError, match="the layout of a bias file with 10 weights"):
        write_keras(make("nobias"), tmp_path / "m.h5", kind="bias", layout=official_layout(make("bias"), "bias"))
    assert not list(tmp_path.iterdir())


def test_reading_leaves_the_file_alone(written):
    copy = written.with_name("copy.h5")
    shutil.copy(written, copy)
    copy.chmod(0o444)
    read_keras(copy)
    assert copy.read_bytes() == written.read_bytes()
