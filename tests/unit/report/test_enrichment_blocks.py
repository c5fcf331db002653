from __future__ import annotations

import numpy as np
import pytest

from bpflow.report.enrichment import enrichment_blocks


@pytest.fixture
def peaks():
    return {
        "window_insertions": {"width": 1000, "median": 60.5, "deciles": list(range(10, 120, 10)), "reachable_r": 0.987},
        "enrichment": {"per_kb_in_peaks": 90.0, "per_kb_outside": 6.0, "fold": 15.0},
    }


def test_facts_and_figure_are_those_of_the_record(peaks):
    facts, drawn = enrichment_blocks(peaks)
    assert dict(facts.items)["Enrichment of peaks (fold)"] == "15.0"
    assert dict(facts.items)["Insertions around the median peak (1,000 bp)"] == "60.5"
    assert drawn.good.startswith("Good:")
    figure = drawn.panels[0].figure
    assert np.asarray(figure.data[0].y).tolist() == list(range(10, 120, 10))
    assert np.asarray(figure.data[0].x)[[0, 5, 10]].tolist() == [0, 50, 100]
    assert figure.layout.yaxis.type == "log"


def test_peaks_without_insertions_and_enrichment_without_end_are_drawn(peaks):
    peaks["window_insertions"]["deciles"][0] = 0
    peaks["enrichment"]["fold"] = None
    facts, drawn = enrichment_blocks(peaks)
    assert drawn.panels[0].figure.layout.yaxis.type == "linear"
    assert dict(facts.items)["Enrichment of peaks (fold)"] == "—"


def test_records_without_these_numbers_show_nothing(peaks):
    del peaks["enrichment"]
    assert enrichment_blocks(peaks) == []
