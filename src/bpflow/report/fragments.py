"""How long a sample's fragments are: a histogram a file, and the shares that nucleosomes shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bpflow.report import figures
from bpflow.report.blocks import Block, Figures, Panel, Prose, table
from bpflow.report.format import number, percent

__all__ = ["fragment_blocks"]

GOOD = {
    "ATAC": "Good: most fragments are short (below 100 bp: no nucleosome lies between their ends), and a second, lower "
    "hump near 200 bp is of those that span one nucleosome. No short hump means that little open chromatin was cut.",
    "DNASE": "Good: one hump of short fragments, below about 150 bp. How many longer ones there are was decided when "
    "the library was cut to size.",
}


def fragment_blocks(signal: dict[str, Any]) -> list[Block]:
    """A table and a figure of fragment lengths; nothing for a given bigWig, a sentence for reads without mates.

    Parameters
    ----------
    signal
        The sample's ``signal.json``.
    """
    files = [file for file in signal["files"] if "fragment_lengths" in file]
    known = [(Path(file["path"]).name, file["fragment_lengths"]) for file in files if file["fragment_lengths"]]
    if not known:
        return [Prose("The reads have no mates, so the lengths of their fragments are not known.")] if files else []
    return [
        table(
            "Fragment lengths",
            {
                "file": "t",
                "fragments": "n",
                "median (bp)": "n",
                "below 100 bp": "n",
                "150 to 299 bp": "n",
                "1,000 bp or more": "n",
            },
            [
                (
                    name,
                    number(lengths["fragments"]),
                    number(lengths["median"]),
                    percent(lengths["nucleosome_free"]),
                    percent(lengths["mononucleosomal"]),
                    percent(lengths["counts"][-1], lengths["fragments"]),
                )
                for name, lengths in known
            ],
            note="Of alignments, each proper pair is one fragment."
            if len(known) == len(files)
            else "Reads without mates are left out.",
        ),
        Figures(
            "Fragments by length",
            GOOD[signal["assay"]],
            [Panel(name, figures.fragment_lengths(np.asarray(lengths["counts"]))) for name, lengths in known],
            note="Those of 1,000 bp or more are not drawn.",
        ),
    ]
