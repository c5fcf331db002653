"""What the sample sheet says of a sample beside its data: what it shares with other samples, and has otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bpflow.report.blocks import Facts, Section
from bpflow.report.format import plain

__all__ = ["explained_views", "sheet_row", "sheet_section"]

# What of a model is explained where no configuration says it.
VIEWS = ("corrected", "bias")

SHARED = {
    "peak_set": "Peaks are the consensus of the samples of the set",
    "bias_from": "Bias models are those of the sample",
    "train": "What is trained",
}


def sheet_row(config: Mapping[str, Any] | None, sample: str) -> Mapping[str, Any]:
    """The sheet's row of a sample, as the resolved configuration has it; empty where there is none."""
    rows = (config or {}).get("sheet", ())
    return next((row for row in rows if row["name"] == sample), {})


def explained_views(config: Mapping[str, Any] | None, sample: str) -> Sequence[str]:
    """The parts of a sample's models that the run explains, as its configuration has them."""
    for section in (sheet_row(config, sample).get("config"), config):
        views = ((section or {}).get("contributions") or {}).get("views")
        if views is not None:
            return views
    return VIEWS


def sheet_section(config: Mapping[str, Any] | None, sample: str, here: str) -> Section | None:
    """What the sample shares, and keys that it has otherwise than the run; None where there is neither."""
    row = sheet_row(config, sample)
    facts = [(words, plain(row[column])) for column, words in SHARED.items() if row.get(column) not in (None, "all")]
    facts += [(f"{key}, otherwise than the run", plain(value)) for key, value in _leaves(row.get("config") or {})]
    return Section(f"{here}-sheet", "Shared and otherwise", [Facts(facts)]) if facts else None


def _leaves(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
