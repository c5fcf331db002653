"""The section of the bias threshold factor's choice: every candidate's numbers, why some are out, and the reasoning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bpflow.report.blocks import Facts, Figures, Legend, Panel, Prose, Section, Table, table
from bpflow.report.figures import factor_sweep
from bpflow.report.format import ABSENT, number, percent, plain

__all__ = ["sweep_section"]

Record = dict[str, Any]


def sweep_section(record: Record, here: str) -> Section:
    """How one bias threshold factor was chosen for a sample, on the validation chromosomes of all its folds."""
    candidates = record["candidates"]
    return Section(
        f"{here}-sweep",
        "Choice of the bias threshold factor",
        [
            Facts(
                [
                    ("Chosen factor", plain(record["chosen"])),
                    ("Passed all rules", "yes" if record["passed"] else "no: the least bad was taken"),
                    ("Candidates", ", ".join(plain(entry["factor"]) for entry in candidates)),
                    ("Folds", ", ".join(map(str, record["folds"]))),
                    ("Judged on", "validation chromosomes only"),
                ]
            ),
            Prose(" ".join(record["reasoning"])),
            _ranking(record),
            _figures(record),
            _folds(record),
        ],
    )


def _ranking(record: Record) -> Table:
    columns = {"factor": "n", "rank": "t", "normalised JSD, non-peaks": "n", "lowest count r, non-peaks": "n"}
    columns |= {"lowest count r, peaks": "n", "motifs of factors": "t", "why out": "t"}
    rows = [
        (
            plain(entry["factor"]),
            _rank(entry, record["chosen"]),
            number(entry["norm_jsd"]),
            number(_lowest(entry, "counts_nonpeaks")),
            number(_lowest(entry, "counts_peaks")),
            ", ".join(sorted({name for _, motifs in _motifs(entry) for name in motifs["factors"]})) or "none",
            "; ".join(entry["out"]) or ABSENT,
        )
        for entry in record["candidates"]
    ]
    return table(
        "Candidates over all folds",
        columns,
        rows,
        note="Out: counts in non-peaks not above 0, counts in peaks below "
        f"{number(record['limits']['counts_peaks'][-1])}, or any motif of a transcription factor, in any fold. The "
        "others rank by the mean over folds of the median normalised JSD in non-peaks; within "
        f"{plain(record['tie'])}, what another seed of training changes, the lower factor goes first.",
    )


def _rank(entry: Record, chosen: float) -> str:
    rank = "out" if entry["rank"] is None else number(entry["rank"])
    return f"{rank}, chosen" if entry["factor"] == chosen else rank


def _lowest(entry: Record, key: str) -> float | None:
    return min((fold[key] for fold in entry["folds"] if fold[key] is not None), default=None)


def _motifs(entry: Record) -> Iterator[tuple[str, Record]]:
    """Motifs of each fold and head."""
    for fold in entry["folds"]:
        yield from fold["motifs"].items()


def _figures(record: Record) -> Figures:
    def panel(title: str, key: str, role: str, y: str, limits: Sequence[float] = ()) -> Panel:
        folds = {entry["factor"]: [fold[key] for fold in entry["folds"]] for entry in record["candidates"]}
        return Panel(title, factor_sweep(folds, record["chosen"], role=role, y=y, limits=limits))

    return Figures(
        "What each factor does on validation chromosomes",
        "Good: the chosen factor has a high normalised JSD in non-peaks (1 is perfect), and its counts in peaks lie "
        "above both lines.",
        [
            panel("Profiles in non-peaks", "norm_jsd", "nonpeaks", "median normalised JSD"),
            panel("Counts in peaks", "counts_peaks", "peaks", "Pearson r of counts", record["limits"]["counts_peaks"]),
        ],
        legend=[
            Legend("observed", "dash", "limits of good and of out"),
            Legend("mark", "point", "chosen factor, mean over folds"),
        ],
        note="Open circles are folds, the line goes through their means.",
    )


def _folds(record: Record) -> Table:
    columns = {"factor": "n", "fold": "n", "peaks": "n", "non-peaks": "n", "normalised JSD, non-peaks": "n"}
    columns |= {"count r, non-peaks": "n", "count r, peaks": "n"}
    columns |= {"factors in profile": "t", "factors in counts": "t", "enzyme's motifs": "t"}
    rows = [
        (
            plain(entry["factor"]),
            number(fold["fold"]),
            number(fold["peaks"]),
            number(fold["nonpeaks"]),
            number(fold["norm_jsd"]),
            number(fold["counts_nonpeaks"]),
            number(fold["counts_peaks"]),
            _factors(fold["motifs"]["profile"]),
            _factors(fold["motifs"]["counts"]),
            ", ".join(sorted({name for motifs in fold["motifs"].values() for name in motifs["enzymes"]})) or "none",
        )
        for entry in record["candidates"]
        for fold in entry["folds"]
    ]
    return table("Candidates fold by fold", columns, rows, folded=True)


def _factors(motifs: Record) -> str:
    if motifs["share"] is None:
        return "no motif found"
    return f"{', '.join(motifs['factors'])} ({percent(motifs['share'])})" if motifs["factors"] else "none"
