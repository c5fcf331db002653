"""The pages that are looked at, each made as a run makes it; a new kind of page needs its line in `PAGES` alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_up_run
from bpflow.cli import main


def run_page(folder: Path) -> Path:
    """The page of a run of two samples, with checks that are good, doubtful and failed."""
    samples = ["yeast_wt", "yeast_ko"]
    tree = made_up_run.build(folder / "results", samples=samples, regions=60)
    for sample in samples:
        # A few figures of each kind: drawing takes most of the tests' time.
        tree.change(f"{sample}/fold_0/evaluation/footprints.json", _with_few("motifs"))
        tree.change(f"{sample}/fold_0/evaluation/chrombpnet_metrics.json", _with_few("examples"))
    tree.change("yeast_ko/fold_0/evaluation/footprints.json", _with("fail"))
    tree.change("yeast_ko/fold_0/evaluation/chrombpnet_metrics.json", _with("check"))
    return _report(folder, "report.html", samples, [0])


def _with(verdict: str) -> Callable[[dict[str, Any]], None]:
    return lambda record: record["verdicts"][0].update(verdict=verdict)


def _with_few(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda record: record.update({key: record[key][:3]})


def _report(folder: Path, name: str, samples: list[str], folds: list[int]) -> Path:
    page = folder / "results" / name
    arguments = ["--results", str(page.parent), "--samples", *samples, "--folds", *map(str, folds)]
    main(["report", *arguments, "--output", str(page)])
    return page


PAGES: dict[str, Callable[[Path], Path]] = {"run": run_page}
