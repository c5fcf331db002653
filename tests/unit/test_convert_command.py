"""``bpflow convert``: there and back, what decides the kind, and models of other programs in other commands."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch

from bpflow.checkpoints import load_model, save_model
from bpflow.cli import main
from bpflow.files import sha256
from bpflow.formats.keras import read_keras, write_keras
from bpflow.models import BPNet, BPNetConfig, ChromBPNet, ProCapNet, ProCapNetConfig
from unit.formats.keras_bpnet_files import BPNetFile

SIZES = {"input_length": 300, "output_length": 100}
GOLDEN = ("bias", "chrombpnet_nobias", "chrombpnet")


def tower(seed=1, **sizes):
    return BPNet(BPNetConfig(**SIZES, **{"filters": 4, "layers": 2, **sizes}), torch.Generator().manual_seed(seed))


def combined():
    return ChromBPNet(tower(2, filters=8, layers=3), tower())


def convert(*arguments):
    main(["convert", *map(str, arguments)])


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        convert(*arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_pairs_are_converted_one_after_another(tmp_path, capsys):
    names = ("first", "second")
    for seed, name in enumerate(names):
        save_model(tower(seed), tmp_path / f"{name}.safetensors", metadata={"model": "bias"})
        convert(tmp_path / f"{name}.safetensors", tmp_path / f"{name}.alone.h5")
    convert(*(tmp_path / f"{name}.{suffix}" for name in names for suffix in ("safetensors", "h5")))
    for name in names:
        assert sha256(tmp_path / f"{name}.h5") == sha256(tmp_path / f"{name}.alone.h5")
    assert "c.h5 without a model to write" in refused(capsys, "a.h5", "b.h5", "c.h5")


def datasets(path):
    found = {}
    with h5py.File(path) as handle:
        handle["model_weights"].visititems(
            lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    return found


@pytest.mark.parametrize("name", GOLDEN)
def test_official_files_there_and_back(shared_data, tmp_path, name):
    official = shared_data / "golden" / "chrombpnet-1.0.1" / f"{name}.h5"
    convert(official, tmp_path / "m.safetensors")
    convert(tmp_path / "m.safetensors", tmp_path / "m.h5")
    before, after = datasets(official), datasets(tmp_path / "m.h5")
    assert list(before) == list(after)
    for place, array in before.items():
        assert array.dtype == after[place].dtype == np.float32
        assert array.tobytes() == after[place].tobytes(), place
    with h5py.File(official) as one, h5py.File(tmp_path / "m.h5") as other:
        assert one.attrs["model_config"] == other.attrs["model_config"]


@pytest.mark.parametrize(
    ("make", "trained_as", "kind"),
    [(tower, "bias", "bias"), (tower, "chrombpnet_nobias", "nobias"), (combined, "chrombpnet", "chrombpnet")],
)
def test_our_models_there_and_back(tmp_path, make, trained_as, kind):
    model = make()
    save_model(model, tmp_path / "m.safetensors", metadata={"model": trained_as})
    convert(tmp_path / "m.safetensors", tmp_path / "m.h5")
    assert read_keras(tmp_path / "m.h5").layout.kind == kind
    convert(tmp_path / "m.h5", tmp_path / "again.safetensors")
    again, metadata = load_model(tmp_path / "again.safetensors")
    assert metadata["model"] == trained_as
    for name, weights in model.state_dict().items():
        assert torch.equal(weights, again.state_dict()[name]), name


def test_kind_is_asked_for_where_nothing_says_it(tmp_path, capsys):
    save_model(tower(), tmp_path / "m.safetensors", metadata={})
    assert "Say it: --kind bias or --kind nobias" in refused(capsys, tmp_path / "m.safetensors", tmp_path / "m.h5")
    for kind in ("bias", "nobias"):
        convert(tmp_path / "m.safetensors", tmp_path / "m.h5", "--kind", kind)
        assert read_keras(tmp_path / "m.h5").layout.kind == kind
    # Of another kind than the file that it came from: the layout is new.
    convert(tmp_path / "m.h5", tmp_path / "other.h5", "--kind", "bias")
    assert "bpnet_1st_conv" in {name.split("/")[0] for name in datasets(tmp_path / "other.h5")}


def test_models_of_strands_are_kept_as_ours(tmp_path, capsys):
    save_model(tower(strands=2), tmp_path / "m.safetensors", metadata={"model": "procapnet"})
    assert "that is no part of a ChromBPNet" in refused(capsys, tmp_path / "m.safetensors", tmp_path / "m.h5")
    assert not (tmp_path / "m.h5").exists()


def test_like_takes_over_an_official_configuration(shared_data, tmp_path):
    official = shared_data / "golden" / "chrombpnet-1.0.1" / "chrombpnet.h5"
    model, layout = read_keras(official)
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(2)
    save_model(model, tmp_path / "m.safetensors", metadata={"model": "chrombpnet"})
    convert(tmp_path / "m.safetensors", tmp_path / "new.h5")
    assert '"Lambda"' not in read_keras(tmp_path / "new.h5").layout.model_config
    convert(tmp_path / "m.safetensors", tmp_path / "like.h5", "--like", official)
    again, found = read_keras(tmp_path / "like.h5")
    assert found == layout
    assert torch.equal(again.accessibility.profile.weight, model.accessibility.profile.weight)


def test_like_must_be_of_the_same_kind_and_sizes(tmp_path, capsys):
    save_model(tower(), tmp_path / "m.safetensors", metadata={"model": "bias"})
    write_keras(tower(filters=5), tmp_path / "larger.h5", kind="bias")
    write_keras(tower(), tmp_path / "nobias.h5", kind="nobias")
    for other, words in (("larger", "'filters': 5"), ("nobias", "a nobias model")):
        message = refused(capsys, tmp_path / "m.safetensors", tmp_path / "x.h5", "--like", tmp_path / f"{other}.h5")
        assert words in message
    assert not (tmp_path / "x.h5").exists()


def test_options_that_do_not_fit(tmp_path, capsys):
    save_model(combined(), tmp_path / "m.safetensors", metadata={"model": "chrombpnet"})
    save_model(tower(n_channel=True), tmp_path / "n.safetensors", metadata={"model": "bias"})
    assert "the suffix '.onnx'" in refused(capsys, tmp_path / "m.safetensors", tmp_path / "m.onnx")
    assert "--kind with a folder" in refused(capsys, tmp_path / "m.safetensors", tmp_path / "m", "--kind", "bias")
    assert "no architecture for" in refused(capsys, tmp_path / "n.safetensors", tmp_path / "n")
    assert "--kind with a .safetensors" in refused(capsys, *[tmp_path / "m.safetensors"] * 2, "--kind", "bias")
    assert "for a whole ChromBPNet" in refused(
        capsys, tmp_path / "m.safetensors", tmp_path / "m.h5", "--kind", "nobias"
    )
    assert "N channel" in refused(capsys, tmp_path / "n.safetensors", tmp_path / "n.h5")


def profiles(system):
    """A BPNet of two tasks, a ProCapNet and a ChromBPNet, with what is known of them."""
    if system == "chrombpnet":
        return combined()
    random = torch.Generator().manual_seed(4)
    if system == "procapnet":
        return ProCapNet(ProCapNetConfig(input_length=206, output_length=100, filters=4, layers=2), random)
    lengths = {"input_length": 100, "output_length": 100}
    stranded = {"tasks": ("a", "b"), "strands": 2, "shared_strands": False, "same": True}
    return BPNet(BPNetConfig(**lengths, **stranded, filters=4, layers=2), random)


@pytest.mark.parametrize("system", ["bpnet", "procapnet", "chrombpnet"])
def test_ours_to_multimolecule_and_back(tmp_path, system):
    model = profiles(system)
    save_model(model, tmp_path / "m.safetensors", metadata={"model": system, "seed": 3})
    (tmp_path / "as_it_was.0").mkdir()
    for name in ("folder", "as_it_was.0"):
        convert(tmp_path / "m.safetensors", tmp_path / name)
        convert(tmp_path / name, tmp_path / "again.safetensors")
        again, metadata = load_model(tmp_path / "again.safetensors")
        assert (metadata["model"], metadata["source"]) == (system, "multimolecule")
        assert again.config == model.config
        for weight, values in model.state_dict().items():
            assert torch.equal(values, again.state_dict()[weight]), weight


@pytest.mark.parametrize("system", ["bpnet", "procapnet"])
def test_what_is_no_part_of_a_chrombpnet_has_no_h5(tmp_path, capsys, system):
    save_model(profiles(system), tmp_path / "m.safetensors", metadata={"model": system})
    message = refused(capsys, tmp_path / "m.safetensors", tmp_path / "m.h5", "--kind", "bias")
    assert f"a {system} that is no part of a ChromBPNet" in message
    assert not (tmp_path / "m.h5").exists()


def test_originals_become_ours(tmp_path):
    BPNetFile(("a", "b"), control="boxes").write(tmp_path / "bpnet.h5")
    convert(tmp_path / "bpnet.h5", tmp_path / "bpnet.safetensors")
    model, metadata = load_model(tmp_path / "bpnet.safetensors")
    assert (metadata["model"], metadata["source"]) == ("bpnet", "keras")
    assert model.config.control
    procapnet = ProCapNet(ProCapNetConfig(filters=4), torch.Generator().manual_seed(1))
    names = {"tower.stem": "iconv", "tower.dilated": "rconvs", "profile": "fconv", "counts": "linear"}
    weights = {
        next(name.replace(ours, its) for ours, its in names.items() if name.startswith(ours)): tensor
        for name, tensor in procapnet.state_dict().items()
    }
    torch.save(weights, tmp_path / "fold_0.state_dict.torch")
    convert(tmp_path / "fold_0.state_dict.torch", tmp_path / "procapnet.safetensors")
    model, metadata = load_model(tmp_path / "procapnet.safetensors")
    assert (metadata["model"], metadata["source"]) == ("procapnet", "pytorch")
    for weight, values in procapnet.state_dict().items():
        assert torch.equal(values, model.state_dict()[weight]), weight


def multimolecule(shared_data):
    return shared_data / "golden" / "multimolecule-0.2.2" / "chrombpnet"


def test_multimolecule_becomes_ours_with_its_n_channel(shared_data, tmp_path):
    convert(multimolecule(shared_data), tmp_path / "m.safetensors")
    model, metadata = load_model(tmp_path / "m.safetensors")
    assert model.config.channels == 5
    assert metadata["source"] == "multimolecule"
    official = safetensors.torch.load_file(multimolecule(shared_data) / "model.safetensors")
    assert sum(weights.numel() for weights in model.state_dict().values()) == sum(w.numel() for w in official.values())


@pytest.mark.parametrize("source", ["multimolecule", "chrombpnet"])
def test_predict_takes_models_of_other_programs(shared_data, tmp_path, source):
    if source == "multimolecule":
        folder = model = multimolecule(shared_data)
        expected = np.load(folder / "predictions.npz")["log_counts"]
    else:
        folder = shared_data / "golden" / "chrombpnet-1.0.1"
        model, expected = folder / "chrombpnet.h5", np.load(folder / "predictions.npz")["chrombpnet_log_counts"]
    arguments = ["--model", model, "--sequences", folder / "sequences.fa", "--output", tmp_path / "p.h5"]
    main(["predict", *map(str, arguments), "--device", "cpu", "--precision", "float32"])
    with h5py.File(tmp_path / "p.h5") as handle:
        np.testing.assert_allclose(handle["predictions/logcounts"][:], expected[:, 0], atol=1e-4)
        weights = model / "model.safetensors" if source == "multimolecule" else model
        assert handle.attrs["model_sha256"] == sha256(weights)


def test_hdf5_is_told_by_its_bytes_and_suffix(tmp_path, capsys):
    write_keras(tower(), tmp_path / "model.weights", kind="bias")
    assert load_model(tmp_path / "model.weights").metadata["source"] == "keras"
    (tmp_path / "text.h5").write_text("no model")
    assert "not an HDF5 file" in refused(capsys, tmp_path / "text.h5", tmp_path / "m.safetensors")


def test_weights_that_are_no_numbers_are_refused(tmp_path, capsys):
    model = tower()
    with torch.no_grad():
        model.counts.bias.fill_(float("nan"))
    write_keras(model, tmp_path / "m.h5", kind="bias")
    assert "not finite" in refused(capsys, tmp_path / "m.h5", tmp_path / "m.safetensors")
