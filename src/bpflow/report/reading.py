"""Read records and tables of one results folder, taking their verdicts and warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from bpflow.errors import InputError
from bpflow.files import DAMAGED, read_json
from bpflow.report.run import Check, Message, Record
from bpflow.tables import read_table
from bpflow.verdicts import GRADES

__all__ = ["Reader"]

# The keys a page cannot do without (``a.b``: b within a; ``a[]``: each entry of a list);
# any other key that is missing shows as a dash.
REQUIRED = {
    "genome": ("source", "sha256", "chromosomes[].length"),
    "fetched_genome": ("name", "files[].address", "files[].sha256", "files[].checked"),
    "folds": ("folds[].fold",),
    "split": ("fragments", "clusters[].name"),
    "signal": ("assay", "files", "insertions", "positions", "chromosomes", "pwm.frequencies", "pwm.background"),
    "peaks": ("source", "kept", "removed"),
    "nonpeaks": ("wanted", "matched", "unmatched", "gc.bins"),
    "selection": ("counts_loss_weight", "regions"),
    "training": ("epochs_run", "best_epoch", "best_valid_loss", "recipe"),
    "scaling": ("delta",),
    "metrics": ("counts_metrics", "profile_metrics"),
    "footprints": ("motifs[].name", "motifs[].corrected.profile", "bias_response"),
    "recovery": ("motifs[].name",),
    "contributions": ("regions", "heads"),
    "motifs": ("head", "view", "regions", "patterns"),
    "variants": ("alleles", "status"),
    "bias_choice": ("candidates", "folds", "chosen", "reasoning", "limits", "tie"),
    "loci": ("loci", "peaks"),
    "regions": ("stage",),
    "bins": ("targets", "windows", "bins"),
    "bin_metrics": ("metrics",),
    "bin_recovery": ("tracks",),
    "stranded_recovery": ("tasks",),
    "task_footprints": ("motifs[].name", "motifs[].strands"),
    "comparison": ("samples", "pairs", "shared_within"),
}

CHECK_KEYS = ("key", "name", "value", "threshold", "verdict", "source", "advice")


@dataclass
class Reader:
    """Reads records under one results folder, and remembers checks, warnings and what was not there."""

    results: Path
    checks: list[Check] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def given(self, name: str, kind: str, *, sample: str = "", fold: int | None = None) -> Record | None:
        """Read a record as `record` does, of what not every run has."""
        return self.record(name, kind, sample=sample, fold=fold) if (self.results / name).exists() else None

    def optional(self, name: str, kind: str, *, sample: str = "", fold: int | None = None) -> Record | None:
        """Read a record as `record` does, or note that it is not there."""
        found = self.given(name, kind, sample=sample, fold=fold)
        if found is None:
            self.left_out.append(name)
        return found

    def record(self, name: str, kind: str, *, sample: str = "", fold: int | None = None) -> Record:
        """Read results/`name`, check its keys, and take its verdicts and messages."""
        path = self.results / name
        content = read_json(path, f"the {kind} record of the run")
        if not isinstance(content, dict):
            raise InputError(
                f"a JSON {type(content).__name__}", where=str(path), expected="an object with the stage's keys"
            )
        for key in REQUIRED[kind]:
            if not _has(content, key.split(".")):
                raise InputError(
                    f"no key {key!r}",
                    where=str(path),
                    expected=f"the {kind} record of this version of bpflow",
                    mend=DAMAGED,
                )
        for text in content.get("messages") or ():
            self.messages.append(Message(place=name, text=str(text)))
        self.checks.extend(_checks(content, path, sample, fold))
        return content

    def table(self, name: str, columns: Sequence[str], what: str, *, empty: bool = False) -> pd.DataFrame:
        """Read the named columns of a tab-separated table (plain or gzip); `empty` allows one without rows."""
        return read_table(self.results / name, dict.fromkeys(columns, "float64"), what, empty=empty)


def _has(content: Any, path: Sequence[str]) -> bool:
    """Whether `content` holds a value other than null at `path`, in every entry of a list on the way."""
    if not path:
        return content is not None
    key = path[0].removesuffix("[]")
    if not isinstance(content, dict) or content.get(key) is None:
        return False
    if path[0].endswith("[]"):
        return isinstance(content[key], list) and all(_has(entry, path[1:]) for entry in content[key])
    return _has(content[key], path[1:])


def _checks(content: Record, path: Path, sample: str, fold: int | None) -> Iterator[Check]:
    for index, entry in enumerate(content.get("verdicts") or ()):
        where = f"{path}, verdicts[{index}]"
        missing = [key for key in CHECK_KEYS if key not in entry]
        if missing:
            raise InputError(f"no key {', '.join(missing)}", where=where, expected=", ".join(CHECK_KEYS))
        if entry["verdict"] not in GRADES:
            raise InputError(f"verdict {entry['verdict']!r}", where=where, expected=" or ".join(GRADES))
        text = {key: str(entry[key] or "") for key in ("key", "name", "threshold", "source", "advice")}
        yield Check(sample=sample, fold=fold, value=entry["value"], verdict=entry["verdict"], **text)
