"""Configuration and sample sheet of sister models: BPNet, ProCapNet and Basenji2."""

from __future__ import annotations

import copy
import csv
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bpflow.errors import InputError
from bpflow.settings.config import check_folds, fill_data, with_defaults
from bpflow.settings.genomes import NO_BLACKLIST, apply_genome_name
from bpflow.settings.paths import existing_path, made_by_demo
from bpflow.settings.schema import check_schema
from bpflow.settings.sheet import check_name, sheet_rows, split_list

__all__ = [
    "SisterSample",
    "Task",
    "is_sister",
    "read_sister_samples",
    "resolve_sister_config",
    "resolved_sisters",
    "track_files",
]

# Columns that only one kind of model knows.
OF_SYSTEM = {
    "nonpeaks": ("procapnet",),
    "control_plus": ("bpnet",),
    "control_minus": ("bpnet",),
    "tracks": ("basenji2",),
    **dict.fromkeys(("task", "reads", "plus", "minus", "peaks"), ("bpnet", "procapnet")),
}


@dataclass(frozen=True)
class Task:
    """One task of a model: reads, or bigWigs of both strands, and perhaps peaks."""

    name: str
    reads: tuple[str, ...] = ()
    plus: str | None = None
    minus: str | None = None
    peaks: str | None = None


@dataclass(frozen=True)
class SisterSample:
    """A model that is trained, one in each fold.

    Attributes
    ----------
    tasks
        Of a BPNet or ProCapNet.
    nonpeaks
        Regions without initiation, of a ProCapNet.
    control
        bigWigs of both strands, of a BPNet.
    tracks
        Table of the tracks of a Basenji2.
    config
        The configuration, the same for all samples.
    """

    name: str
    tasks: tuple[Task, ...] = ()
    nonpeaks: str | None = None
    control: tuple[str, ...] = ()
    tracks: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def task_names(self) -> tuple[str, ...]:
        """Of each task."""
        return tuple(task.name for task in self.tasks)

    def task(self, name: str) -> Task:
        """The task of a name."""
        return next(task for task in self.tasks if task.name == name)


def is_sister(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is of a sister model: it names one in ``model.system``."""
    model = config.get("model")
    return isinstance(model, Mapping) and model.get("system") is not None


def resolve_sister_config(
    config: Mapping[str, Any], schema: Mapping[str, Any], *, made: Callable[[str], bool] = made_by_demo
) -> dict[str, Any]:
    """Check a configuration and fill in what it leaves open, as `resolve_config` does for ChromBPNets.

    Raises
    ------
    InputError
        Names the key.
    """
    filled = copy.deepcopy(dict(config))
    if isinstance(filled.get("genome"), str):
        filled["genome"] = {"name": filled["genome"]}
    filled = with_defaults(filled, schema)
    check_schema(filled, schema, lambda key: f"config, key {key}" if key else "config")
    for key in ("input_length", "output_length"):
        if (filled["model"][key] or 0) % 2:
            raise InputError(
                f"{filled['model'][key]} is odd", where=f"config, key model.{key}", expected="an even number of bases"
            )
    check_folds(filled)
    filled["results"] = os.path.normpath(filled["results"])
    data = fill_data(filled, made)
    for section, key in (
        ("genome", "fasta"),
        ("genome", "blacklist"),
        ("genome", "catalogue"),
        ("genome", "mappability"),
        ("footprints", "motifs"),
        ("motifs", "database"),
        ("variants", "file"),
    ):
        value = filled[section][key]
        if value is not None and value != NO_BLACKLIST:
            filled[section][key] = existing_path(value, data, f"config, key {section}.{key}", made)
    if filled["model"]["architecture"] is not None:
        file, _, name = filled["model"]["architecture"].rpartition(":")
        file = existing_path(file, data, "config, key model.architecture", made)
        filled["model"]["architecture"] = f"{os.path.abspath(file)}:{name}"
    for key in ("samples", "truth"):
        if filled[key] is not None:
            filled[key] = existing_path(filled[key], data, f"config, key {key}", made)
    if filled["folds"]["files"] is not None:
        files = filled["folds"]["files"]
        filled["folds"]["files"] = [existing_path(name, data, "config, key folds.files", made) for name in files]
    apply_genome_name(filled)
    return filled


def read_sister_samples(
    path: str | os.PathLike[str],
    schema: Mapping[str, Any],
    config: Mapping[str, Any],
    *,
    made: Callable[[str], bool] = made_by_demo,
) -> dict[str, SisterSample]:
    """Read and check the sample sheet: tab-separated, one task a row, ``#`` starts a comment line.

    Parameters
    ----------
    path
        The sheet.
    schema
        The schema of one row.
    config
        The configuration, resolved by `resolve_sister_config`.
    made
        Tells files that the workflow will make, so that they may be absent.

    Returns
    -------
    dict
        Samples by name, in the sheet's order.

    Raises
    ------
    InputError
        Names the line, the sample and the column.
    """
    system = config["model"]["system"]
    samples: dict[str, SisterSample] = {}
    for line, row in sheet_rows(path, list(schema["properties"])):
        name = row.get("sample", "")
        where = f"{path}, line {line}" + (f" (sample {name!r})" if name else "")
        check_schema(row, schema, partial(_column, where))
        check_name(name, {}, where)
        for column in row:
            if system not in OF_SYSTEM.get(column, (system,)):
                raise InputError(
                    f"{row[column]!r}, which a {system} does not read",
                    where=f"{where}, column {column}",
                    expected="an empty cell",
                )
        found = {
            column: existing_path(text, config["data"], f"{where}, column {column}", made)
            for column, text in row.items()
            if column in ("plus", "minus", "peaks", "nonpeaks", "control_plus", "control_minus", "tracks")
        }
        samples[name] = _joined(samples.get(name, SisterSample(name, config=config)), row, found, config, where, made)
    if not samples:
        raise InputError("no samples", where=str(path), expected="a header and a row for each task")
    return samples


def resolved_sisters(config: Mapping[str, Any], samples: Mapping[str, SisterSample]) -> dict[str, Any]:
    """The configuration as it is written beside the results: all keys, and the sheet with its tasks."""
    sheet = [
        {
            "name": sample.name,
            "tasks": [{"name": task.name, "reads": list(task.reads), "peaks": task.peaks} for task in sample.tasks],
            "nonpeaks": sample.nonpeaks,
            "control": list(sample.control),
            "tracks": sample.tracks,
        }
        for sample in samples.values()
    ]
    return {**config, "sheet": sheet}


def track_files(table: str) -> list[str]:
    """The bigWigs that a table of tracks names; none where the table is still to be made."""
    if not Path(table).exists():
        return []
    with Path(table).open(encoding="utf-8", newline="") as handle:
        return [row["file"] for row in csv.DictReader(handle, delimiter="\t") if row.get("file")]


def _joined(
    sample: SisterSample,
    row: Mapping[str, str],
    found: Mapping[str, str],
    config: Mapping[str, Any],
    where: str,
    made: Callable[[str], bool],
) -> SisterSample:
    """The sample with what one more row says."""
    if config["model"]["system"] == "basenji2":
        if sample.tracks or "tracks" not in found:
            raise InputError(
                "a second row" if sample.tracks else "no tracks",
                where=where,
                expected="one row, with a table in tracks",
            )
        return SisterSample(sample.name, tracks=found["tracks"], config=config)
    task = _task(row, found, config, where, made)
    if task.name in sample.task_names:
        raise InputError(f"the task {task.name!r} a second time", where=where, expected="each task in one row")
    control = tuple(found[column] for column in ("control_plus", "control_minus") if column in found)
    if len(control) == 1:
        raise InputError("a control on one strand", where=where, expected="control_plus and control_minus, or neither")
    for column, before, now in (
        ("nonpeaks", sample.nonpeaks, found.get("nonpeaks")),
        ("control_plus", sample.control, control),
    ):
        if before and now and before != now:
            raise InputError(
                "another than in a row before",
                where=f"{where}, column {column}",
                expected="one for all tasks of a model",
            )
    return SisterSample(
        sample.name,
        (*sample.tasks, task),
        sample.nonpeaks or found.get("nonpeaks"),
        sample.control or control,
        config=config,
    )


def _task(
    row: Mapping[str, str],
    found: Mapping[str, str],
    config: Mapping[str, Any],
    where: str,
    made: Callable[[str], bool],
) -> Task:
    reads = split_list(row.get("reads", ""))
    strands = [column for column in ("plus", "minus") if column in found]
    if bool(reads) == bool(strands) or len(strands) == 1:
        raise InputError(
            "both reads and bigWigs" if reads and strands else "not all of a signal",
            where=where,
            expected="reads, or bigWigs in plus and minus",
        )
    if "" in reads:
        raise InputError("an empty name between commas", where=f"{where}, column reads")
    return Task(
        row.get("task", row["sample"]),
        tuple(existing_path(name, config["data"], f"{where}, column reads", made) for name in reads),
        found.get("plus"),
        found.get("minus"),
        found.get("peaks"),
    )


def _column(where: str, column: str) -> str:
    return f"{where}, column {column}" if column else where
