"""The part of the page about one fold of a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from bpflow.report import figures
from bpflow.report.blocks import Badge, Block, Facts, Figures, Legend, Panel, Section, Table, table
from bpflow.report.format import duration, number, plain, signed
from bpflow.report.metrics import GROUPS, METRICS, MODELS, metric
from bpflow.report.run import Check, FoldResult, ModelResult, Record
from bpflow.report.summary import worst
from bpflow.report.yardsticks import yardstick_blocks

__all__ = [
    "Limits",
    "example_profiles",
    "fold_section",
    "footprint_blocks",
    "loss_curves",
    "training_row",
    "training_table",
]


class Limits(NamedTuple):
    """How much a page draws, so that it stays small with many samples and folds."""

    points: int
    examples: int


def fold_section(fold: FoldResult, parent: str, checks: Sequence[Check], limits: Limits, *, folded: bool) -> Section:
    """Training, metrics, examples, footprints and, for simulated data, the planted truth."""
    here = f"{parent}-fold-{fold.number}"
    state = worst(checks)
    section = Section(here, f"Fold {fold.number}", folded=folded, badge=Badge(state) if state else None)
    models = [model for model in (fold.bias, fold.chrombpnet) if model is not None]
    section.children.append(Section(f"{here}-training", "Training", _training(models, fold.scaling)))
    section.children.append(Section(f"{here}-metrics", "Metrics", _metrics(fold, models, limits)))
    if fold.chrombpnet and fold.chrombpnet.metrics.get("examples"):
        blocks = [example_profiles(fold.chrombpnet.metrics["examples"], limits.examples)]
        section.children.append(Section(f"{here}-profiles", "Profile examples", blocks))
    if fold.footprints:
        section.children.append(Section(f"{here}-footprints", "Marginal footprints", footprint_blocks(fold.footprints)))
    if fold.recovery:
        section.children.append(Section(f"{here}-truth", "Planted truth", _recovery(fold.recovery)))
    return section


def _training(models: Sequence[ModelResult], scaling: Record | None) -> list[Block]:
    trained = [model for model in models if model.training is not None]
    blocks: list[Block] = []
    if trained:
        blocks.append(training_table([training_row(model.name, model.training or {}) for model in trained]))
    blocks += [
        loss_curves(MODELS[model.name], model.history, model.training or {})
        for model in trained
        if model.history is not None
    ]
    if not any(model.name == "bias" for model in trained):
        blocks.append(Facts([("Bias model", "not trained in this run")]))
    if scaling:
        blocks.append(
            Facts(
                [
                    ("Bias scaling: added to log counts", signed(scaling["delta"])),
                    ("Scaling regions", number(scaling.get("regions"))),
                    ("Mean observed log counts", number(scaling.get("observed_mean"))),
                    ("Mean predicted log counts before", number(scaling.get("predicted_mean"))),
                ]
            )
        )
    return blocks


def training_table(rows: Sequence[tuple[str, ...]]) -> Table:
    """One row a training, as of :func:`training_row`."""
    columns = {
        "model": "t", "parameters": "n", "epochs run": "n", "best epoch": "n", "best validation loss": "n",
        "stopped by": "t", "examples per epoch": "n", "examples per second": "n", "time": "n", "device": "t",
    }  # fmt: skip
    return table("Training runs", columns, rows)


LOSSES = {"Total loss": "loss", "Profile loss": "profile_loss", "Counts loss": "counts_loss"}


def loss_curves(name: str, history: pd.DataFrame, training: Record, *, titles: Mapping[str, str] = LOSSES) -> Figures:
    """Losses of each epoch; `titles` are columns of the history by what they are called."""
    panels = [
        Panel(title, figures.training_curve(history, column, training.get("best_epoch")))
        for title, column in titles.items()
    ]
    return Figures(
        f"{name}: loss by epoch",
        "Good: validation falls with training and then levels off; "
        "if it rises while training falls, later epochs only learn by heart.",
        panels,
        legend=[
            Legend("train", "solid", "training"),
            Legend("valid", "dash", "validation"),
            Legend("mark", "dot", "epoch that was kept"),
        ],
    )


def training_row(name: str, training: Record) -> tuple[str, ...]:
    """What a record of 'bpflow train' says, as a row of :func:`training_table`."""
    return (
        MODELS[name],
        number(training.get("parameters")),
        number(training["epochs_run"]),
        number(training["best_epoch"]),
        number(training["best_valid_loss"]),
        plain(training.get("stopped")),
        number(training.get("examples_per_epoch")),
        number(training.get("examples_per_second")),
        duration(training.get("seconds")),
        f"{plain(training.get('device'))}, {plain(training.get('precision'))}",
    )


def _metrics(fold: FoldResult, models: Sequence[ModelResult], limits: Limits) -> list[Block]:
    blocks: list[Block] = []
    for model in models:
        record = model.metrics
        rows = [
            (
                where,
                number((record.get("regions") or {}).get(group)),
                number((record.get("empty_regions") or {}).get(group)),
                *(number(metric(model, group, key)) for key in METRICS),
                number((record.get("multinomial_nll") or {}).get(group)),
            )
            for group, where in GROUPS.items()
            if group in record["counts_metrics"] or group in record["profile_metrics"]
        ]
        split = record.get("split")
        on = f" on the {split} chromosomes {plain(record.get('chromosomes'))}" if split else ""
        blocks.append(
            table(
                f"{MODELS[model.name]}{on}",
                {
                    "regions": "t", "number": "n", "without insertions": "n",
                    **dict.fromkeys(METRICS.values(), "n"), "mean multinomial NLL": "n",
                },
                rows,
                note="Counts are ln(1 + insertions). JSD runs from 0 (best) to 0.833; normalised, 1 is best and 0 is "
                "no better than a flat profile.",
            )
        )  # fmt: skip
        blocks += yardstick_blocks(record)
    panels = []
    for drawn_model, flag, where, role in (
        (fold.chrombpnet, 1, "ChromBPNet in peaks", "corrected"),
        (fold.bias, 0, "Bias model in non-peaks", "bias"),
    ):
        if drawn_model is None:
            continue
        regions = drawn_model.regions[drawn_model.regions["peak"] == flag]
        if regions.empty:
            continue
        drawn = figures.thinned(regions, limits.points)
        note = f"{len(drawn):,} of {len(regions):,} regions"
        panels.append(Panel(where, figures.counts_scatter(drawn, role=role), note=note))
    if panels:
        blocks.append(
            Figures(
                "Observed against predicted log counts",
                "Good: ChromBPNet's points follow the dashed line; "
                "the bias model's follow it less, for it knows the enzyme only.",
                panels,
                legend=[
                    Legend("corrected", "point", "ChromBPNet"),
                    Legend("bias", "point", "bias model"),
                    Legend("observed", "dash", "equality"),
                ],
                note=f"At most {limits.points:,} regions a plot, drawn at random with seed {figures.SCATTER_SEED}; "
                "the metrics above are of all.",
            )
        )
    if fold.chrombpnet and not fold.chrombpnet.regions.empty:
        regions = fold.chrombpnet.regions
        groups = {
            "peaks": (regions.loc[regions["peak"] == 1, "norm_jsd"], "peaks"),
            "non-peaks": (regions.loc[regions["peak"] == 0, "norm_jsd"], "nonpeaks"),
        }
        blocks.append(
            Figures(
                "How well ChromBPNet's profiles fit",
                "Good: peaks lie well to the right; regions with few insertions stay low by chance alone.",
                [
                    Panel(
                        "Normalised JSD (1 is best)",
                        figures.profile_fit({name: group for name, group in groups.items() if len(group[0])}),
                    )
                ],
                legend=[Legend("peaks", "solid", "peaks"), Legend("nonpeaks", "dash", "non-peaks")],
            )
        )
    return blocks


def example_profiles(examples: Sequence[Record], most: int) -> Figures:
    """Observed and predicted profiles of at most `most` recorded peaks."""
    ordered = sorted(examples, key=lambda entry: entry.get("quantile") or 0)
    if len(ordered) > most:
        # Evenly over the quantiles, both ends kept.
        ordered = [ordered[round(index * (len(ordered) - 1) / (most - 1))] for index in range(most)]
    panels = [
        Panel(
            f"Quantile {plain(entry.get('quantile'))} of fit",
            figures.profile_example(entry["observed"], entry["predicted"], entry.get("predicted_total")),
            note=f"{entry.get('chrom')}:{number(entry.get('center'))} · "
            f"{number(entry.get('observed_total'))} observed, {number(entry.get('predicted_total'))} predicted "
            f"insertions · normalised JSD {number(entry.get('norm_jsd'))}",
        )
        for entry in ordered
    ]
    return Figures(
        "Observed and predicted profiles",
        "Good: predicted summits and footprints stand where insertions gather; observed bars are always more ragged.",
        panels,
        legend=[
            Legend("observed", "solid", "observed insertions (above)"),
            Legend("bias", "solid", "expected insertions (below), on a scale of their own"),
        ],
        note=f"{len(ordered)} of the {len(examples)} recorded peaks, each at a quantile of the normalised JSD "
        "over all peaks (0 the worst fit, 1 the best).",
    )


def footprint_blocks(record: Record) -> list[Block]:
    """Responses and profiles of one model, or of the mean over folds."""
    response = record["bias_response"]
    blocks: list[Block] = [
        Facts(
            [
                ("Bias probes, corrected: mean of their maxima", number(response.get("corrected"))),
                ("Bias probes, with bias: mean of their maxima", number(response.get("with_bias"))),
                ("Corrected without a motif: maximum", number(response.get("control"))),
                ("Corrected, in multiples of its control and of with bias", _ratios(response)),
                ("The same, near the motif alone", _ratios(response.get("centre") or {})),
                ("Threshold", plain(response.get("threshold"))),
                ("As the official program writes it", plain(response.get("official"))),
                ("Backgrounds", number(record.get("backgrounds"))),
            ]
        )
    ]
    rows = []
    for motif in record["motifs"]:
        corrected, biased = motif["corrected"], motif.get("with_bias") or {}
        rows.append(
            (
                plain(motif["name"]),
                plain(motif.get("sequence")),
                {"bias_probe": "bias probe"}.get(motif.get("kind", ""), plain(motif.get("kind"))),
                number(corrected.get("max")),
                number(corrected.get("max_centre")),
                number(biased.get("max")),
                number(corrected.get("depth")),
                signed(corrected.get("log2_fold_counts")),
                signed(biased.get("log2_fold_counts")),
            )
        )
    blocks.append(
        table(
            "Response to each motif",
            {
                "motif": "t", "sequence": "t", "kind": "t",
                "corrected: max": "n", "corrected: max near the centre": "n",
                "with bias: max": "n", "corrected: depth": "n",
                "corrected: log2 fold counts": "n", "with bias: log2 fold counts": "n",
            },
            rows,
            note="Max: the largest share of the output window's insertions at one base. "
            "Depth: how much fewer insertions a base of the motif has than one of the 25 on either side, as a share. "
            "Log2 fold counts: against the same backgrounds without the motif.",
        )
    )  # fmt: skip
    legend = [Legend("corrected", "solid", "corrected"), Legend("bias", "dot", "with bias")]
    for kind, title, good, threshold in (
        (
            "bias_probe",
            "Bias probes: sequences that the enzyme likes to cut",
            "Good: with bias there is a spike, and the corrected line is flat, below the threshold.",
            response.get("threshold"),
        ),
        (
            "motif",
            "Motifs of binding proteins",
            "Good: the corrected line keeps a footprint, a dip between shoulders, and loses the enzyme's spikes.",
            None,
        ),
    ):
        panels = [
            _footprint_panel(motif, threshold) for motif in record["motifs"] if motif.get("kind", "motif") == kind
        ]
        if panels:
            keys = [*legend, Legend("observed", "dash", "threshold")] if threshold is not None else legend
            blocks.append(Figures(title, good, panels, legend=keys, note=_window(record)))
    control = record.get("control") or {}
    if (control.get("corrected") or {}).get("profile"):
        blocks.append(
            Figures(
                "Control: the same backgrounds without a motif",
                "Good: both lines are flat; a spike here is not a motif's doing.",
                [_footprint_panel({"name": "no motif", **control}, None)],
                legend=legend,
                note=_window(record),
            )
        )
    return blocks


def _ratios(response: Record) -> str:
    """How many times the control, and how many times the response with bias."""
    keys = ("ratio_to_control", "ratio_to_uncorrected")
    return " and ".join(f"{number(response.get(key))}-fold" for key in keys)


def _window(record: Record) -> str:
    return (
        f"The central {number(record.get('window'))} of {number(record.get('output_length'))} bp; "
        "shares are of all insertions in the output window."
    )


def _footprint_panel(motif: Record, threshold: float | None) -> Panel:
    with_bias = (motif.get("with_bias") or {}).get("profile")
    drawn = figures.footprint(motif["corrected"]["profile"], with_bias, threshold=threshold)
    return Panel(plain(motif["name"]), drawn, note=str(motif.get("sequence") or ""))


def _recovery(record: Record) -> list[Block]:
    motifs = record["motifs"]
    profile, bias = record.get("profile") or {}, record.get("bias") or {}
    blocks: list[Block] = [
        Facts(
            [
                ("Regions compared", number(profile.get("regions"))),
                ("Corrected profile against the planted one, r", number(profile.get("corrected_r"))),
                ("Profile with bias against the planted one, r", number(profile.get("with_bias_r"))),
                ("Observed insertions against the planted profile, r", number(profile.get("observed_r"))),
                ("Predicted against planted enzyme bias, r", number(bias.get("r"))),
                ("Regions compared for bias", number(bias.get("regions"))),
            ]
        ),
        table(
            "Motif effects, planted and predicted",
            {"motif": "t", "sequence": "t", "planted": "n", "predicted": "n", "shuffled motif": "n", "with bias": "n"},
            [
                (
                    plain(motif["name"]),
                    plain(motif.get("sequence")),
                    signed(motif.get("planted_log2_fold")),
                    signed(motif.get("predicted_log2_fold")),
                    signed(motif.get("shuffled_log2_fold")),
                    signed(motif.get("with_bias_log2_fold")),
                )
                for motif in motifs
            ],
            note="log2 fold change of a region's insertions when one site is put in; predicted by the corrected model "
            "except where it says with bias.",
        ),
    ]
    known: list[dict[str, Any]] = [motif for motif in motifs if motif.get("planted_log2_fold") is not None]
    if known:
        blocks.append(
            Figures(
                "Planted against predicted motif effects",
                "Good: motifs keep the planted order near the dashed line, and shuffled motifs lie at zero; "
                "the corrected profile comes closer to the planted one than the profile with bias.",
                [Panel("", figures.motif_effects(known))],
                legend=[
                    Legend("corrected", "point", "motif"),
                    Legend("observed", "cross", "shuffled motif"),
                    Legend("observed", "dash", "equality"),
                ],
            )
        )
    return blocks
