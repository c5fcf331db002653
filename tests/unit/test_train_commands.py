"""``bpflow train``, ``scale-bias`` and ``predict`` one after the other, on a small genome."""

from __future__ import annotations

import csv
import errno
import json
import sys

import pytest
import torch

from bpflow import training
from bpflow.checkpoints import load_model, read_metadata
from bpflow.cli import train as train_command
from unit import small_training
from unit.small_training import command


@pytest.fixture(scope="module")
def inputs(genome, tmp_path_factory):
    return small_training.write_inputs(tmp_path_factory.mktemp("inputs"), genome)


def train_bias(inputs, genome_json, output, *options):
    command(*small_training.bias_training(inputs, genome_json, output, *options))


@pytest.fixture(scope="module")
def trained(inputs, genome_json, tmp_path_factory):
    output = tmp_path_factory.mktemp("models")
    train_bias(inputs, genome_json, output)
    command(*small_training.scaling(inputs, genome_json, output))
    bias = output / "bias_scaled.safetensors"
    command(*small_training.chrombpnet_training(inputs, genome_json, output, bias))
    return output


def test_the_record_and_history_of_a_training(trained):
    record = json.loads((trained / "bias.json").read_text())
    assert record["stage"] == "train"
    assert record["model"] == "bias"
    assert record["architecture"]["filters"] == 4
    assert record["recipe"]["counts_loss_weight"] == 1.5
    assert record["epochs_run"] == 2
    assert record["stopped"] == "epochs"
    assert record["examples_per_epoch"] == 58
    assert record["device"] == "cpu"
    assert set(record["environment"]) == {"python", "torch", "numpy", "bpflow"}
    with open(trained / "bias.history.tsv") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[record["best_epoch"] - 1]["valid_loss"]) == pytest.approx(record["best_valid_loss"])


def test_scaling_moves_only_the_count_bias_and_records_why(trained):
    record = json.loads((trained / "bias_scaled.json").read_text())
    before, after = (load_model(trained / f"{name}.safetensors").model.state_dict() for name in ("bias", "bias_scaled"))
    assert (after["counts.bias"] - before["counts.bias"]).item() == pytest.approx(record["delta"], abs=1e-5)
    assert all((before[name] == after[name]).all() for name in before if name != "counts.bias")
    # Regions of the training and validation chromosomes only.
    assert record["regions"] == 58 + 43
    assert read_metadata(trained / "bias_scaled.safetensors")["scaling"]["delta"] == record["delta"]


def test_chrombpnet_holds_the_scaled_bias_and_its_own_part_alone(trained):
    whole, metadata = load_model(trained / "chrombpnet.safetensors")
    alone = load_model(trained / "nobias.safetensors").model
    scaled = load_model(trained / "bias_scaled.safetensors").model
    for part, model in ((whole.bias, scaled), (whole.accessibility, alone)):
        for name, weights in model.state_dict().items():
            assert (part.state_dict()[name] == weights).all()
    assert metadata["recipe"]["jitter"] == 50
    assert {"genome", "signal", "peaks", "nonpeaks", "fold", "selection", "bias_model"} == set(metadata["inputs"])
    record = json.loads((trained / "chrombpnet.json").read_text())
    assert record["examples_per_epoch"] == 58 + 11
    assert record["trainable_parameters"] < record["parameters"]


def test_training_again_gives_the_same_bytes(trained, inputs, genome_json, tmp_path):
    train_bias(inputs, genome_json, tmp_path)
    assert (tmp_path / "bias.safetensors").read_bytes() == (trained / "bias.safetensors").read_bytes()
    train_bias(inputs, genome_json, tmp_path, "--seed", "5")
    assert (tmp_path / "bias.safetensors").read_bytes() != (trained / "bias.safetensors").read_bytes()


def refused(capsys, run):
    with pytest.raises(SystemExit) as stopped:
        run()
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_a_full_size_model_on_a_cpu_is_refused_with_an_estimate(inputs, genome_json, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(train_command, "CPU_GIGAFLOPS", 1e-6)
    message = refused(capsys, lambda: train_bias(inputs, genome_json, tmp_path))
    assert "days" in message
    assert "--allow-cpu" in message
    assert not list(tmp_path.iterdir())
    train_bias(inputs, genome_json, tmp_path, "--allow-cpu", "--epochs", "1")
    assert (tmp_path / "bias.safetensors").exists()


def test_the_limit_lies_between_small_and_full_size():
    from bpflow.models import BPNetConfig

    assert BPNetConfig(filters=64, layers=8).gigaflops < train_command.CPU_GIGAFLOPS < BPNetConfig().gigaflops


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--input-length", "180"], "or more"),
        (["--input-length", "301"], "even"),
        (["--device", "cuda"], "no CUDA GPU"),
        (["--learning-rate", "-1"], "above 0"),
        (["--learning-rate", "1e30", "--epochs", "5"], "loss is no finite number"),
        # Regions at 1500 and more fit 2114 bases, but not 4000.
        (["--input-length", "4000"], "reaches past the chromosome's end"),
    ],
)
def test_options_that_cannot_be_used(inputs, genome_json, tmp_path, capsys, options, message, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert message in refused(capsys, lambda: train_bias(inputs, genome_json, tmp_path, *options))
    assert not list(tmp_path.iterdir())


def test_a_training_that_diverges_leaves_its_last_good_weights(inputs, genome_json, tmp_path, capsys, monkeypatch):
    real = training.diagnosis

    def diverging(model, means, *, flat, batches):
        # Two epochs of one batch each are good.
        return real(
            model, (float("nan"), *means[1:]) if epochs_done(tmp_path) == 2 else means, flat=flat, batches=batches
        )

    monkeypatch.setattr(training, "diagnosis", diverging)
    message = refused(capsys, lambda: train_bias(inputs, genome_json, tmp_path, "--epochs", "9"))
    assert "training, epoch 3, batch 1: the total loss is no finite number" in message
    assert "Lower --learning-rate (it was 0.001)" in message
    good = tmp_path / "bias.last_good.safetensors"
    assert f"The weights of epoch 2 are in {good}." in message
    assert not (tmp_path / "bias.safetensors").exists()
    monkeypatch.undo()
    train_bias(inputs, genome_json, tmp_path, "--no-resume", "--epochs", "2")
    found, expected = (
        load_model(tmp_path / f"{name}.safetensors").model.state_dict() for name in ("bias.last_good", "bias")
    )
    assert all((found[name] == expected[name]).all() for name in expected)


def epochs_done(folder):
    history = folder / "bias.history.tsv"
    return len(history.read_text().splitlines()) - 1 if history.exists() else 0


def test_curves_are_written_for_tensorboard(inputs, genome_json, tmp_path, capsys, monkeypatch):
    train_bias(inputs, genome_json, tmp_path, "--tensorboard", tmp_path / "curves")
    (events,) = (tmp_path / "curves").iterdir()
    content = events.read_bytes()
    assert all(name in content for name in (b"loss/train", b"loss/valid", b"counts_loss/valid"))
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    message = refused(capsys, lambda: train_bias(inputs, genome_json, tmp_path, "--tensorboard", tmp_path / "curves"))
    assert "pip install 'bpflow[tensorboard]'" in message


def test_results_can_be_made_independent_of_parallel_order(inputs, genome_json, tmp_path):
    train_bias(inputs, genome_json, tmp_path, "--deterministic")
    assert torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)
    assert (tmp_path / "bias.safetensors").exists()


def test_a_model_no_better_than_a_flat_profile_is_pointed_out(trained):
    record = json.loads((trained / "bias.json").read_text())
    # The signal is noise: there is nothing to learn.
    assert record["best_valid_loss"] > record["flat_valid_loss"]
    assert any("has learnt nothing" in message for message in record["messages"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"model": "bias"}', "counts_loss_weight is None"),
        ('{"model": "chrombpnet", "counts_loss_weight": 1}', "for 'chrombpnet'"),
        ("[]", "counts_loss_weight"),
    ],
)
def test_a_selection_that_does_not_fit(inputs, genome_json, tmp_path, capsys, content, message):
    (tmp_path / "s.json").write_text(content)
    assert message in refused(
        capsys, lambda: train_bias(inputs, genome_json, tmp_path, "--selection", tmp_path / "s.json")
    )


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("chrombpnet", "not a bias model"),
        ("nobias", "not a bias model"),
        ("bias", "counts are not scaled to this sample. Expected a bias model of 'bpflow scale-bias'"),
    ],
)
def test_what_is_no_scaled_bias_model_is_refused(trained, inputs, genome_json, tmp_path, capsys, model, expected):
    words = small_training.chrombpnet_training(inputs, genome_json, tmp_path, trained / f"{model}.safetensors")
    assert expected in refused(capsys, lambda: command(*words))


@pytest.mark.parametrize("option", ["--output", "--history", "--qc", "--checkpoint"])
def test_what_cannot_be_written_is_said_before_training(inputs, genome_json, tmp_path, capsys, option):
    (tmp_path / "file").write_text("no folder")
    message = refused(
        capsys, lambda: train_bias(inputs, genome_json, tmp_path, option, tmp_path / "file" / "x.safetensors")
    )
    assert "x.safetensors: cannot be written" in message
    assert "epoch" not in message


def test_a_full_disk_is_said_without_a_traceback(inputs, genome_json, tmp_path, capsys, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "bias.safetensors")

    monkeypatch.setattr(train_command, "write_trained", full)
    message = refused(capsys, lambda: train_bias(inputs, genome_json, tmp_path))
    assert "error: bias.safetensors: No space left on device." in message
    # What was trained is not lost.
    assert (tmp_path / "bias.checkpoint").exists()
    monkeypatch.undo()
    train_bias(inputs, genome_json, tmp_path)
    assert (tmp_path / "bias.safetensors").exists()


def test_a_bias_model_in_the_official_format_is_scaled_as_ours(trained, inputs, genome_json, tmp_path, capsys):
    def scale(model):
        command(
            "scale-bias", "--model", model, "--genome", genome_json, "--signal", inputs / "signal.bw",
            "--nonpeaks", inputs / "nonpeaks.narrowPeak", "--fold", inputs / "fold.json",
            "--output", tmp_path / "scaled.safetensors", "--qc", tmp_path / "scaled.json", "--device", "cpu",
        )  # fmt: skip

    command("convert", trained / "bias.safetensors", tmp_path / "bias.h5")
    scale(tmp_path / "bias.h5")
    ours, theirs = (
        load_model(path / name).model.state_dict()
        for path, name in ((trained, "bias_scaled.safetensors"), (tmp_path, "scaled.safetensors"))
    )
    assert all((ours[name] == theirs[name]).all() for name in ours)
    command("convert", tmp_path / "scaled.safetensors", tmp_path / "scaled.h5")
    assert load_model(tmp_path / "scaled.h5").metadata["model"] == "bias"
    command("convert", trained / "nobias.safetensors", tmp_path / "nobias.h5")
    message = refused(capsys, lambda: scale(tmp_path / "nobias.h5"))
    assert "accessibility without bias" in message
