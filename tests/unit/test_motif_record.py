"""The record of motifs: labels, the table, and verdicts on enzyme and factors in both views."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from bpflow.files import write_json
from bpflow.motif_discovery import Pattern
from bpflow.motif_files import frequencies_of
from bpflow.motif_matches import Match
from bpflow.motif_record import is_enzyme, label, motif_table, report

# A match that counts, and one that does not.
SURE, UNSURE = {"p": 1e-8, "q": 1e-6}, {"p": 0.03, "q": 0.2}
ENZYME, FACTOR = "Tn5", "CTCF"


def pattern(seqlets: int, word: str = "TGACTCA", number: int = 0) -> Pattern:
    frequencies = np.vstack([np.full((3, 4), 0.25), frequencies_of(word)])
    contributions = np.vstack([np.zeros((3, 4)), np.full((len(word), 4), 0.1)])
    return Pattern(f"pos_patterns.pattern_{number}", seqlets, frequencies, contributions)


def judged(view: str, *found: tuple[int, list[Match]], database: int = 100) -> dict:
    """A record of patterns of so many seqlets with these matches."""
    patterns = [pattern(seqlets, number=number) for number, (seqlets, _) in enumerate(found)]
    matches = [known for _, known in found]
    table = motif_table(patterns, matches, pd.Series({pattern.name: 9 for pattern in patterns[:1]}, dtype=int))
    return report(patterns, matches, table, head="counts", view=view, regions=30, window=100, database=database)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Tn5", True), ("TN5 transposase", True), ("DNase I", True), ("dnase", True), ("CTCF", False), ("ATN5", False)],
)
def test_enzymes_are_known_by_name(name, expected):
    assert is_enzyme(name) == expected


def test_a_pattern_is_called_by_its_match_or_else_by_its_consensus():
    assert label(pattern(5), [Match("AP-1", **SURE), Match("CTCF", **SURE)]) == "AP-1"
    assert label(pattern(5), [Match("AP-1", **UNSURE)]) == "TGACTCA"
    assert label(pattern(5), []) == "TGACTCA"


def test_a_nearly_flat_pattern_resembles_everything_and_is_named_after_nothing():
    flat = Pattern("pos_patterns.pattern_0", 30, np.full((14, 4), [0.4, 0.2, 0.2, 0.2]), np.full((14, 4), 0.1))
    assert label(flat, [Match("Put3", **SURE)]) == "A" * 14
    short = pattern(5, "TG")
    assert label(short, [Match("Put3", **SURE)]) == "TG"


def test_the_table_has_all_columns_with_and_without_patterns():
    patterns = [pattern(50), pattern(20, "GATAAG", 1)]
    matches = [[Match("AP-1", **SURE), Match("CTCF", **UNSURE)], []]
    table = motif_table(patterns, matches, pd.Series({"pos_patterns.pattern_1": 3}))
    assert table["pattern"].tolist() == ["pos_patterns.pattern_0", "pos_patterns.pattern_1"]
    assert table["label"].tolist() == ["AP-1", "GATAAG"]
    assert table["consensus"].tolist() == ["TGACTCA", "GATAAG"]
    assert table["seqlets"].tolist() == [50, 20]
    assert table["instances"].tolist() == [0, 3]
    assert table["match_2"].tolist() == ["CTCF", ""]
    assert table["q_1"].tolist()[0] == 1e-6
    assert table[["p_1", "p_3", "q_3"]].iloc[1].isna().all()
    empty = motif_table([], [], pd.Series(dtype=int))
    assert empty.columns.tolist() == table.columns.tolist()
    assert empty.empty


@pytest.mark.parametrize(
    ("view", "found", "expected", "words"),
    [
        ("corrected", [(50, FACTOR, SURE)], "good", "None of the motifs is the enzyme's preference"),
        ("corrected", [(95, FACTOR, SURE), (5, ENZYME, SURE)], "check", "(Tn5): look at the footprints"),
        ("corrected", [(80, FACTOR, SURE), (20, ENZYME, SURE)], "fail", "(Tn5): the bias model did not learn it"),
        ("corrected", [(80, FACTOR, SURE), (20, ENZYME, UNSURE)], "good", "None of the motifs"),
        ("bias", [(50, ENZYME, SURE)], "good", "are the enzyme's, or resemble no factor"),
        ("bias", [(50, ENZYME, SURE), (50, FACTOR, UNSURE)], "good", "resemble no factor"),
        ("bias", [(70, ENZYME, SURE), (30, FACTOR, SURE)], "check", "(CTCF): lower training.bias_threshold_factor"),
        ("bias", [(30, ENZYME, SURE), (70, FACTOR, SURE)], "fail", "has learned factors (CTCF)"),
    ],
)
def test_verdicts(view, found, expected, words):
    record = judged(view, *((seqlets, [Match(name, **sure)]) for seqlets, name, sure in found))
    (item,) = record["verdicts"]
    assert item["verdict"] == expected
    assert words in item["advice"]
    assert item["name"].endswith("counts")


def test_a_task_of_another_model_is_not_held_against_an_enzyme():
    record = judged("CTCF", (50, [Match(ENZYME, **SURE)]))
    assert record["verdicts"] == []
    assert record["patterns"][0]["kind"] == "enzyme"


@pytest.mark.parametrize("view", ["corrected", "bias"])
def test_no_patterns_are_said_and_not_judged(view, tmp_path):
    record = judged(view)
    assert record["patterns"] == []
    (item,) = record["verdicts"]
    assert (item["verdict"], item["value"]) == ("check", None)
    assert record["messages"] == ["No motif recurs often enough in 30 regions: explain more of them, or train longer."]
    write_json(tmp_path / "m.json", record)


def test_a_small_database_is_said_to_be():
    (message,) = judged("corrected", (5, []), database=8)["messages"]
    assert "rough against 8 known motifs" in message
    assert judged("corrected", (5, []), database=50)["messages"] == []


def test_the_record_is_plain_json(tmp_path):
    write_json(tmp_path / "m.json", judged("corrected", (50, [Match("AP-1", **SURE)]), (20, [])))
    record = json.loads((tmp_path / "m.json").read_text())
    first, second = record["patterns"]
    assert (first["label"], first["match_1"], first["instances"]) == ("AP-1", "AP-1", 9)
    assert (second["match_1"], second["p_1"], second["instances"]) == ("", None, 0)
    assert (first["kind"], second["kind"], record["split"]) == ("factor", None, None)
    assert np.array(first["frequencies"]).shape == np.array(first["contributions"]).shape == (7, 4)
    assert (record["stage"], record["head"], record["view"], record["window"]) == ("motifs", "counts", "corrected", 100)
