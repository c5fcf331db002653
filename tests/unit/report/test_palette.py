"""Colours that share a figure are told apart by readers with any colour vision, and texts are legible."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from bpflow.report import palette
from bpflow.report.palette import BASES, ROLES

STYLE = Path(palette.__file__).parent / "templates" / "report.css.j2"

# Severity 1.0 of Machado, Oliveira and Fernandes 2009, on linear RGB (doi 10.1109/TVCG.2009.113, table 1).
VISIONS = {
    "usual": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# sRGB to XYZ under D65 (IEC 61966-2-1).
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
# Roles that are drawn in one figure, and how they differ but for their colour.
TOGETHER = {
    ("corrected", "bias"): "solid and dotted; panels of their own",
    ("observed", "corrected"): "cross and circle; dashed line and points",
    ("observed", "bias"): "panels above each other; 'in use' is written on its bar; dashed line and points",
    ("peaks", "nonpeaks"): "solid and dashed",
    ("peaks", "observed"): "solid and dotted",
    ("nonpeaks", "observed"): "dashed and dotted",
    ("train", "valid"): "solid with circles and dashed with diamonds",
    ("train", "mark"): "a curve and an upright line",
    ("valid", "mark"): "a curve and an upright line",
}
# A distance of 2.3 is the least that is seen; lines a pixel wide want several times that.
CLEAR = 12.0


def linear(shade: str) -> np.ndarray:
    parts = np.array([int(shade[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB, white at D65."""
    ratio = XYZ @ rgb / XYZ.sum(axis=1)
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def distance(first: str, second: str, vision: str) -> float:
    """CIE 1976 distance of two colours as a reader of this vision sees them."""
    seen = (np.clip(np.array(VISIONS[vision]) @ linear(shade), 0, 1) for shade in (first, second))
    return float(np.linalg.norm(np.subtract(*map(lab, seen))))


def contrast(first: str, second: str) -> float:
    """Contrast of WCAG 2, 1 to 21."""
    low, high = sorted(float(XYZ[1] @ linear(shade)) for shade in (first, second))
    return (high + 0.05) / (low + 0.05)


def test_the_simulation_knows_whose_colours_are_confused():
    assert distance("#ff0000", "#00ff00", "usual") > 150
    assert distance("#a5761e", "#7f8500", "deuteranopia") < distance("#a5761e", "#7f8500", "usual") / 2
    assert distance("#009e73", "#0099a8", "tritanopia") < distance("#009e73", "#0099a8", "usual") / 2
    assert lab(np.ones(3)) == pytest.approx([100, 0, 0], abs=0.01)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_of_a_figure_are_told_apart(vision, scheme):
    shades = {name: getattr(role, scheme) for name, role in ROLES.items()}
    near = {
        pair: round(distance(shades[pair[0]], shades[pair[1]], vision), 1)
        for pair in TOGETHER
        if distance(shades[pair[0]], shades[pair[1]], vision) < CLEAR
    }
    assert near == {}


@pytest.mark.parametrize("vision", VISIONS)
def test_bases_are_told_apart(vision):
    assert min(distance(first, second, vision) for first, second in combinations(BASES.values(), 2)) > CLEAR


def style_colours(scheme: str) -> dict[str, str]:
    """Colours of the style sheet's variables."""
    text = STYLE.read_text(encoding="utf-8")
    start = text.index(":root", text.index("prefers-color-scheme: dark") if scheme == "dark" else 0)
    pairs = (
        line.split(":") for line in text[start : text.index("}", start)].split("{", 1)[1].split(";") if ":" in line
    )
    shades = {name.strip().removeprefix("--"): value.strip() for name, value in pairs if value.strip().startswith("#")}
    return {
        name: "#" + "".join(2 * letter for letter in shade[1:]) if len(shade) == 4 else shade
        for name, shade in shades.items()
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_are_legible(scheme):
    shades = style_colours(scheme)
    texts = [(text, back) for text in ("ink", "quiet", "accent") for back in ("page", "surface")]
    texts += [(verdict, f"{verdict}-back") for verdict in ("good", "check", "fail", "none")]
    assert {
        pair: contrast(shades[pair[0]], shades[pair[1]])
        for pair in texts
        if contrast(shades[pair[0]], shades[pair[1]]) < 4.5
    } == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_stand_out_from_their_surface(scheme):
    surface = style_colours(scheme)["surface"]
    # WCAG asks 3 of graphics; yellow on white, which Okabe and Ito chose for its hue, has less and is always dashed.
    faint = {name for name, role in ROLES.items() if contrast(getattr(role, scheme), surface) < 3}
    assert faint == ({"nonpeaks"} if scheme == "light" else set())
