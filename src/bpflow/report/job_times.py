"""How long each job took and how much memory it had, from Snakemake's benchmark tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from bpflow.errors import InputError
from bpflow.report.run import Benchmark

__all__ = ["read_benchmarks"]

# Rules that make these pages: their times are of an earlier page, so they would change each one.
PAGE_RULES = ("qc_report", "full_report", "sample_page")


def read_benchmarks(results: Path, samples: Sequence[str], folds: Sequence[int]) -> Iterator[Benchmark]:
    """Jobs of these samples and folds, and those of the whole run; a page never times a page."""
    root = results / "benchmarks"
    known = {*samples, *(path.parent.name for path in results.glob("*/signal"))}
    for path in sorted(root.rglob("*.tsv")) if root.is_dir() else ():
        rule = "/".join(path.relative_to(root).parts[:-1]) or path.stem
        job = "" if path.stem == rule else path.stem
        fold = re.search(r"\.fold_(\d+)$", job)
        # Names of samples may hold dots, and one begin with another.
        owner = max((name for name in known if f"{job}.".startswith(f"{name}.")), key=len, default=None)
        foreign = owner is not None and owner not in samples
        if rule in PAGE_RULES or foreign or (fold and int(fold[1]) not in folds):
            continue
        try:
            frame = pd.read_csv(path, sep="\t", na_values=["-", "NA"])
            seconds = pd.to_numeric(frame["s"]).mean()
            memory = pd.to_numeric(frame["max_rss"]).max() if "max_rss" in frame else float("nan")
        except (KeyError, ValueError) as error:
            raise InputError(
                f"not a benchmark table ({error})",
                where=str(path),
                expected="Snakemake's columns, as s and max_rss",
            ) from None
        yield Benchmark(rule, job, float(seconds), None if pd.isna(memory) else float(memory))
