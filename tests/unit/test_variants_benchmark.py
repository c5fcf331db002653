"""The benchmark of scoring variants, at a size that says nothing about speed."""

from __future__ import annotations

import json

import pytest
import torch
import variants

from bpflow.variants import BLOCK

SMALL = ["--layers", "1", "--seconds", "0.1", "--device", "cpu", "--threads", "1", "--precision", "float32"]


@pytest.fixture(autouse=True)
def small_genome(monkeypatch):
    """Two blocks of variants, and the threads as they were."""
    monkeypatch.setattr(variants, "GENOME", 10 * variants.APART * BLOCK)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_figures_of_one_size_and_of_several(tmp_path, capsys):
    variants.main([*SMALL, "--filters", "2", "--json", str(tmp_path / "one.json")])
    one = json.loads((tmp_path / "one.json").read_text())
    assert all(one[name] > 0 for name in ("score", "plain_predict", "null", "survey"))
    assert one["turns"] >= 3
    assert -1 < one["overhead"] < 10
    assert (one["filters"], one["layers"], one["threads"], one["precision"]) == (2, 1, 1, "float32")
    assert one["machine"]["cores"] > 0
    assert "| 2 | 64 |" in capsys.readouterr().out


def test_overhead_is_that_of_turns_side_by_side(tmp_path, monkeypatch):
    """Where a turn is slow for both, their quotient stays."""
    genome, source = variants.make_inputs(tmp_path)
    model = variants.BPNet(variants.BPNetConfig(filters=2, layers=1))
    ensemble = variants.VariantScorer([model], 64, torch.device("cpu"), torch.float32)
    turns = {"score": [10.0, 1.0, 10.0], "plain_predict": [12.0, 1.2, 40.0], "null": [1.0], "survey": [1.0]}
    monkeypatch.setattr(variants, "in_turns", lambda works, seconds: turns)
    record = variants.Comparison(ensemble, genome, source, tmp_path).measure(1)
    assert record["overhead"] == pytest.approx(0.2)
    assert (record["score"], record["plain_predict"], record["turns"]) == (10, 12, 3)


def test_as_many_variants_are_scored_as_are_counted(tmp_path, monkeypatch):
    genome, source = variants.make_inputs(tmp_path)
    model = variants.BPNet(variants.BPNetConfig(filters=2, layers=1))
    ensemble = variants.VariantScorer([model], 64, torch.device("cpu"), torch.float32)
    comparison = variants.Comparison(ensemble, genome, source, tmp_path)
    assert comparison.available == 2
    scored = []
    score = ensemble.score
    monkeypatch.setattr(
        variants.VariantScorer,
        "score",
        lambda self, windows: (scored.append(len(windows.reference)), score(windows))[1],
    )
    comparison.score(3)
    assert scored == [BLOCK] * 3
