"""The part of the page that says what made the run: versions, seeds, digests, configuration, time and memory."""

from __future__ import annotations

import json

from bpflow import __version__
from bpflow.report.blocks import Block, Prose, Section, table
from bpflow.report.format import ABSENT, duration, mebibytes, number, plain
from bpflow.report.run import Benchmark, Record, Run

__all__ = ["how_it_ran", "provenance_section"]


def provenance_section(run: Run) -> Section:
    """Everything needed to make the run again."""
    section = Section("provenance", "Provenance")
    section.children.append(Section("provenance-versions", "Versions and seeds", _versions(run)))
    section.children.append(Section("provenance-digests", "Digests", _digests(run)))
    section.children += how_it_ran(run)
    return section


def how_it_ran(run: Run) -> list[Section]:
    """Time and memory of all jobs, and the configuration."""
    sections = []
    if run.benchmarks:
        sections.append(Section("provenance-time", "Time and memory", _benchmarks(run.benchmarks)))
    if run.config is not None:
        text = json.dumps(run.config, indent=2, ensure_ascii=False)
        block = Prose(text, title="The resolved configuration, defaults filled in", code=True)
        sections.append(Section("provenance-config", "Configuration", [block]))
    return sections


def _versions(run: Run) -> list[Block]:
    versions: dict[tuple[str, str], list[str]] = {("bpflow (this page)", __version__): ["report"]}

    def seen(name: str, version: object, where: str) -> None:
        places = versions.setdefault((name, plain(version)), [])
        if where not in places:
            places.append(where)

    seeds: list[tuple[str, str, str]] = []
    for sample in run.samples:
        if sample.signal.get("version"):
            seen("bpflow", sample.signal["version"], "signal")
        seeds.append((sample.name, "signal", plain(sample.signal.get("seed"))))
        macs3 = sample.peaks.get("macs3") or {}
        if macs3.get("version"):
            seen("MACS3", macs3["version"], "peaks")
        if sample.peaks.get("seed") is not None:
            seeds.append((sample.name, "peaks", plain(sample.peaks["seed"])))
        for fold in sample.folds:
            for stage, record in (("non-peaks", fold.nonpeaks), ("selection", fold.chrombpnet_selection)):
                if record and record.get("seed") is not None:
                    seeds.append((sample.name, f"{stage}, fold {fold.number}", plain(record["seed"])))
            for model in (fold.bias, fold.chrombpnet):
                if model is None or model.training is None:
                    continue
                for name, version in (model.training.get("environment") or {}).items():
                    seen(name, version, "training")
                seed = (model.training.get("recipe") or {}).get("seed")
                seeds.append((sample.name, f"{model.name}, fold {fold.number}", plain(seed)))
    blocks: list[Block] = [
        table(
            "Versions",
            {"software": "t", "version": "t", "stage": "t"},
            [(name, version, ", ".join(places)) for (name, version), places in versions.items()],
            note="More than one version of a software means that parts of the run were made at different times.",
        ),
        table("Seeds", {"sample": "t", "stage": "t", "seed": "n"}, seeds, folded=len(seeds) > 12),
    ]
    recipes = _recipes(run)
    if recipes:
        blocks.append(
            table("Training recipes", {"models": "t", "recipe": "t", "architecture": "t"}, recipes, folded=True)
        )
    return blocks


def _recipes(run: Run) -> list[tuple[str, str, str]]:
    """Recipes and architectures, said once for all models that share them but the counts loss weight and seed."""
    found: dict[tuple[str, str], list[str]] = {}
    for sample in run.samples:
        for fold in sample.folds:
            for model in (fold.bias, fold.chrombpnet):
                if model is None or model.training is None:
                    continue
                recipe: Record = dict(model.training.get("recipe") or {})
                for own in ("counts_loss_weight", "seed"):
                    recipe.pop(own, None)
                key = (plain(recipe).replace("_", " "), plain(model.training.get("architecture")).replace("_", " "))
                found.setdefault(key, []).append(f"{sample.name} fold {fold.number} {model.name}")
    return [("; ".join(models), recipe, architecture) for (recipe, architecture), models in found.items()]


def _digests(run: Run) -> list[Block]:
    rows = [("genome", plain(run.genome["source"]), plain(run.genome["sha256"]))]
    rows += [
        (sample.name, plain(file.get("path")), plain(file.get("sha256")))
        for sample in run.samples
        for file in sample.signal["files"] or ([sample.signal] if sample.signal.get("given") else [])
    ]
    inputs = table("SHA-256 of the inputs", {"of": "t", "file": "t", "digest": "t"}, rows)
    if run.fetched is None:
        return [inputs]
    fetched = [
        (plain(file.get("part")), file["address"], file["sha256"], file["checked"]) for file in run.fetched["files"]
    ]
    title = f"The genome {run.fetched['name']}, as it was fetched"
    return [inputs, table(title, {"of": "t", "address": "t", "SHA-256": "t", "checked by": "t"}, fetched)]


def _benchmarks(benchmarks: tuple[Benchmark, ...]) -> list[Block]:
    rules: dict[str, list[Benchmark]] = {}
    for entry in benchmarks:
        rules.setdefault(entry.rule, []).append(entry)
    rows = []
    for rule, jobs in rules.items():
        memories = [job.memory for job in jobs if job.memory is not None]
        rows.append(
            (
                rule,
                number(len(jobs)),
                duration(sum(job.seconds for job in jobs)),
                duration(max(job.seconds for job in jobs)),
                mebibytes(max(memories, default=None)),
            )
        )
    single = [
        (entry.rule, entry.job or ABSENT, duration(entry.seconds), mebibytes(entry.memory)) for entry in benchmarks
    ]
    return [
        table(
            "Time and memory by rule",
            {"rule": "t", "jobs": "n", "time, all jobs": "n", "longest job": "n", "most memory of a job": "n"},
            rows,
            note="Memory is the resident set of a job's processes at its largest, as Snakemake measured it.",
        ),
        table("Time and memory by job", {"rule": "t", "job": "t", "time": "n", "memory": "n"}, single, folded=True),
    ]
