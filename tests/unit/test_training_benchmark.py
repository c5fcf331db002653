"""The benchmark of training and prediction, at a size that says nothing about speed."""

from __future__ import annotations

import json

import pytest
import torch
import training

from bpflow.models import BPNet, BPNetConfig

RATES = ("train", "plain_train", "predict", "plain_predict", "epoch")
SHARES = ("train_share_of_matmul", "predict_share_of_matmul")
SMALL = ["--layers", "1", "--seconds", "1", "--batch-size", "4", "--device", "cpu", "--threads", "1"]


@pytest.fixture(autouse=True)
def small_matrices(monkeypatch):
    monkeypatch.setitem(training.MATRIX, "cpu", 64)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def record_of(tmp_path, *arguments):
    path = tmp_path / "record.json"
    training.main([*SMALL, *arguments, "--json", str(path)])
    return json.loads(path.read_text())


def test_one_size_gives_its_figures_at_the_top(tmp_path, capsys):
    record = record_of(tmp_path, "--filters", "4", "--precision", "float32")
    assert all(record[name] > 0 for name in (*RATES, *SHARES, "matmul_tflops"))
    assert record["matmul_tflops"] == record["matmul_tflops_float32"]
    assert record["train_ratio"] == pytest.approx(record["train"] / record["plain_train"])
    assert record["predict_ratio"] == pytest.approx(record["predict"] / record["plain_predict"])
    assert record["waiting"] == pytest.approx(max(0, 1 - record["epoch"] / record["train"]))
    work = 3 * record["train"] * BPNetConfig(filters=4, layers=1).gigaflops / 1000
    assert record["train_share_of_matmul"] == pytest.approx(work / record["matmul_tflops"])
    assert (record["filters"], record["layers"], record["threads"]) == (4, 1, 1)
    assert 2 <= record["batch_size"] <= 4
    assert (record["precision"], record["device"]) == ("float32", "cpu")
    assert record["machine"]["cores"] > 0
    assert len(record["date"]) == 10
    assert f"| 4 | {record['batch_size']} |" in capsys.readouterr().out


def test_several_sizes_give_a_list(tmp_path):
    record = record_of(tmp_path, "--filters", "2", "3", "--precision", "bfloat16")
    assert [run["filters"] for run in record["runs"]] == [2, 3]
    assert all(run[name] > 0 for run in record["runs"] for name in (*RATES, *SHARES))
    assert all(run["precision"] == "bfloat16" for run in record["runs"])
    assert "date" in record
    assert "train" not in record


@pytest.fixture
def models():
    config = BPNetConfig(filters=3, layers=8)
    ours, plain = BPNet(config, torch.Generator().manual_seed(2)), training.PlainBPNet(3, 8, 1000)
    training.give_weights(ours, plain)
    windows, centers = training.made_up_data(config)
    batch = windows.gather(centers[:2], centers[:2] > 0)
    return ours, plain, torch.from_numpy(batch.codes), torch.from_numpy(batch.counts)


def test_the_plain_model_does_the_same_work(models):
    training.require_equal(*models)


@pytest.mark.parametrize("part", ["stem", "dilated.7", "profile", "counts"])
def test_a_model_that_does_other_work_is_refused(models, part):
    with torch.no_grad():
        models[1].get_submodule(part).weight.mul_(1.5)
    with pytest.raises(SystemExit, match=r"the plain model's .* differ from ours"):
        training.require_equal(*models)
