"""A training that was stopped or killed goes on from its checkpoint, to the same weights bit by bit."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
import safetensors
import torch

from bpflow.checkpoints import load_model, save_model
from bpflow.cli import main
from bpflow.devices import has_fast_bfloat16
from bpflow.training_state import Checkpoint
from unit import small_training

pytestmark = pytest.mark.slow

# Long enough for every kill to fall into it.
LONG = ["--epochs", "40", "--patience", "40", "--batch-size", "8"]
OFTEN = ["--checkpoint-minutes", "0"]
KILLS = 20
LOW = ["--precision", "bfloat16"]


@pytest.fixture(scope="module")
def inputs(genome, tmp_path_factory):
    return small_training.write_inputs(tmp_path_factory.mktemp("inputs"), genome)


@pytest.fixture(scope="module")
def bias(inputs, genome_json, tmp_path_factory):
    output = tmp_path_factory.mktemp("bias")
    small_training.command(*small_training.bias_training(inputs, genome_json, output))
    small_training.command(*small_training.scaling(inputs, genome_json, output))
    return output / "bias_scaled.safetensors"


@pytest.fixture(scope="module")
def words(inputs, genome_json, bias):
    """A function from output folder and options to the words of a ChromBPNet's training."""
    return lambda output, *options: small_training.chrombpnet_training(inputs, genome_json, output, bias, *options)


@pytest.fixture(scope="module")
def whole(words, tmp_path_factory):
    """What an undisturbed training writes."""
    output = tmp_path_factory.mktemp("whole")
    main(words(output, *LONG))
    return output


@contextmanager
def running(arguments, said=os.devnull):
    """A training in a process of its own, which starts with everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bpflow.training", "bpflow.cli.train"])
    process = context.Process(target=_train, args=(arguments, said))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _train(arguments, said):
    sys.stderr = open(said, "a", buffering=1)  # noqa: SIM115 - until the process ends
    # Which signals the server ignores is not what a user's process ignores.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(arguments)


def wait_for(path, process):
    deadline = time.monotonic() + 60
    while not path.exists() and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.002)


def assert_same_models(found, expected):
    for name in ("chrombpnet.safetensors", "nobias.safetensors"):
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name


def test_twenty_kills_at_random_moments_end_in_the_same_bytes(words, whole, tmp_path):
    random = np.random.default_rng()
    checkpoint = tmp_path / "chrombpnet.checkpoint"
    places = [(0, 0)]
    for number in range(KILLS):
        with running(words(tmp_path, *LONG, *OFTEN)) as process:
            # Every fourth falls anywhere, the start of the process included.
            while number % 4 and process.is_alive() and place(checkpoint) == places[-1]:
                time.sleep(0.002)
            time.sleep(random.uniform(0.0, 0.12 if number % 4 else 1.5))
            assert process.is_alive(), "the training ended before it was killed"
        assert process.exitcode == -signal.SIGKILL
        places.append(place(checkpoint))
    # They did fall at different moments of one training.
    assert places == sorted(places)
    assert len(set(places)) > KILLS // 2
    main(words(tmp_path, *LONG))
    assert_same_models(tmp_path, whole)
    assert not checkpoint.exists()
    assert not list(tmp_path.glob(".*.part"))


def place(checkpoint):
    if not checkpoint.exists():
        return 0, 0
    # safe_open opens a path twice, and the training may replace the file in between: a second name keeps the one.
    seen = checkpoint.with_name("seen.checkpoint")
    seen.unlink(missing_ok=True)
    os.link(checkpoint, seen)
    with safetensors.safe_open(str(seen), framework="pt") as handle:
        progress = json.loads(handle.metadata()["bpflow_checkpoint"])["progress"]
    seen.unlink()
    return progress["epoch"], progress["batch"]


@pytest.mark.skipif(
    not has_fast_bfloat16(torch.device("cpu")), reason="this processor has no bfloat16 units, so nothing trains so here"
)
def test_kills_of_a_training_in_bfloat16_end_in_the_same_bytes(words, tmp_path):
    main(words(tmp_path / "whole", *LONG, *LOW))
    killed = tmp_path / "killed"
    for _ in range(KILLS // 5):
        with running(words(killed, *LONG, *LOW, *OFTEN)) as process:
            wait_for(killed / "chrombpnet.checkpoint", process)
            time.sleep(np.random.default_rng().uniform(0.0, 1.0))
            assert process.is_alive(), "the training ended before it was killed"
    assert place(killed / "chrombpnet.checkpoint") > (0, 0)
    main(words(killed, *LONG, *LOW))
    assert_same_models(killed, tmp_path / "whole")


def test_two_trainings_that_write_one_model_end_alike(words, whole, tmp_path):
    with running(words(tmp_path, *LONG)) as one, running(words(tmp_path, *LONG)) as other:
        for process in (one, other):
            process.join()
        assert (one.exitcode, other.exitcode) == (0, 0)
    assert_same_models(tmp_path, whole)
    assert not list(tmp_path.glob("*.checkpoint"))
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_training_in_good_order(words, whole, tmp_path, number, caplog):
    checkpoint = tmp_path / "chrombpnet.checkpoint"
    said = tmp_path / "said"
    with running(words(tmp_path, *LONG, "--checkpoint-minutes", "1000"), said) as process:
        wait_for(checkpoint, process)
        time.sleep(0.3)
        os.kill(process.pid, number)
        process.join(30)
    assert process.exitcode == 128 + number
    assert f"stopped by {number.name}. The state after batch" in said.read_text()
    assert "the same command goes on from there" in said.read_text()
    assert not (tmp_path / "chrombpnet.safetensors").exists()
    assert (tmp_path / "chrombpnet.history.tsv").exists()
    with caplog.at_level(logging.INFO, "bpflow"):
        main(words(tmp_path, *LONG))
    assert "continuing from" in caplog.text
    assert_same_models(tmp_path, whole)


@pytest.fixture
def stopped(words, tmp_path):
    """The folder of a training that was stopped in its first epochs."""
    with running(words(tmp_path, *LONG, *OFTEN)) as process:
        wait_for(tmp_path / "chrombpnet.checkpoint", process)
        time.sleep(0.1)
        process.kill()
    return tmp_path


def test_a_state_of_other_settings_is_not_continued_and_says_why(words, stopped, caplog):
    before = place(stopped / "chrombpnet.checkpoint")
    with caplog.at_level(logging.WARNING, "bpflow"):
        main(words(stopped, "--learning-rate", "0.002"))
    assert "is of another training" in caplog.text
    assert "recipe.learning_rate was 0.001 and is 0.002" in caplog.text
    assert json.loads((stopped / "chrombpnet.json").read_text())["epochs_run"] == 2
    # The state of days may not be lost to a mistyped option.
    assert place(stopped / "chrombpnet.checkpoint.previous") == before
    (stopped / "chrombpnet.checkpoint.previous").rename(stopped / "chrombpnet.checkpoint")
    caplog.clear()
    with caplog.at_level(logging.INFO, "bpflow"):
        main(words(stopped, *LONG))
    assert "continuing from" in caplog.text


def test_a_bias_model_that_was_scaled_anew_and_rounded_otherwise_changes_nothing(
    inputs, genome_json, bias, whole, stopped, tmp_path_factory, caplog
):
    model, metadata = load_model(bias)
    with torch.no_grad():
        model.counts.bias.add_(1e-6)
    again = tmp_path_factory.mktemp("again") / "bias_scaled.safetensors"
    save_model(model, again, metadata=metadata)
    assert again.read_bytes() != bias.read_bytes()
    with caplog.at_level(logging.INFO, "bpflow"):
        main(small_training.chrombpnet_training(inputs, genome_json, stopped, again, *LONG))
    assert "continuing from" in caplog.text
    # Its digest is in the files, so weights are compared.
    found, expected = (load_model(folder / "nobias.safetensors").model.state_dict() for folder in (stopped, whole))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_bias_model_that_was_scaled_on_other_regions_starts_anew(
    inputs, genome_json, bias, stopped, tmp_path_factory, caplog
):
    model, metadata = load_model(bias)
    metadata["scaling"]["inputs"]["nonpeaks"] = "0" * 64
    other = tmp_path_factory.mktemp("other") / "bias_scaled.safetensors"
    save_model(model, other, metadata=metadata)
    with caplog.at_level(logging.WARNING, "bpflow"):
        main(small_training.chrombpnet_training(inputs, genome_json, stopped, other))
    assert "is of another training" in caplog.text


def test_a_state_can_be_left_aside(words, stopped, caplog):
    with caplog.at_level(logging.INFO, "bpflow"):
        main(words(stopped, "--no-resume"))
    assert "continuing" not in caplog.text
    assert json.loads((stopped / "chrombpnet.json").read_text())["epochs_run"] == 2


def test_a_damaged_state_is_not_continued_and_says_so(words, stopped, caplog):
    checkpoint = stopped / "chrombpnet.checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with caplog.at_level(logging.WARNING, "bpflow"):
        main(words(stopped))
    assert "is damaged" in caplog.text
    assert (stopped / "chrombpnet.safetensors").exists()
    assert not checkpoint.exists()


def test_more_epochs_than_before_go_on_from_the_state(words, whole, stopped, caplog):
    with caplog.at_level(logging.INFO, "bpflow"):
        main(words(stopped, *LONG, "--epochs", "41"))
    assert "continuing from" in caplog.text
    first, second = ((folder / "chrombpnet.history.tsv").read_text().splitlines() for folder in (whole, stopped))
    assert [row.rpartition("\t")[0] for row in second[:41]] == [row.rpartition("\t")[0] for row in first]


def test_a_checkpoint_is_due_after_its_minutes(tmp_path):
    assert Checkpoint(tmp_path / "x", {}, minutes=0).is_due
    assert not Checkpoint(tmp_path / "x", {}, minutes=1).is_due
