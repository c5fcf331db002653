"""Floors and ceilings on the page: what the table says and the figure draws."""

from __future__ import annotations

import pytest

from bpflow.report.blocks import Figures, Table
from bpflow.report.figures import floor_to_ceiling
from bpflow.report.yardsticks import yardstick_blocks, yardstick_table

METRICS = ("pearsonr", "spearmanr", "median_jsd", "median_norm_jsd")


def yardstick(share: float | None, floor: float = 0.7, ceiling: float = 0.5) -> dict:
    known = share is not None
    return {
        "value": floor + (share or 0) * (ceiling - floor),
        "floor": floor,
        "floor_is": "average profile",
        "constant": 0.72,
        "ceiling": ceiling if known else None,
        "share": share,
        "standard_error": 0.0213 if known else None,
    }


@pytest.fixture
def record() -> dict:
    return {
        "model_kind": "chrombpnet",
        "halves": {
            "peaks": {"pearsonr": 0.974, "spearmanr": 0.963, "median_jsd": 0.645, "excess_coincidence": 6.2},
            "nonpeaks": {"pearsonr": 0.06, "spearmanr": 0.05, "median_jsd": 0.833, "excess_coincidence": 4.7},
        },
        "yardsticks": {
            "peaks": dict(zip(METRICS, map(yardstick, (0.6183, 0.608, 0.5861, -0.3)), strict=True)),
            "nonpeaks": dict.fromkeys(METRICS, yardstick(None)),
        },
    }


def test_the_table_has_a_row_for_each_group_and_metric(record):
    found = yardstick_table(record)
    assert found.caption.startswith("ChromBPNet")
    assert [row[0] for row in found.rows] == ["peaks"] * 4 + ["non-peaks"] * 4
    assert len(found.columns) == len(found.align) == len(found.rows[0])
    assert found.rows[2] == (
        "peaks",
        "profile: median JSD",
        "0.583",
        "0.720",
        "0.700",
        "0.500",
        "59 ± 2 %",
        "0.645",
    )
    assert found.rows[3][6] == "−30 ± 2 %"


def test_what_the_depth_does_not_tell_is_a_dash(record):
    shallow = yardstick_table(record).rows[4]
    assert shallow[2] == "0.700"
    assert shallow[5:7] == ("—", "—")


def test_only_known_shares_are_drawn(record):
    table, figure = yardstick_blocks(record)
    assert isinstance(table, Table)
    assert isinstance(figure, Figures)
    bars, marks = figure.panels[0].figure.data
    assert (
        list(bars.y) == list(marks.y) == [f"peaks: {name}" for name in ("Pearson r", "Spearman ρ", "JSD", "norm. JSD")]
    )
    assert marks.x == pytest.approx([0.6183, 0.608, 0.5861, -0.3])
    record["yardsticks"].pop("peaks")
    assert [type(block) for block in yardstick_blocks(record)] == [Table]


def test_a_record_without_yardsticks_has_no_blocks(record):
    del record["yardsticks"]
    assert yardstick_blocks(record) == []


def test_marks_far_outside_stay_in_sight():
    figure = floor_to_ceiling([("peaks <b>", -7.0, None), ("non-peaks", 3.0, 0.1)])
    marks = figure.data[1]
    low, high = figure.layout.xaxis.range
    assert low < marks.x[0] < 0
    assert 1 < marks.x[1] < high
    assert list(marks.customdata) == [-7, 3]
    assert marks.y[0] == "peaks &lt;b&gt;"
