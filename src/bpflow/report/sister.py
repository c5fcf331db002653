"""The page of a run of sister models: what was trained, how each task is predicted, and what was learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from bpflow.files import read_json
from bpflow.report import figures
from bpflow.report.bins import bins_section
from bpflow.report.blocks import Badge, Block, Facts, Figures, Legend, Link, Panel, Section, anchor, table
from bpflow.report.collect import HISTORY_COLUMNS, REGION_COLUMNS
from bpflow.report.fold import example_profiles, loss_curves, training_row, training_table
from bpflow.report.format import number, plain, signed
from bpflow.report.job_times import read_benchmarks
from bpflow.report.metrics import METRICS, MODELS
from bpflow.report.motifs import motif_section
from bpflow.report.page import limits_for, page_of
from bpflow.report.provenance import how_it_ran
from bpflow.report.reading import Reader
from bpflow.report.run import Record, Run
from bpflow.report.sample import genome_section
from bpflow.report.summary import worst
from bpflow.report.yardsticks import yardstick_blocks

__all__ = ["render_sisters"]

# Fewer test regions than this make every metric uncertain, and the page says so.
FEW = 200


class Named(NamedTuple):
    """A sample as the head of the page knows it."""

    name: str


@dataclass(frozen=True)
class Sister:
    """One sample's records."""

    name: str
    tasks: tuple[str, ...]
    peaks: Record
    folds: tuple[SisterFold, ...]
    motifs: tuple[Record, ...]


@dataclass(frozen=True)
class SisterFold:
    """One fold's model, and each task's metrics and regions."""

    number: int
    training: Record
    history: pd.DataFrame
    metrics: dict[str, Record]
    regions: dict[str, pd.DataFrame]
    footprints: dict[str, Record]
    recovery: Record | None


def render_sisters(
    results: str | Path, *, system: str, samples: Sequence[str], folds: Sequence[int], config: str | Path, title: str
) -> tuple[str, int]:
    """The page as HTML text, and how many checks it shows.

    Parameters
    ----------
    results
        The output tree of the workflow.
    system
        ``bpnet``, ``procapnet`` or ``basenji2``.
    samples, folds
        Names and numbers to show.
    config
        The resolved configuration as JSON, with the tasks of each sample.
    title
        Heading of the page.

    Raises
    ------
    InputError
        A record is missing or lacks a key; it is named.
    """
    reader = Reader(Path(results))
    settings = read_json(config, "the resolved configuration")
    genome = reader.record("genome/genome.json", "genome")
    split = reader.record("folds/folds.json", "folds")
    places = {name: anchor(f"s{index}", name) for index, name in enumerate(samples, start=1)}
    if system == "basenji2":
        details = [bins_section(reader, name, folds, here) for name, here in places.items()]
    else:
        tasks = {row["name"]: tuple(task["name"] for task in row["tasks"]) for row in settings["sheet"]}
        examples = limits_for(len(samples) * len(folds)).examples
        read = [_sample(reader, name, tasks[name], system, folds) for name in samples]
        details = [_section(sample, places[sample.name], system, examples) for sample in read]
    for name, section in zip(samples, details, strict=True):
        state = worst([check for check in reader.checks if check.sample == name])
        section.badge = Badge(state) if state else None
    run = Run(
        stage="all",
        genome=genome,
        folds={**split, "folds": [entry for entry in split["folds"] if entry.get("fold") in folds]},
        samples=tuple(Named(name) for name in samples),  # type: ignore[misc]
        checks=tuple(reader.checks),
        messages=tuple(dict.fromkeys(reader.messages)),
        benchmarks=tuple(read_benchmarks(Path(results), samples, folds)),
        config=settings,
        left_out=tuple(reader.left_out),
    )
    names = [Link(name, f"#{here}") for name, here in places.items()]
    provenance = Section("provenance", "Provenance", children=how_it_ran(run))
    return page_of(run, names, [genome_section(run), *details, provenance], title=title), len(run.checks)


def _sample(reader: Reader, name: str, tasks: tuple[str, ...], system: str, folds: Sequence[int]) -> Sister:
    peaks = reader.record(f"{name}/peaks/peaks.json", "regions", sample=name)
    return Sister(
        name, tasks, peaks, tuple(_fold(reader, name, tasks, system, fold) for fold in folds),
        tuple(_motifs(reader, name, tasks)),
    )  # fmt: skip


def _fold(reader: Reader, sample: str, tasks: Sequence[str], system: str, fold: int) -> SisterFold:
    here = f"{sample}/fold_{fold}"

    def record(name: str, kind: str) -> Record:
        return reader.record(f"{here}/{name}", kind, sample=sample, fold=fold)

    return SisterFold(
        fold,
        record(f"models/{system}.json", "training"),
        reader.table(f"{here}/models/{system}.history.tsv", HISTORY_COLUMNS, "the training history"),
        {task: record(f"tasks/{task}/metrics.json", "metrics") for task in tasks},
        {
            task: reader.table(
                f"{here}/tasks/{task}/regions.tsv.gz", REGION_COLUMNS, "the evaluated regions", empty=True
            )
            for task in tasks
        },
        {
            task: found
            for task in tasks
            if (
                found := reader.given(
                    f"{here}/tasks/{task}/footprints.json", "task_footprints", sample=sample, fold=fold
                )
            )
        },
        reader.given(f"{here}/recovery.json", "stranded_recovery", sample=sample, fold=fold),
    )


def _motifs(reader: Reader, sample: str, tasks: Sequence[str]) -> Iterator[Record]:
    for task in tasks:
        here = f"{sample}/mean"
        reader.optional(f"{here}/contributions/{task}/contributions.json", "contributions", sample=sample)
        for head in ("profile", "counts"):
            found = reader.optional(f"{here}/motifs/{task}/{head}/motifs.json", "motifs", sample=sample)
            if found is not None:
                yield {**found, "view": task}


def _section(sample: Sister, here: str, system: str, examples: int) -> Section:
    section = Section(here, sample.name)
    section.blocks = [
        Facts(
            [
                ("Model", MODELS[system]),
                ("Tasks", ", ".join(sample.tasks)),
                ("Regions", number(sample.peaks.get("kept", sample.peaks.get("clusters")))),
            ]
        )
    ]
    section.children = [_fold_section(fold, here, sample.tasks, system, examples) for fold in sample.folds]
    if sample.motifs:
        section.children.append(motif_section(sample.motifs, here))
    return section


def _fold_section(fold: SisterFold, parent: str, tasks: Sequence[str], system: str, examples: int) -> Section:
    here = f"{parent}-fold-{fold.number}"
    section = Section(here, f"Fold {fold.number}")
    training: list[Block] = [
        training_table([training_row(system, fold.training)]),
        loss_curves(MODELS[system], fold.history, fold.training),
    ]
    section.children.append(Section(f"{here}-training", "Training", training))
    for task in tasks:
        blocks = _task_blocks(fold.metrics[task], fold.regions[task], task, examples)
        if task in fold.footprints:
            blocks += _footprints(fold.footprints[task])
        section.children.append(Section(anchor(here, "task", task), f"Task {task}", blocks))
    if fold.recovery:
        rows = [
            (task, number(found["places"]), number(found["starts"]), number(found["counts_pearsonr"]))
            for task, found in fold.recovery["tasks"].items()
        ]
        columns = {
            "task": "t",
            "planted places": "n",
            "predicted to the base and strand": "n",
            "counts: Pearson r": "n",
        }
        section.children.append(Section(f"{here}-truth", "Planted truth", [table("What was recovered", columns, rows)]))
    return section


def _footprints(record: Record) -> list[Block]:
    rows, panels = [], []
    for motif in record["motifs"]:
        strands = motif["strands"]
        places = [f"{name} {found['place']:+d}" for name, found in strands.items()]
        rows.append((motif["name"], motif["sequence"], signed(motif["log2_fold_counts"]), ", ".join(places)))
        panels.append(
            Panel(motif["name"], figures.strands({name: found["profile"] for name, found in strands.items()}))
        )
    columns = {"motif": "t", "sequence": "t", "log2 fold counts": "n", "largest at (bp from the middle)": "t"}
    return [
        table(
            "Motifs in shuffled peaks", columns, rows, note=f"Means over {number(record['backgrounds'])} backgrounds."
        ),
        Figures(
            "What a motif does to the profile",
            "Good: motifs of this task stand out, on the strand and at the place where they act; others are flat.",
            panels,
            legend=[Legend("corrected", "solid", "plus strand"), Legend("bias", "solid", "minus strand, downwards")],
        ),
    ]


def _task_blocks(record: Record, regions: pd.DataFrame, task: str, examples: int) -> list[Block]:
    n = (record.get("regions") or {}).get("peaks")
    values = record["counts_metrics"].get("peaks", {}) | record["profile_metrics"].get("peaks", {})
    few = f" Only {n} regions were tested: take each number with care." if n is not None and n < FEW else ""
    both = (
        " Predictions are means of each sequence and its reverse complement."
        if record.get("reverse_complement")
        else ""
    )
    blocks: list[Block] = [
        table(
            f"{task} on the {plain(record.get('split'))} chromosomes {plain(record.get('chromosomes'))}",
            {"regions": "n", **dict.fromkeys(METRICS.values(), "n")},
            [(number(n), *(number(values.get(key)) for key in METRICS))],
            note="Counts are ln(1 + reads of both strands); a profile is of both strands, one after the other. JSD "
            f"runs from 0 (best) to 0.833; normalised, 1 is best.{both}{few}",
        ),
        *yardstick_blocks(record),
    ]
    if not regions.empty:
        drawn = figures.thinned(regions, 2000)
        blocks.append(
            Figures(
                "Observed against predicted log counts",
                "Good: points follow the dashed line.",
                [Panel(task, figures.counts_scatter(drawn, role="corrected"), note=f"{len(drawn)} of {len(regions)}")],
                legend=[Legend("corrected", "point", "region"), Legend("observed", "dash", "equality")],
            )
        )
    found: list[dict[str, Any]] = record.get("examples") or []
    if found:
        blocks.append(example_profiles(found, examples))
    return blocks
