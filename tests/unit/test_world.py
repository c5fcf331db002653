"""Two processes that train together, with gloo on the processor."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from bpflow.cli import launch, main, train
from bpflow.world import World
from unit import small_training


@pytest.fixture(scope="module")
def inputs(genome, tmp_path_factory):
    return small_training.write_inputs(tmp_path_factory.mktemp("inputs"), genome)


def bpflow(words):
    return subprocess.Popen(
        [sys.executable, "-m", "bpflow", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def epochs(path):
    with open(path) as handle:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(handle, delimiter="\t")]


def test_one_process_alone_changes_nothing():
    world, tensor = World(), torch.ones(3)
    world.add_up([tensor])
    assert tensor.tolist() == [1, 1, 1]
    assert world.share(slice(10, 20)) == slice(10, 20, 1)


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one_with_the_same_batches(inputs, genome_json, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    # 58 examples in batches of 19: in the last batch the second process has none.
    options = ["--batch-size", "19", "--epochs", "3"]
    for folder, devices in zip(folders, ("1", "2"), strict=True):
        process = bpflow(small_training.bias_training(inputs, genome_json, folder, *options, "--devices", devices))
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    one, two = (epochs(folder / "bias.history.tsv") for folder in folders)
    assert len(one) == len(two) == 3
    for first, second in zip(one, two, strict=True):
        for name in first:
            if name != "seconds":
                assert second[name] == pytest.approx(first[name], rel=1e-4), name
    record = json.loads((folders[1] / "bias.json").read_text())
    assert (record["processes"], record["examples_per_epoch"]) == (2, 58)
    assert not list(folders[1].glob("*.checkpoint"))


@pytest.mark.slow
def test_a_mistake_is_said_once_and_ends_with_its_status(inputs, genome_json, tmp_path):
    process = bpflow(
        small_training.bias_training(inputs, genome_json, tmp_path, "--devices", "2", "--input-length", "180")
    )
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert said.count("error:") == 1
    assert "or more" in said


def test_the_process_that_fails_first_ends_the_others(monkeypatch):
    monkeypatch.setattr(launch, "GRACE_SECONDS", 0.3)
    programs = ["import time; time.sleep(60)", "import sys; sys.exit(2)"]
    processes = [subprocess.Popen([sys.executable, "-c", program]) for program in programs]
    begin = time.monotonic()
    assert launch.first_failures(processes) == [1]
    assert time.monotonic() - begin < 30
    assert processes[0].returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("options", "given", "launched"),
    [
        (["--devices", "0", "--device", "auto"], "2", 2),
        (["--devices", "3"], "2", 3),
        (["--devices", "0", "--device", "cpu"], "2", None),
        (["--devices", "0", "--device", "auto"], None, None),
    ],
)
def test_as_many_processes_as_slurm_gave_gpus(inputs, genome_json, tmp_path, monkeypatch, options, given, launched):
    monkeypatch.delenv("SLURM_GPUS_ON_NODE", raising=False)
    if given:
        monkeypatch.setenv("SLURM_GPUS_ON_NODE", given)
    numbers = []
    monkeypatch.setattr(train, "launch", lambda number, _: numbers.append(number) or 5)
    # An input length that no model has ends a training that is not launched.
    command = small_training.bias_training(inputs, genome_json, tmp_path, *options, "--input-length", "180")
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in command])
    assert ended.value.code == (5 if launched else 2)
    assert numbers == ([launched] if launched else [])


@pytest.mark.slow
def test_a_signal_stops_both_in_good_order(inputs, genome_json, tmp_path):
    options = ["--devices", "2", "--epochs", "2000", "--patience", "2000"]
    process = bpflow(small_training.bias_training(inputs, genome_json, tmp_path, *options))
    checkpoint = tmp_path / "bias.checkpoint"
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert said.count("stopped by SIGTERM. The state after batch") == 1
    assert checkpoint.exists()
    done = len(epochs(tmp_path / "bias.history.tsv"))
    options[3] = options[5] = str(done + 2)
    process = bpflow(small_training.bias_training(inputs, genome_json, tmp_path, *options))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "continuing from" in said
    assert len(epochs(tmp_path / "bias.history.tsv")) == done + 2
