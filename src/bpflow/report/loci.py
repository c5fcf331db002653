"""The section of loci to look at: the browser of their tracks, a table, and logos that need no script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bpflow.packed_arrays import unpack
from bpflow.report.blocks import Block, Figures, LocusBrowser, Panel, Prose, Section, table
from bpflow.report.format import number, percent
from bpflow.report.logos import letter_outlines, logo_svg
from bpflow.report.palette import BASES, ROLES

__all__ = ["loci_section"]

Record = dict[str, Any]

LOGOS = 4
LOGO_WIDTH = 100

# Each panel of the browser, in order: its role's colour, what stands above it, and its name beside a number.
PANELS = {
    "observed": ("observed", "Observed insertions", "observed"),
    "with_bias": ("with_bias", "Predicted with bias: compare with observed", "with bias"),
    "bias": ("bias", "Bias alone: the enzyme's part", "bias"),
    "corrected": ("corrected", "Corrected: without the enzyme's preference", "corrected"),
}
CONTRIBUTIONS = {"counts": "Contributions to corrected counts", "profile": "Contributions to the corrected profile"}
GOOD = (
    "Good: the prediction with bias follows the observed insertions, the corrected one is smoother, and letters stand "
    "out in runs that are motifs."
)


def loci_section(record: Record, here: str) -> Section:
    """What the loci of a sample look like.

    Parameters
    ----------
    record
        As ``bpflow loci`` writes it.
    here
        The id of the sample's section.
    """
    loci = record["loci"]
    if not loci:
        none = "No peak lies far enough from its chromosome's ends to be shown, and no locus was named."
        return Section(f"{here}-loci", "Loci", [Prose(none)])
    blocks: list[Block] = [
        Prose(
            f"{record['peaks']['rule']} Positions are counted from 1, as genome browsers do. Predictions are expected "
            f"insertions per base, in windows of {number(record['output_length'])} bp; a longer locus is covered by "
            "windows half of that apart, and each base is of the window whose centre is nearest. Contributions are "
            f"DeepSHAP of the corrected prediction against {number(record['references'])} dinucleotide shuffles of "
            "each window."
        ),
        LocusBrowser(
            f"{here}-browser",
            GOOD,
            _groups(loci),
            list(dict.fromkeys(text for locus in loci for text in (locus["name"], _place(locus)))),
            _content(loci),
        ),
        _table(loci),
    ]
    shown = _examples([locus for locus in loci if _is_peak(locus)])
    if shown:
        blocks.append(
            Figures(
                "What each base contributes to the counts of example peaks",
                "Good: runs of tall letters that are known motifs, in quiet surroundings.",
                [_logo(locus, f"{here}-logo-{place}") for place, locus in enumerate(shown, start=1)],
                note=f"The {LOGO_WIDTH} bp whose contributions are largest in sum, of peaks evenly taken from "
                "those above.",
            )
        )
    return Section(f"{here}-loci", "Loci", blocks)


def _is_peak(locus: Record) -> bool:
    return locus["quantile"] is not None


def _groups(loci: Sequence[Record]) -> list[tuple[str, list[tuple[int, str]]]]:
    """What there is to choose from, with the place of each in the list."""
    named = [(place, locus["name"]) for place, locus in enumerate(loci) if not _is_peak(locus)]
    peaks = [(place, _peak_name(locus)) for place, locus in enumerate(loci) if _is_peak(locus)]
    groups = [("Named loci", named), ("Peaks, from many insertions to few", peaks)]
    return [group for group in groups if group[1]]


def _place(locus: Record) -> str:
    return f"{locus['chrom']}:{locus['start'] + 1:,}-{locus['end']:,}"


def _peak_name(locus: Record) -> str:
    insertions = number(round(locus["totals"]["observed"]))
    return f"{_place(locus)}, quantile {number(locus['quantile'])}, {insertions} insertions"


def _folds(locus: Record) -> str:
    numbers = ", ".join(map(str, locus["folds"]))
    return f"fold {numbers}" if len(locus["folds"]) == 1 else f"mean of folds {numbers}"


def _models(locus: Record) -> str:
    if locus["held_out"]:
        return f"{_folds(locus)}, which never saw {locus['chrom']}"
    if len(locus["folds"]) == 1:
        return f"{_folds(locus)}, which did not hold {locus['chrom']} out"
    return f"the {_folds(locus)}, none of which held {locus['chrom']} out"


def _content(loci: Sequence[Record]) -> Record:
    return {
        "loci": [
            {
                **{key: locus[key] for key in ("name", "chrom", "start", "end", "sequence")},
                "models": _models(locus),
                "tracks": {**locus["insertions"], **locus["contributions"]},
            }
            for locus in loci
        ],
        "panels": [
            {"track": track, "colour": ROLES[role].light, "title": title, "name": name}
            for track, (role, title, name) in PANELS.items()
        ],
        "contributions": {"colour": ROLES["mark"].light, "titles": CONTRIBUTIONS},
        "letters": {base: {"colour": BASES[base], "outline": outline} for base, outline in letter_outlines().items()},
    }


def _table(loci: Sequence[Record]) -> Block:
    rows = [
        (
            f"peak of quantile {number(locus['quantile'])}" if _is_peak(locus) else locus["name"],
            _place(locus),
            _folds(locus),
            "yes" if locus["held_out"] else "no",
            *(number(round(locus["totals"][track], 1)) for track in PANELS),
            percent(locus["unpredicted"], len(locus["sequence"])),
        )
        for locus in loci
    ]
    columns = {"locus": "t", "place (from 1)": "t", "predicted by": "t", "held out": "t"}
    columns |= {name: "n" for _, _, name in PANELS.values()}
    return table(
        "Loci and their insertions",
        {**columns, "unpredicted": "n"},
        rows,
        note="Held out: the fold never saw the chromosome in training; where none held it out, all predict. Bases near "
        "a chromosome's end are unpredicted: the window that a model reads does not fit there.",
        folded=len(rows) > 20,
    )


def _examples(peaks: Sequence[Record]) -> list[Record]:
    """Peaks evenly taken from all, the first one among them."""
    taken = min(LOGOS, len(peaks))
    return [peaks[share * len(peaks) // taken] for share in range(taken)]


def _logo(locus: Record, identity: str) -> Panel:
    scores, sequence = unpack(locus["contributions"]["counts"]), locus["sequence"]
    width = min(LOGO_WIDTH, len(scores))
    sums = sliding_window_view(np.nan_to_num(np.abs(scores)), width).sum(axis=1)
    first = int(sums.argmax())
    chosen = slice(first, first + width)
    present = np.array(list(sequence[chosen]))[:, None] == np.array(list(BASES))
    start, end = locus["start"] + chosen.start, locus["start"] + chosen.stop
    place = f"{locus['chrom']}:{start + 1:,}-{end:,}"
    drawing = logo_svg(
        np.where(present, np.nan_to_num(scores[chosen])[:, None], 0.0),
        start=1,
        identity=identity,
        x=f"bases from {locus['chrom']}:{start + 1:,}",
        y="contribution",
        title=f"Contributions to counts of the bases of {place}: {sequence[chosen]}",
        mark=False,
        every=10,
    )
    note = f"{place}, in the peak of quantile {number(locus['quantile'])}; {_models(locus)}."
    return Panel(locus["name"], drawing=drawing, note=note, wide=True)
