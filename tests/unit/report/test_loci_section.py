"""The section of loci: what the browser is given, the table, and logos that need no script."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from bpflow.packed_arrays import unpack
from bpflow.report.blocks import Figures, LocusBrowser, Table
from bpflow.report.collect import collect
from bpflow.report.format import number
from bpflow.report.loci import LOGO_WIDTH, loci_section
from bpflow.report.logos import letter_outlines
from bpflow.report.page import render
from made_up_run import build, locus

HOSTILE = '</script><b>"GAL1" & co'


@pytest.fixture
def record():
    peaks = [
        locus(f"chrIV:{1001 + 500 * k}-{1300 + 500 * k}", 1000 + 500 * k, quantile=1 - (k + 0.5) / 6) for k in range(6)
    ]
    named = [locus(HOSTILE, 9000, folds=(0, 2), held_out=False), locus("HIS3", 20_000)]
    return {
        "stage": "loci",
        "peaks": {"shown": 6, "ranked": 700, "rule": "Peaks are ranked."},
        "input_length": 2114,
        "output_length": 1000,
        "references": 20,
        "loci": named + peaks,
    }


def block(section, kind):
    return next(item for item in section.blocks if isinstance(item, kind))


def test_the_browser_holds_each_locus_with_its_tracks(record):
    browser = block(loci_section(record, "s1"), LocusBrowser)
    assert [title for title, _ in browser.groups] == ["Named loci", "Peaks, from many insertions to few"]
    assert [place for _, options in browser.groups for place, _ in options] == list(range(8))
    first = browser.content["loci"][0]
    assert set(first["tracks"]) == {"observed", "with_bias", "bias", "corrected", "counts", "profile"}
    assert first["models"] == "the mean of folds 0, 2, none of which held chrIV out"
    assert browser.content["loci"][1]["models"] == "fold 0, which never saw chrIV"
    assert {"HIS3", "chrIV:20,001-20,300"} <= set(browser.places)
    assert [panel["track"] for panel in browser.content["panels"]] == ["observed", "with_bias", "bias", "corrected"]


def test_without_given_loci_there_is_one_group(record):
    record["loci"] = record["loci"][2:]
    assert len(block(loci_section(record, "s1"), LocusBrowser).groups) == 1


def test_the_table_tells_totals_and_which_fold(record):
    found = block(loci_section(record, "s1"), Table)
    assert len(found.rows) == 8
    row = dict(zip(found.columns, found.rows[0], strict=True))
    assert row["held out"] == "no"
    assert row["predicted by"] == "mean of folds 0, 2"
    assert row["place (from 1)"] == "chrIV:9,001-9,300"
    assert row["observed"] == number(round(record["loci"][0]["totals"]["observed"], 1))
    assert row["unpredicted"] == "3.33 %"
    assert found.rows[2][0] == "peak of quantile 0.917"


def test_logos_show_the_strongest_stretch_of_evenly_taken_peaks(record):
    figures = block(loci_section(record, "s1"), Figures)
    assert [panel.title for panel in figures.panels] == [record["loci"][2 + k]["name"] for k in (0, 1, 3, 4)]
    peak = record["loci"][2]
    start = peak["start"] + 120
    assert f"chrIV:{start + 1:,}-{start + LOGO_WIDTH:,}, in the peak of quantile 0.917" in figures.panels[0].note
    assert peak["sequence"][120 : 120 + LOGO_WIDTH] in figures.panels[0].drawing


def test_without_peaks_there_are_no_logos(record):
    record["loci"] = record["loci"][:2]
    assert not any(isinstance(item, Figures) for item in loci_section(record, "s1").blocks)


def test_without_loci_it_says_so(record):
    record["loci"] = []
    (block,) = loci_section(record, "s1").blocks
    assert "No peak lies far enough" in block.text


def test_outlines_fill_their_box_and_close():
    outlines = letter_outlines()
    assert set(outlines) == set("ACGT")
    assert len(outlines["A"]) == 2
    for polygons in outlines.values():
        points = np.concatenate([np.array(polygon) for polygon in polygons])
        np.testing.assert_allclose([points.min(axis=0), points.max(axis=0)], [[0, 0], [1, 1]], atol=1e-3)
        assert all(polygon[0] == polygon[-1] for polygon in polygons)


def test_the_page_carries_it_with_its_script_and_nothing_breaks_out(record, tmp_path):
    build(tmp_path).write("yeast_wt/loci/loci.json", **record)
    html = render(collect(tmp_path, samples=["yeast_wt"], folds=[0]))
    assert html.count("data-loci>") == 1
    assert HOSTILE not in html
    assert html.count("sha256-") == html.count("<script>")
    for action in ("zoom-in", "zoom-out", "left", "right", "whole", "go"):
        assert f'data-action="{action}"' in html
    held = re.search(r'<figure class="loci".*?<script type="application/json">(.*?)</script>', html, re.DOTALL)
    content = json.loads(held[1])
    assert content["loci"][0]["name"] == HOSTILE
    observed = unpack(content["loci"][1]["tracks"]["observed"])
    np.testing.assert_array_equal(observed, unpack(record["loci"][1]["insertions"]["observed"]))
