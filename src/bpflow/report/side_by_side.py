"""Samples beside each other: depth, metrics, and whether predictions agree where peaks are shared."""

from __future__ import annotations

from collections.abc import Sequence

from bpflow.report import figures
from bpflow.report.blocks import Block, Figures, Link, Panel, Section, table
from bpflow.report.format import number
from bpflow.report.metrics import bias_responses, mean, metric
from bpflow.report.run import Record, Run, Sample

__all__ = ["side_by_side_section"]

AGREEMENT = {
    "predicted_r": "predicted counts",
    "observed_r": "observed counts",
    "difference_r": "differences, predicted against observed",
}
GOOD = (
    "Good: predictions agree between samples about as much as observations do, and where samples differ the models "
    "predict how (differences well above 0). Predictions that are all alike have not learned what is the sample's own."
)


def side_by_side_section(run: Run, pages: Sequence[Link]) -> Section:
    """One row a sample, and the agreement of each two.

    Parameters
    ----------
    run
        The run.
    pages
        Of each sample its name, leading to where its details are.
    """
    columns = {
        "sample": "t", "assay": "t", "insertions": "n", "peaks": "n", "FRiP": "n", "counts r in peaks": "n",
        "normalised JSD in peaks": "n", "bias counts r in peaks": "n", "bias counts r in non-peaks": "n",
        "response to bias probes": "n",
    }  # fmt: skip
    rows = [_row(sample, page) for sample, page in zip(run.samples, pages, strict=True)]
    blocks: list[Block] = [
        table("Samples", columns, rows, note="Metrics are means over folds, on held-out test chromosomes.")
    ]
    if run.comparison:
        blocks += _agreement(run.comparison)
    return Section("samples", "Samples side by side", blocks)


def _row(sample: Sample, page: Link) -> tuple[object, ...]:
    return (
        page,
        str(sample.signal["assay"]),
        number(sample.signal["insertions"]),
        number(sample.peaks["kept"]),
        number(sample.peaks.get("frip")),
        _mean_metric(sample, "chrombpnet", "peaks", "pearsonr"),
        _mean_metric(sample, "chrombpnet", "peaks", "median_norm_jsd"),
        _mean_metric(sample, "bias", "peaks", "pearsonr"),
        _mean_metric(sample, "bias", "nonpeaks", "pearsonr"),
        number(mean(bias_responses(sample.folds))),
    )


def _mean_metric(sample: Sample, model: str, group: str, key: str) -> str:
    return number(mean([metric(getattr(fold, model), group, key) for fold in sample.folds]))


def _agreement(comparison: Record) -> list[Block]:
    names = [entry["name"] for entry in comparison["samples"]]
    pairs = comparison["pairs"]
    return [
        Figures(
            "Agreement at shared peaks",
            GOOD,
            [Panel(f"Pearson r of {words}", figures.agreement(names, pairs, key)) for key, words in AGREEMENT.items()],
            note=f"Peaks are shared whose centres are each other's nearest, within {comparison['shared_within']} bp.",
        ),
        table(
            "Agreement of each two samples at the peaks they share",
            {"sample": "t", "and": "t", "shared peaks": "n", **dict.fromkeys(AGREEMENT.values(), "n")},
            [
                (pair["first"], pair["second"], number(pair["shared"]), *(number(pair[key]) for key in AGREEMENT))
                for pair in pairs
            ],
            folded=len(pairs) > 10,
        ),
    ]
