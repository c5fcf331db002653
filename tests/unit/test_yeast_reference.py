"""The benchmark against the official run: what it reads and how it compares. It is run by hand, not here."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("yeast_reference", ROOT / "benchmarks" / "yeast_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def settings():
    return yaml.safe_load((ROOT / "config" / "yeast_reference" / "settings.yaml").read_text())


def test_the_official_fragments_and_figures(program, settings, shared_data):
    folder = shared_data / "data" / "yeast"
    kept = list(program.kept_fragments(folder / settings["fragments"], settings["left_out"]))
    assert len(kept) == settings["kept"]
    assert kept[0].count("\t") >= 2
    for name in ("genome", "peaks", "nonpeaks", "fold"):
        assert (folder / settings[name]).is_file()
    figures = {
        model: program.chosen(json.loads((folder / path).read_text()))
        for model, path in settings["official_metrics"].items()
    }
    assert figures["bias"]["peaks"]["pearsonr"] == pytest.approx(0.368, abs=5e-4)
    assert figures["chrombpnet"]["peaks_and_nonpeaks"]["median_norm_jsd"] == pytest.approx(0.110, abs=5e-4)


def test_means_are_held_against_the_official_figures_less_a_margin(program):
    def run(value):
        return {model: {"peaks": {"pearsonr": value, "median_norm_jsd": value}} for model in program.MODELS}

    margins = {"pearsonr": 0.02, "median_norm_jsd": 0.01}
    rows = program.compare(run(0.5), [run(0.47), run(0.5)], margins)
    assert {row["mean"] for row in rows} == {0.485}
    assert {(row["metric"], row["suffices"]) for row in rows} == {("pearsonr", True), ("median_norm_jsd", False)}
    text = program.table(rows, [1, 2])
    assert "| bias | peaks | pearsonr | 0.500 | 0.485 (0.470 to 0.500) | 0.480 | yes |" in text
    assert text.count("NO") == 2


def test_other_data_stop_the_program(program, capsys):
    with pytest.raises(SystemExit, match="2 found, but the official run has 3"):
        program.expect("fragments", 2, 3)
