"""The benchmark against the official run: what it reads and how it compares. It is run by hand, not here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
import yeast_reference

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def settings():
    return yaml.safe_load((ROOT / "config" / "yeast_reference" / "settings.yaml").read_text())


def test_the_official_fragments_and_figures(settings, shared_data):
    folder = shared_data / "data" / "yeast"
    kept = list(yeast_reference.kept_fragments(folder / settings["fragments"], settings["left_out"]))
    assert len(kept) == settings["kept"]
    assert kept[0].count("\t") >= 2
    for name in ("genome", "peaks", "nonpeaks", "fold"):
        assert (folder / settings[name]).is_file()
    figures = {
        model: yeast_reference.chosen(json.loads((folder / path).read_text()))
        for model, path in settings["official_metrics"].items()
    }
    assert figures["bias"]["peaks"]["pearsonr"] == pytest.approx(0.368, abs=5e-4)
    assert figures["chrombpnet"]["peaks_and_nonpeaks"]["median_norm_jsd"] == pytest.approx(0.110, abs=5e-4)


def test_means_are_held_against_the_official_figures_less_a_margin():
    def run(value):
        return {model: {"peaks": {"pearsonr": value, "median_norm_jsd": value}} for model in yeast_reference.MODELS}

    margins = {"pearsonr": 0.02, "median_norm_jsd": 0.01}
    rows = yeast_reference.compare(run(0.5), [run(0.47), run(0.5)], margins)
    assert {row["mean"] for row in rows} == {0.485}
    assert {(row["metric"], row["suffices"]) for row in rows} == {("pearsonr", True), ("median_norm_jsd", False)}
    text = yeast_reference.table(rows, [1, 2])
    assert "| bias | peaks | pearsonr | 0.500 | 0.485 (0.470 to 0.500) | 0.480 | yes |" in text
    assert text.count("NO") == 2


def test_other_data_stop_the_program(capsys):
    with pytest.raises(SystemExit, match="2 found, but the official run has 3"):
        yeast_reference.expect("fragments", 2, 3)
