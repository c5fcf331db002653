"""The benchmark of Basenji2, at sizes of a moment."""

from __future__ import annotations

import json

import basenji2
import pytest

SIZES = {"targets": 3, "stem_filters": 4, "tower_filters": [4] * 6, "bottleneck": 4, "dilated_layers": 2}


@pytest.mark.slow
def test_the_record_has_all_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(basenji2, "INPUTS", ((20, 2),))
    basenji2.main(
        ["--sizes", json.dumps({**SIZES, "head_filters": 8}), "--scale", "0.02", "--json", str(tmp_path / "r.json")]
    )
    record = json.loads((tmp_path / "r.json").read_text())
    for what in ("training_step", "prediction"):
        assert record[what]["seconds"] > 0
        assert record[what]["peak_mb"] > 50
    (of_input,) = record["inputs"]
    assert (of_input["windows"], of_input["tracks"]) == (3, 2)
    for what in ("made_peak_mb", "read_peak_mb", "file_mb"):
        assert of_input[what] > 0
