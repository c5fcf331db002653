"""The section of a sample's motifs: what the models of all folds learned, as logos with the names of known motifs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bpflow.report.blocks import Block, Figures, Panel, Prose, Section, anchor, table
from bpflow.report.format import ABSENT, number
from bpflow.report.logos import logo_svg

__all__ = ["motif_section"]

Record = dict[str, Any]

TITLES = {
    ("corrected", "profile"): "Motifs of the corrected profile",
    ("corrected", "counts"): "Motifs of the corrected counts",
    ("bias", "profile"): "Motifs of the bias model's profile",
    ("bias", "counts"): "Motifs of the bias model's counts",
}
GOOD = {
    "corrected": "Good: the motifs of transcription factors, and none of the enzyme's.",
    "bias": "Good: the enzyme's preference comes first, and no motif of a transcription factor.",
}
DRAWN = 12
# Letters of a consensus that a panel's heading has room for.
LONGEST = 12


def motif_section(records: Sequence[Record], here: str) -> Section:
    """Motifs by part of the model and head, the most frequent first."""
    section = Section(f"{here}-motifs", "Motifs")
    for record in records:
        view, head = record["view"], record["head"]
        title = TITLES.get((view, head), f"Motifs of {view} {head}")
        place = anchor(f"{here}-motifs", view, head)
        section.children.append(Section(place, title, _blocks(record, title, place), folded=view == "bias"))
    return section


def _blocks(record: Record, title: str, place: str) -> list[Block]:
    patterns = record["patterns"]
    if not patterns:
        return [Prose(f"No motif recurs often enough in {number(record['regions'])} regions.")]
    rows = [
        (
            _name(pattern) or ABSENT,
            pattern["consensus"],
            "lowers" if pattern["pattern"].startswith("neg") else "raises",
            number(pattern["seqlets"]),
            number(pattern["instances"]),
            *(_match(pattern, rank) for rank in (1, 2, 3)),
        )
        for pattern in patterns
    ]
    columns = {"motif": "t", "consensus": "t", "prediction": "t", "seqlets": "n", "instances": "n"}
    columns |= {"best match (q)": "t", "second": "t", "third": "t"}
    return [
        table(
            f"{title}: central {number(record.get('window'))} bp of {number(record['regions'])} regions",
            columns,
            rows,
            note=f"Matches by TOMTOM among {number(record.get('database'))} known motifs; a motif has the name of "
            "its best match if its q is below 0.05.",
        ),
        Figures(
            "What each base contributes",
            GOOD.get(record["view"], ""),
            [_panel(pattern, place) for pattern in patterns[:DRAWN]],
            note=f"The {DRAWN} most frequent are drawn." if len(patterns) > DRAWN else "",
        ),
    ]


def _match(pattern: Record, rank: int) -> str:
    name = pattern.get(f"match_{rank}")
    return f"{name} ({number(pattern.get(f'q_{rank}'))})" if name else ABSENT


def _name(pattern: Record) -> str:
    """The known motif it resembles; the record calls one that resembles none by its consensus."""
    return "" if pattern["label"] == pattern["consensus"] else pattern["label"]


def _panel(pattern: Record, place: str) -> Panel:
    consensus = pattern["consensus"]
    short = consensus if len(consensus) <= LONGEST else f"{consensus[:LONGEST]}…"
    title = f"{_name(pattern) or short}, {number(pattern['seqlets'])} seqlets"
    drawing = logo_svg(
        np.array(pattern["contributions"], dtype=float),
        start=1,
        identity=anchor(place, pattern["pattern"]),
        x="position (bp)",
        y="contribution",
        title=f"Contributions of the motif {pattern['label']}, {pattern['consensus']}",
        mark=False,
        inches=(3.6, 1.4),
    )
    return Panel(title, drawing=drawing)
