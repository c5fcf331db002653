"""Motif logos as inline SVG, drawn by logomaker: no file, no timestamp, the same text every time."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import logomaker
import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from bpflow.report.palette import BASES

__all__ = ["information", "letter_outlines", "logo_svg"]

LETTERS = {"font_name": "sans", "font_weight": "bold"}


def information(frequencies: Sequence[Sequence[float]], background: Sequence[float]) -> np.ndarray:
    """Letter heights in bits: each base's share of its position's relative entropy to the background.

    Parameters
    ----------
    frequencies
        (width, 4) base frequencies, A C G T; rows are normalised to 1.
    background
        (4,) base frequencies of the same windows.

    Returns
    -------
    numpy.ndarray
        (width, 4) heights; a row sums to sum_b p_b log2(p_b / q_b), which is never negative.
    """
    p = np.asarray(frequencies, dtype=np.float64)
    q = np.asarray(background, dtype=np.float64)
    p = p / np.maximum(p.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    q = q / max(q.sum(), np.finfo(float).tiny)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.where(p > 0, p * np.log2(p / np.where(q > 0, q, np.nan)), 0.0)
    return p * np.maximum(np.nansum(bits, axis=1, keepdims=True), 0.0)


def logo_svg(
    heights: np.ndarray,
    *,
    start: int,
    identity: str,
    x: str,
    y: str,
    title: str,
    mark: bool = True,
    every: int = 4,
    inches: tuple[float, float] = (5.4, 1.8),
) -> Markup:
    """Draw letters of the given heights as one SVG element that takes the page's text colour.

    Parameters
    ----------
    heights
        (width, 4) letter heights, A C G T; negative ones hang below the axis.
    start
        Position of the first column on the x axis.
    identity
        A short word, unlike any other logo's, so that the SVGs' internal names never clash on one page.
    x, y, title
        Axis labels, and the text that a screen reader says.
    mark
        Whether position 0 is marked.
    every
        Bases from one tick to the next.
    inches
        Width and height; the page scales the drawing to its panel, so a smaller one has larger letters on its axes.
    """
    frame = pd.DataFrame(heights, columns=list("ACGT"), index=np.arange(start, start + len(heights)))
    # A figure of its own, never pyplot's: nothing global is touched or left open.
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": identity, "font.family": "sans-serif", "font.size": 8}
    ):
        figure = Figure(figsize=inches, layout="constrained")
        axes = figure.subplots()
        logomaker.Logo(frame, ax=axes, color_scheme=BASES, show_spines=False, **LETTERS)
        if mark:
            axes.axvspan(-0.5, 0.5, color="#808080", alpha=0.18, linewidth=0)
        axes.spines[["left", "bottom"]].set_visible(True)
        axes.set_xticks(frame.index[frame.index % every == 0])
        highest, lowest = heights.clip(min=0).sum(axis=1).max(), heights.clip(max=0).sum(axis=1).min()
        axes.set_ylim(1.05 * float(lowest), max(1.05 * float(highest), 0.01 if lowest == 0 else 0.0))
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(buffer.getvalue(), title)


def letter_outlines() -> dict[str, list[list[list[float]]]]:
    """Outlines of A, C, G and T in a box of width and height 1, as logos draw them: polygons of [x, y] points."""
    font = FontProperties(family=LETTERS["font_name"], weight=LETTERS["font_weight"])
    outlines = {}
    for base in BASES:
        path = TextPath((0, 0), base, size=100, prop=font)
        box = path.get_extents()
        polygons = map(np.asarray, path.to_polygons(closed_only=True))
        outlines[base] = [np.round((polygon - box.min) / box.size, 3).tolist() for polygon in polygons]
    return outlines


def _inline(document: str, title: str) -> Markup:
    """The SVG element alone, without the document's header, size and metadata; black becomes the text colour."""
    svg = document[document.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg\b[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg\b[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    # Names that nothing refers to are the same in each drawing, and a page may have an id only once.
    svg = re.sub(r' id="([^"]*)"', lambda match: match[0] if f"#{match[1]}" in svg else "", svg)
    svg = re.sub(r"#000000|#000\b", "currentColor", svg)
    # Text has no fill of its own in matplotlib's SVG.
    label = Markup('<svg class="logo" role="img" aria-label="{}" fill="currentColor"').format(title)
    return Markup(svg.strip().replace("<svg", label, 1))
