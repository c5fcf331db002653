"""The top of the page: can this run be trusted, and what was said against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bpflow.report.blocks import Badge, Link, Table, table
from bpflow.report.format import ABSENT, number, plain
from bpflow.report.run import Check, Run
from bpflow.verdicts import GRADES, STAGES, stage_of

__all__ = ["Overall", "VerdictRow", "overall", "stage_table", "verdict_rows", "worst"]


STAGE_WORDS = {
    "inputs": "inputs",
    "bias": "bias model",
    "model": "model",
    "interpretation": "interpretation",
    "truth": "planted truth",
}


class Overall(NamedTuple):
    """The page's one-line answer."""

    verdict: str
    headline: str
    detail: str


class VerdictRow(NamedTuple):
    """One check of one sample, over its folds."""

    sample: str
    stage: str
    name: str
    cells: tuple[Badge | None, ...]
    threshold: str
    source: str
    advice: str
    verdict: str


EARLY = {
    "qc": "This page is about the inputs only; no model is judged here. ",
    "bias": "This page ends with the bias models; ChromBPNet is not judged here. ",
    "model": "This page ends with ChromBPNet and its footprints; what it learned is not explained here. ",
}


def worst(checks: Sequence[Check]) -> str | None:
    """The worst verdict among `checks`; None when there is none."""
    return max((check.verdict for check in checks), key=GRADES.index, default=None)


def overall(run: Run) -> Overall:
    """Say in a line whether to trust the run: as good as its worst check."""
    total = len(run.checks)
    by = {verdict: sum(check.verdict == verdict for check in run.checks) for verdict in GRADES}
    warnings = f" The stages gave {_many(len(run.messages), 'warning')}, listed below." if run.messages else ""
    early = EARLY.get(run.stage, "")
    subject = "these inputs" if run.stage == "qc" else "this run"
    if not total:
        return Overall(
            "none", "Nothing has been checked yet.", f"{early}No stage gave a verdict, so trust is open.{warnings}"
        )
    counts = ", ".join(f"{by[verdict]} {verdict}" for verdict in reversed(GRADES) if by[verdict])
    detail = f"{early}{_many(total, 'check')}: {counts}.{warnings}"
    if by["fail"]:
        return Overall("fail", f"Do not rely on {subject} before the failed checks below are understood.", detail)
    if by["check"]:
        return Overall("check", f"Use {subject} with care: look at the marked checks first.", detail)
    trust = f"You can trust {subject}: every check passed."
    if run.messages:
        trust = f"Every check passed; read the warnings below before you rely on {subject}."
    return Overall("good", trust, detail)


def stage_table(run: Run, names: Sequence[Link]) -> Table:
    """One row a sample, one column a stage: the worst verdict of each, and how many there are.

    Parameters
    ----------
    run
        The run.
    names
        Of each sample its name, leading to where its details are.
    """
    judged = [stage for stage in STAGES if any(stage_of(check.key) == stage for check in run.checks)]
    rows = []
    for sample, name in zip(run.samples, names, strict=True):
        # What is said of the whole run is said of each sample.
        checks = [check for check in run.checks if check.sample in ("", sample.name)]
        rows.append((name, *(_badge([check for check in checks if stage_of(check.key) == stage]) for stage in judged)))
    return table(
        "Verdicts by sample and stage",
        {"sample": "t", **{STAGE_WORDS[stage]: "t" for stage in judged}},
        rows,
        note="The worst verdict of each stage; the number and the reason of each are below.",
    )


def _badge(checks: Sequence[Check]) -> Badge | str:
    state = worst(checks)
    if state is None:
        return ABSENT
    return Badge(state, f"{sum(check.verdict == state for check in checks)} of {len(checks)}")


def verdict_rows(run: Run) -> list[VerdictRow]:
    """One row a sample and check, worst first, its folds side by side."""
    numbers = [entry["fold"] for entry in run.folds["folds"]]
    groups: dict[tuple[str, str, bool], list[Check]] = {}
    for check in run.checks:
        groups.setdefault((check.sample, check.name, check.fold is None), []).append(check)
    order = {sample.name: index for index, sample in enumerate(run.samples)}
    rows = [_row(*key, checks, numbers) for key, checks in groups.items()]
    stages = list(STAGE_WORDS.values())
    return sorted(
        rows, key=lambda row: (-GRADES.index(row.verdict), order.get(row.sample, -1), stages.index(row.stage))
    )


def _row(sample: str, name: str, whole: bool, checks: list[Check], numbers: list[int]) -> VerdictRow:
    verdict = worst(checks) or GRADES[0]
    if whole:
        cells: tuple[Badge | None, ...] = (Badge(verdict, "; ".join(_value(check) for check in checks), len(numbers)),)
    else:
        by_fold = {check.fold: Badge(check.verdict, _value(check)) for check in checks}
        cells = tuple(by_fold.get(number) for number in numbers)
    return VerdictRow(
        sample=sample or "whole run",
        stage=STAGE_WORDS[stage_of(checks[0].key)],
        name=name,
        cells=cells,
        threshold=_distinct([check.threshold for check in checks]),
        source=_distinct([check.source for check in checks]),
        # The advice that matters is that of the worst folds.
        advice=_distinct([check.advice for check in checks if check.verdict == verdict], between=" "),
        verdict=verdict,
    )


def _value(check: Check) -> str:
    return plain(check.value) if isinstance(check.value, list | dict) else number(check.value)


def _distinct(texts: Sequence[str], between: str = "; ") -> str:
    return between.join(dict.fromkeys(text for text in texts if text)) or ABSENT


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}" + ("" if count == 1 else "s")
