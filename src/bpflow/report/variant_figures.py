"""Figures of single variants: the profiles that both alleles are predicted to have, with room for more under them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import logomaker
import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bpflow.files import atomic_path
from bpflow.report.palette import BASES, ROLES

__all__ = ["Panel", "contribution_panel", "draw_variant"]

COLOURS = {"reference": ROLES["observed"].light, "alternative": ROLES["bias"].light}
WIDTH, PROFILE_HEIGHT, LOGO_HEIGHT = 8.0, 2.6, 1.1


class Panel(NamedTuple):
    """One more row of the figure, with an x axis of its own: its height in inches, and what draws it."""

    height: float
    draw: Callable[[Axes], None]


def draw_variant(
    path: str | os.PathLike[str],
    reference: np.ndarray,
    alternative: np.ndarray,
    *,
    title: str,
    panels: Sequence[Panel] = (),
    strands: int = 1,
) -> None:
    """Write an SVG of both alleles' expected insertions at each base, the same bytes for the same numbers.

    Parameters
    ----------
    path
        The file to write.
    reference, alternative
        (output length,) expected insertions, of two strands one after the other. Bases are counted from the alleles'
        first one. Right of an insertion or a deletion those of the alternative allele are its own, which lie elsewhere
        in the reference.
    title
        What stands above.
    panels
        What is drawn below.
    strands
        1, or 2: the minus strand is drawn downwards.
    """
    heights = [PROFILE_HEIGHT, *(panel.height for panel in panels)]
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.family": "sans-serif"}):
        figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
        rows = figure.subplots(len(heights), squeeze=False, height_ratios=heights)[:, 0]
        _draw_profiles(rows[0], {"reference": reference, "alternative": alternative}, strands)
        rows[0].set_title(title, fontsize="medium", parse_math=False)
        for axes, panel in zip(rows[1:], panels, strict=True):
            panel.draw(axes)
        rows[-1].set_xlabel("bases from the first base of the variant, in each allele")
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})


def contribution_panel(contributions: np.ndarray, first: int, *, name: str, highest: float, lowest: float) -> Panel:
    """Contributions of one allele's bases as letters.

    Parameters
    ----------
    contributions
        (width, 4) of the bases that are there, columns A, C, G, T.
    first
        Where they begin, in bases from the first one of the variant.
    name
        What stands beside them.
    highest, lowest
        Range of the y axis, the same for both alleles.
    """
    frame = pd.DataFrame(contributions, columns=list("ACGT"), index=np.arange(first, first + len(contributions)))

    def draw(axes: Axes) -> None:
        logomaker.Logo(frame, ax=axes, color_scheme=BASES, show_spines=False)
        axes.axvline(0, color="#808080", alpha=0.5, linewidth=0.8, zorder=0)
        axes.set_ylim(lowest, highest)
        axes.set_ylabel(name)

    return Panel(LOGO_HEIGHT, draw)


def _draw_profiles(axes: Axes, tracks: dict[str, np.ndarray], strands: int) -> None:
    for name, track in tracks.items():
        width = len(track) // strands
        position, label = np.arange(width) - width // 2, f"{name}: {track.sum():.1f} insertions"
        plus, *minus = np.split(track, strands)
        axes.plot(position, plus, color=COLOURS[name], linewidth=0.9, label=label)
        for strand in minus:
            axes.plot(position, -strand, color=COLOURS[name], linewidth=0.9)
    axes.axvline(0, color="#808080", alpha=0.5, linewidth=0.8, zorder=0)
    axes.set_ylabel("expected insertions")
    if strands == 1:
        axes.set_ylim(bottom=0)
    axes.margins(x=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small")
