"""Metrics of a sample's models on test chromosomes, fold by fold, and how far they have come."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bpflow.evaluation_verdicts import MODEL_NAMES
from bpflow.report.blocks import Block, Section, table
from bpflow.report.format import ABSENT, number, percent
from bpflow.report.run import FoldResult, ModelResult

__all__ = ["GROUPS", "METRICS", "MODELS", "bias_responses", "mean", "metric", "metrics_section"]

GROUPS = {"peaks": "peaks", "nonpeaks": "non-peaks", "peaks_and_nonpeaks": "both"}
MODELS = {"bias": "Bias model", **MODEL_NAMES, "basenji2": "Basenji2"}
COUNTS_METRICS = {
    "pearsonr": "counts: Pearson r",
    "spearmanr": "counts: Spearman ρ",
    "mse": "counts: mean squared error",
}
METRICS = {
    **COUNTS_METRICS,
    "median_jsd": "profile: median JSD",
    "median_norm_jsd": "profile: median normalised JSD",
}
NOTE = (
    "Floor: what needs no model (counts: a constant, profiles: the average profile of the regions). Ceiling: what the "
    "noise of the insertions leaves to be reached, by two random halves of them. Way: how far the mean has come from "
    "floor to ceiling; verdicts rest on it. SD: sample standard deviation over folds."
)


def metrics_section(folds: Sequence[FoldResult], parent: str) -> Section:
    """One table a model; a fold's numbers are of its test chromosomes alone."""
    blocks: list[Block] = []
    for model in ("bias", "chrombpnet"):
        results = [getattr(fold, model) for fold in folds]
        if any(results):
            blocks.append(_table(MODELS[model], results, folds))
    return Section(f"{parent}-metrics", "Test metrics", blocks)


def metric(model: ModelResult | None, group: str, key: str) -> float | None:
    """One metric of one group of regions; None where it was not computed."""
    if model is None:
        return None
    kind = "counts_metrics" if key in COUNTS_METRICS else "profile_metrics"
    return (model.metrics[kind].get(group) or {}).get(key)


def bias_responses(folds: Sequence[FoldResult]) -> list[float | None]:
    """What each fold's corrected model answers to the bias probes; None where they were not tried."""
    return [((fold.footprints or {}).get("bias_response") or {}).get("corrected") for fold in folds]


def _table(name: str, results: Sequence[ModelResult | None], folds: Sequence[FoldResult]) -> Block:
    rows = []
    for group, where in GROUPS.items():
        for key, words in METRICS.items():
            values = [metric(result, group, key) for result in results]
            if all(value is None for value in values):
                continue
            floor, ceiling, way = (
                mean(_yardsticks(results, group, key, what)) for what in ("floor", "ceiling", "share")
            )
            rows.append((where, words, *_over_folds(values), number(floor), number(ceiling), _whole_percent(way)))
    if name == MODELS["chrombpnet"]:
        responses = bias_responses(folds)
        if any(value is not None for value in responses):
            row = ("bias probes", "corrected: mean of their maxima", *_over_folds(responses), *[ABSENT] * 3)
            rows.append(row)
    columns = {"regions": "t", "metric": "t", **{f"fold {fold.number}": "n" for fold in folds}}
    columns |= {"mean": "n", "SD": "n"} if len(folds) > 1 else {}
    columns |= {"floor": "n", "ceiling": "n", "way": "n"}
    return table(f"{name} on held-out test chromosomes", columns, rows, note=NOTE)


def _over_folds(values: Sequence[float | None]) -> list[str]:
    spread = [number(mean(values)), number(_deviation(values))] if len(values) > 1 else []
    return [*map(number, values), *spread]


def _yardsticks(results: Sequence[ModelResult | None], group: str, key: str, what: str) -> list[float | None]:
    return [
        (((result.metrics.get("yardsticks") or {}).get(group) or {}).get(key) or {}).get(what) if result else None
        for result in results
    ]


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _deviation(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.stdev(known) if len(known) > 1 else None


def _whole_percent(share: float | None) -> str:
    return ABSENT if share is None else percent(round(share, 2))
