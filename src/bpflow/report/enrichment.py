"""How a sample's insertions lie about its peaks: what shows a good sample where no annotation is at hand."""

from __future__ import annotations

from typing import Any

from bpflow.report import figures
from bpflow.report.blocks import Block, Facts, Figures, Panel
from bpflow.report.format import number

__all__ = ["enrichment_blocks"]


def enrichment_blocks(peaks: dict[str, Any]) -> list[Block]:
    """The enrichment of peaks as facts, and how insertions spread over them as a figure; nothing for older records.

    Parameters
    ----------
    peaks
        The sample's ``peaks.json``.
    """
    around, enrichment = peaks.get("window_insertions"), peaks.get("enrichment")
    if not around or not enrichment:
        return []
    width = number(around["width"])
    return [
        Facts(
            [
                ("Insertions per 1,000 bp of peaks", number(enrichment["per_kb_in_peaks"])),
                ("Insertions per 1,000 bp outside peaks and blacklist", number(enrichment["per_kb_outside"])),
                ("Enrichment of peaks (fold)", number(enrichment["fold"])),
                (f"Insertions around the median peak ({width} bp)", number(around["median"])),
                ("Pearson r of log counts that count noise leaves in reach", number(around["reachable_r"])),
            ]
        ),
        Figures(
            "Insertions around the peaks",
            "Good: the median is well above 50 insertions, and the strongest tenth has several times as many as the "
            "weakest, so that there is a difference to learn.",
            [Panel("", figures.peak_insertions(around["deciles"]))],
            note=f"Insertions in the {width} bp around each peak's centre; a point for every tenth of the peaks.",
        ),
    ]
