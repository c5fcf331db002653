"""The part of the page about one Basenji2: its training, and how well each track's bins are predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bpflow.report.blocks import Block, Facts, Section, table
from bpflow.report.collect import HISTORY_COLUMNS
from bpflow.report.fold import loss_curves, training_row, training_table
from bpflow.report.format import number, plain
from bpflow.report.reading import Reader

__all__ = ["bins_section"]

METHODS = {"model": "the model", "constant": "each track's mean", "average_profile": "each track's average window"}
MEASURES = {"pearsonr": "Pearson r", "r2": "R²", "poisson": "Poisson loss"}


def bins_section(reader: Reader, sample: str, folds: Sequence[int], here: str) -> Section:
    """Everything about one sample, read from its records."""
    layout = reader.record(f"{sample}/bins/bins.json", "bins", sample=sample)
    metrics = reader.record(f"{sample}/bins/metrics.json", "bin_metrics", sample=sample)
    truth = reader.given(f"{sample}/bins/recovery.json", "bin_recovery", sample=sample)
    section = Section(here, sample)
    section.blocks = [
        Facts(
            [
                ("Model", "Basenji2"),
                ("Tracks", number(len(layout["targets"]))),
                ("Windows", number(layout["windows"])),
                ("Bases of a window, and of a bin", f"{number(layout['input_length'])}, {number(layout['bin_width'])}"),
                ("Bins of a window that are predicted", number(layout["bins"])),
                ("Windows left out", plain(layout.get("windows_out"))),
            ]
        ),
        *_metrics(metrics),
    ]
    for fold in folds:
        name = f"{sample}/fold_{fold}/models/basenji2"
        training = reader.record(f"{name}.json", "training", sample=sample, fold=fold)
        history = reader.table(f"{name}.history.tsv", HISTORY_COLUMNS, "the training history")
        blocks: list[Block] = [
            training_table([training_row("basenji2", training)]),
            loss_curves("Basenji2", history, training, titles={"Poisson loss": "loss"}),
        ]
        section.children.append(Section(f"{here}-fold-{fold}", f"Fold {fold}: training", blocks))
    if truth:
        section.children.append(Section(f"{here}-truth", "Planted truth", [_recovered(truth)]))
    return section


def _metrics(record: dict[str, Any]) -> list[Block]:
    rows = [
        (METHODS.get(method, method), *(number(values.get(key)) for key in MEASURES))
        for method, values in record["metrics"].items()
        if "pearsonr" in values
    ]
    note = (
        f"Means over tracks, of {number(record.get('bins'))} bins in {number(record.get('windows'))} windows on "
        f"{plain(record.get('split'))} chromosomes, each by a model that never saw it. A model must be better than "
        "both predictions that need none; metrics.tsv beside the records has each track."
    )
    columns = {"prediction": "t", **dict.fromkeys(MEASURES.values(), "n")}
    return [table("Bins of unseen chromosomes", columns, rows, note=note)]


def _recovered(record: dict[str, Any]) -> Block:
    rows = [
        (track, number(found.get("places")), number(found.get("found")), number(found.get("bins_pearsonr")))
        for track, found in record["tracks"].items()
    ]
    columns = {
        "track": "t",
        "planted places": "n",
        "among the highest bins": "n",
        "bins: Pearson r with the planted": "n",
    }
    return table("What was recovered", columns, rows)
