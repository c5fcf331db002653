"""Figures of single variants."""

from __future__ import annotations

import sys
import warnings
import xml.etree.ElementTree as ElementTree

import numpy as np
from matplotlib.axes import Axes

from bpflow.report.variant_figures import COLOURS, Panel, draw_variant


def profiles() -> tuple[np.ndarray, np.ndarray]:
    track = np.exp(-(((np.arange(100) - 50) / 10) ** 2))
    return track, 2 * track


def test_both_alleles_are_drawn_with_their_sums(tmp_path):
    reference, alternative = profiles()
    draw_variant(tmp_path / "v.svg", reference, alternative, title="chr1:5 A>C")
    text = (tmp_path / "v.svg").read_text()
    ElementTree.fromstring(text)
    assert "chr1:5 A&gt;C" in text
    assert f"reference: {reference.sum():.1f} insertions" in text
    assert f"alternative: {alternative.sum():.1f} insertions" in text
    assert all(f"stroke: {colour}" in text for colour in COLOURS.values())


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    for name in ("a.svg", "b.svg"):
        draw_variant(tmp_path / name, *profiles(), title="x")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_panels_are_drawn_below_on_the_same_axis(tmp_path):
    limits = []

    def draw(axes) -> None:
        axes.bar(np.arange(-50, 50), np.ones(100), color="#123456")
        limits.append(axes.get_xlim())

    draw_variant(tmp_path / "v.svg", *profiles(), title="x", panels=[Panel(1.0, draw), Panel(1.0, draw)])
    text = (tmp_path / "v.svg").read_text()
    assert text.count("#123456") >= 200
    assert len(limits) == 2
    assert limits[0][0] <= -50 < 49 <= limits[0][1]


def test_no_window_system_is_touched(tmp_path):
    before = "matplotlib.pyplot" in sys.modules
    draw_variant(tmp_path / "v.svg", *profiles(), title="x")
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_a_title_is_no_formula(tmp_path):
    draw_variant(tmp_path / "v.svg", *profiles(), title=r"rs$\frac$<b>")
    assert r"rs$\frac$&lt;b&gt;" in (tmp_path / "v.svg").read_text()


def test_the_minus_strand_is_drawn_downwards(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Axes, "plot", lambda axes, x, y, **_: drawn.append((x, y)))
    both = np.arange(20.0)
    with warnings.catch_warnings():
        # Nothing is drawn, so there is no legend.
        warnings.simplefilter("ignore")
        draw_variant(tmp_path / "v.svg", both, both + 1, title="x", strands=2)
    for (x, y), expected in zip(drawn, (both[:10], -both[10:], both[:10] + 1, -both[10:] - 1), strict=True):
        np.testing.assert_array_equal(x, np.arange(-5, 5))
        np.testing.assert_array_equal(y, expected)
