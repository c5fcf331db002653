"""Each metric between its floor and its ceiling: a table, and a figure of the shares of the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bpflow.report import figures
from bpflow.report.blocks import Block, Figures, Legend, Panel, Table, table
from bpflow.report.format import ABSENT, number
from bpflow.report.metrics import GROUPS, METRICS, MODELS

__all__ = ["yardstick_blocks", "yardstick_table"]

Record = dict[str, Any]

# Beside bars there is less room, on a phone above all.
SHORT = {"pearsonr": "Pearson r", "spearmanr": "Spearman ρ", "median_jsd": "JSD", "median_norm_jsd": "norm. JSD"}


def yardstick_table(record: Record) -> Table:
    """Value, floor and ceiling of each metric, with the share of the way, from a record of ``bpflow evaluate``."""
    rows = [
        (
            GROUPS[group],
            METRICS[metric],
            *(number(found[key]) for key in ("value", "constant", "floor", "ceiling")),
            _share(found),
            number(record["halves"][group].get(metric)),
        )
        for group, metric, found in _yardsticks(record)
    ]
    columns = {"regions": "t", "metric": "t", "value": "n", "nothing known": "n", "floor": "n", "ceiling": "n"}
    columns |= {"share of the way, ± standard error": "n", "between two halves": "n"}
    return table(
        f"{MODELS[record['model_kind']]}: floor, ceiling and the share of the way between them",
        columns,
        rows,
        note="Floor: no correlation; the average profile of peaks, and of non-peaks. Nothing known: the same counts "
        "and an even profile everywhere. Ceiling: what a prediction free of noise would reach on these insertions, as "
        "far as two random halves of them agree. A dash: the depth does not tell. Below 0 %: worse than the floor.",
    )


def yardstick_blocks(record: Record) -> list[Block]:
    """The table, and the shares drawn; nothing for a record without yardsticks."""
    if not record.get("yardsticks"):
        return []
    shares = [
        (f"{GROUPS[group]}: {SHORT[metric]}", found["share"], found["standard_error"])
        for group, metric, found in _yardsticks(record)
        if found["share"] is not None
    ]
    drawn = [
        Figures(
            "Share of the way from floor to ceiling",
            "Good: marks in the right half of the bars; those left of the bars predict worse than the floor.",
            [Panel(MODELS[record["model_kind"]], figures.floor_to_ceiling(shares), wide=True)],
            legend=[
                Legend("observed", "solid", "from floor (0 %) to ceiling (100 %)"),
                Legend("corrected", "solid", "the model, ± standard error"),
            ],
        )
    ]
    return [yardstick_table(record), *(drawn if shares else [])]


def _yardsticks(record: Record) -> Iterator[tuple[str, str, Record]]:
    for group in GROUPS:
        for metric in METRICS:
            found = (record["yardsticks"].get(group) or {}).get(metric)
            if found:
                yield group, metric, found


def _share(found: Record) -> str:
    share, error = (found[key] for key in ("share", "standard_error"))
    return ABSENT if share is None or error is None else f"{number(round(100 * share))} ± {round(100 * error)} %"
