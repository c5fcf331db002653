"""Footprints as files, one SVG a motif: the centre of the profile, corrected and with bias."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from bpflow.files import atomic_path
from bpflow.footprint_record import central
from bpflow.footprints import Footprint
from bpflow.report.palette import ROLES

__all__ = ["draw_footprints", "file_name"]

LINES = (("with_bias", "bias", "with bias"), ("corrected", "corrected", "corrected"))


def draw_footprints(
    footprints: Sequence[Footprint], folder: str | os.PathLike[str], *, deviations: Sequence[Footprint] = ()
) -> list[Path]:
    """Draw the central 200 bp of each footprint; the same footprints give the same bytes.

    Parameters
    ----------
    footprints
        The control first, which is drawn too.
    folder
        Made if it is not there; each file is called as its motif, with ``_`` for what file names do not hold well.
    deviations
        Standard deviations over models, drawn as a band around the line.

    Returns
    -------
    list of Path
        The files, in the order of the footprints.
    """
    paths = []
    for place, footprint in enumerate(footprints):
        path = Path(folder) / f"{file_name(footprint.insert.name)}.footprint.svg"
        if path in paths:
            path = Path(folder) / f"{file_name(footprint.insert.name)}.{place}.footprint.svg"
        _draw(footprint, deviations[place] if deviations else None, path)
        paths.append(path)
    return paths


def file_name(name: str) -> str:
    """A motif's name as that of a file."""
    return re.sub(r"[^\w.+-]+", "_", name)


def _draw(footprint: Footprint, deviation: Footprint | None, path: Path) -> None:
    # A figure of its own, never pyplot's; a fixed salt and no date, so that nothing differs from run to run.
    with mpl.rc_context({"svg.hashsalt": "footprint", "font.family": "sans-serif"}):
        figure = Figure(figsize=(5.2, 3.0), layout="constrained")
        axes = figure.subplots()
        for view, role, label in LINES:
            profile = central(footprint.effects[view].profile)
            x = np.arange(len(profile)) - len(profile) // 2
            axes.plot(x, profile, color=ROLES[role].light, label=label, linewidth=1.3)
            if deviation is not None:
                spread = central(deviation.effects[view].profile)
                axes.fill_between(
                    x, profile - spread, profile + spread, color=ROLES[role].light, alpha=0.25, linewidth=0
                )
        axes.set_ylim(bottom=0)
        axes.margins(x=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(f"{footprint.insert.name}  {footprint.insert.sequence}".strip(), fontsize=9, parse_math=False)
        axes.set_xlabel("position from the motif (bp)")
        axes.set_ylabel("share of insertions")
        axes.legend(frameon=False)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})
