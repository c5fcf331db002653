"""The section of the bias threshold factor's choice, of made-up candidates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpflow.bias_choice import choose
from bpflow.files import write_json
from bpflow.report.blocks import Facts, Figures, Prose, Section, Table
from bpflow.report.palette import ROLES
from bpflow.report.sweep import sweep_section
from unit.made_up_candidates import learned, result

NAN = float("nan")


@pytest.fixture
def record(tmp_path: Path) -> dict[str, Any]:
    """Read back from the file, as the report reads it."""
    results = {
        0.3: [result(0, jsd=0.11, peaks=-0.35), result(1, jsd=0.13, peaks=-0.2)],
        0.5: [result(0, jsd=0.14, profile=learned(0.25, "CTCF", "SP1")), result(1, jsd=0.16)],
        1.0: [result(0, jsd=0.1, nonpeaks=NAN, peaks=NAN), result(1, jsd=0.1)],
    }
    write_json(tmp_path / "choice.json", choose(results))
    return json.loads((tmp_path / "choice.json").read_text())


def blocks(section: Section, kind: type) -> list[Any]:
    return [block for block in section.blocks if isinstance(block, kind)]


def test_every_candidate_has_a_row_with_its_rank_or_why_it_is_out(record):
    section = sweep_section(record, "a")
    assert section.id == "a-sweep"
    ranking, folds = blocks(section, Table)
    assert ranking.rows == [
        ("0.3", "1, chosen", "0.120", "0.400", "−0.350", "none", "—"),
        (
            "0.5",
            "out",
            "0.150",
            "0.400",
            "0.100",
            "CTCF, SP1",
            "fold 0: has learned CTCF, SP1 in its profile (25 % of motif instances)",
        ),
        (
            "1",
            "out",
            "0.100",
            "0.400",
            "0.100",
            "none",
            "fold 0: counts in non-peaks do not correlate with what is observed (no correlation could be computed)",
        ),
    ]
    assert len(folds.rows) == 6
    assert folds.rows[2] == ("0.5", "0", "215", "430", "0.140", "0.400", "0.100", "CTCF, SP1 (25 %)", "none", "Tn5")
    assert folds.rows[4][5:7] == ("—", "—")


def test_the_choice_and_its_reasoning_are_said(record):
    section = sweep_section(record, "a")
    (facts,), (prose,) = blocks(section, Facts), blocks(section, Prose)
    said = dict(facts.items)
    assert (said["Chosen factor"], said["Passed all rules"], said["Folds"]) == ("0.3", "yes", "0, 1")
    for sentence in record["reasoning"]:
        assert sentence in prose.text


def test_figures_hold_every_fold_and_mark_the_choice(record):
    (figures,) = blocks(sweep_section(record, "a"), Figures)
    profile, counts = (panel.figure for panel in figures.panels)
    points, means, chosen = profile.data
    assert list(points.x) == ["0.3", "0.3", "0.5", "0.5", "1", "1"]
    assert np.asarray(points.y) == pytest.approx([0.11, 0.13, 0.14, 0.16, 0.1, 0.1])
    assert np.asarray(means.y) == pytest.approx([0.12, 0.15, 0.1])
    assert (list(chosen.x), list(chosen.y)) == (["0.3"], pytest.approx([0.12]))
    assert chosen.marker.color == ROLES["mark"].light
    assert [shape.y0 for shape in counts.layout.shapes] == [-0.3, -0.5]
    assert np.isnan(np.asarray(counts.data[1].y)[2])


def test_a_choice_among_none_that_is_good_is_said():
    section = sweep_section(choose({0.3: [result(peaks=-0.6)]}), "a")
    assert dict(blocks(section, Facts)[0].items)["Passed all rules"] == "no: the least bad was taken"
    assert "None remains" in blocks(section, Prose)[0].text
    assert blocks(section, Table)[0].rows[0][1] == "out, chosen"
