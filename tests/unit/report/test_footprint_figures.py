"""Footprints as SVG files: what is drawn, and names that files can have."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bpflow.footprints import Effect, Footprint
from bpflow.inserts import Insert
from bpflow.report.footprint_figures import draw_footprints, file_name
from bpflow.report.palette import ROLES


def footprint(name: str, sequence: str, height: float = 0.0) -> Footprint:
    profile = np.full(1_000, 1e-3)
    profile[500] += height
    return Footprint(Insert(name, sequence, "motif"), dict.fromkeys(("corrected", "with_bias"), Effect(profile, 9.0)))


def test_one_svg_a_motif_the_same_every_time(tmp_path):
    footprints = [footprint("control", ""), footprint("GATA+TAL", "AGATAAG", 0.01), footprint("A::B $x", "ACGT")]
    paths = draw_footprints(footprints, tmp_path / "a")
    assert [path.name for path in paths] == [
        "control.footprint.svg",
        "GATA+TAL.footprint.svg",
        "A_B_x.footprint.svg",
    ]
    again = draw_footprints(footprints, tmp_path / "b")
    for one, other in zip(paths, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(path.name for path in paths)
    drawn = paths[1].read_text()
    for role in ("corrected", "bias"):
        assert f"stroke: {ROLES[role].light}" in drawn
    assert drawn != paths[0].read_text()


def test_lines_show_the_centre(tmp_path):
    ragged = Effect(np.random.default_rng(0).dirichlet(np.ones(1_000)), 9.0)
    views = dict.fromkeys(("corrected", "with_bias"), ragged)
    (path,) = draw_footprints([Footprint(Insert("m", "ACGT", "motif"), views)], tmp_path)
    lines = re.findall(r'<path d="([^"]*)" clip-path', path.read_text())
    points = [line.count("L") + line.count("M") for line in lines]
    assert 150 < max(points) <= 200


def test_a_band_shows_the_deviation(tmp_path):
    footprints = [footprint("m", "ACGT", 0.01)]
    (plain,) = draw_footprints(footprints, tmp_path / "plain")
    (banded,) = draw_footprints(footprints, tmp_path / "banded", deviations=footprints)
    assert "fill-opacity: 0.25" in banded.read_text()
    assert "fill-opacity: 0.25" not in plain.read_text()


@pytest.mark.parametrize(
    ("name", "expected"), [("a/b", "a_b"), ("A::B (x)", "A_B_x_"), ("MA0139.1 CTCF", "MA0139.1_CTCF")]
)
def test_names_become_file_names(name, expected):
    assert file_name(name) == expected


def test_two_names_that_are_one_file_are_kept_apart(tmp_path):
    paths = draw_footprints([footprint("a b", "A"), footprint("a_b", "C")], tmp_path)
    assert len(set(paths)) == len(list(tmp_path.iterdir())) == 2
