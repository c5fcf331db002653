"""The report's plotly figures, one function a figure.

Figures carry data, axes and traces; fonts, grid and background come from the page, so that they follow its light
or dark colours. Arrays are float32 or small integers, which plotly writes as compact base64.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from bpflow.report.palette import ROLES

__all__ = [
    "SCATTER_SEED",
    "agreement",
    "chromosome_counts",
    "counts_scatter",
    "factor_sweep",
    "floor_to_ceiling",
    "footprint",
    "fragment_lengths",
    "gc_content",
    "motif_effects",
    "peak_insertions",
    "profile_example",
    "profile_fit",
    "shift_scores",
    "strands",
    "thinned",
    "training_curve",
]

SCATTER_SEED = 1234
SQUARES_WITH_NUMBERS = 12

_PLAIN = go.layout.Template()
_CATEGORIES = {"type": "category", "automargin": True, "showgrid": False}


def _figure(
    traces: Sequence[Any],
    *,
    x: str,
    y: str,
    height: int = 260,
    x_axis: Mapping[str, Any] | None = None,
    y_axis: Mapping[str, Any] | None = None,
    **layout: Any,
) -> go.Figure:
    # One layout given at once: plotly's update methods take many times as long.
    base = {
        "template": _PLAIN,
        "height": height,
        # Fixed margins hold any number's label; plotly's own search for them may swing to and fro.
        "margin": {"l": 68, "r": 12, "t": 10, "b": 44},
        "showlegend": False,
        "xaxis": {"title": {"text": x, "standoff": 8}, **(x_axis or {})},
        "yaxis": {"title": {"text": y, "standoff": 8}, **(y_axis or {})},
    }
    return go.Figure(list(traces), {**base, **layout})


def _label(text: Any) -> str:
    """User text inside a plot: plotly reads some HTML there."""
    return html.escape(str(text))


def _line(role: str, *, dash: str = "solid", width: float = 1.8) -> dict[str, Any]:
    return {"color": ROLES[role].light, "dash": dash, "width": width}


def thinned(frame: pd.DataFrame, limit: int) -> pd.DataFrame:
    """At most `limit` rows: all of a small table, else a seeded random choice in table order."""
    if len(frame) <= limit:
        return frame
    rows = np.random.default_rng(SCATTER_SEED).choice(len(frame), size=limit, replace=False)
    return frame.iloc[np.sort(rows)]


def chromosome_counts(counts: Mapping[str, int]) -> go.Figure:
    """Insertions per chromosome, in the order given."""
    bars = go.Bar(
        x=[_label(name) for name in counts],
        y=np.asarray(list(counts.values()), dtype=np.int64),
        marker={"color": ROLES["corrected"].light},
        hovertemplate="%{x}: %{y:,} insertions<extra></extra>",
    )
    return _figure([bars], x="chromosome", y="insertions", x_axis=_CATEGORIES)


def shift_scores(scores: Mapping[str, float], used: str | None, most: int = 12) -> go.Figure:
    """Score of each candidate shift, best first; the one in use is marked by colour and in words."""
    best = sorted(scores.items(), key=lambda item: -item[1])[:most]
    colours = [ROLES["bias" if name == used else "observed"].light for name, _ in best]
    bars = go.Bar(
        x=[_label(name) for name, _ in best],
        y=np.asarray([score for _, score in best], dtype=np.float32),
        marker={"color": colours},
        text=["in use" if name == used else "" for name, _ in best],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{x}: %{y:.4g}<extra></extra>",
    )
    return _figure([bars], x="shift (plus / minus strand)", y="score", x_axis=_CATEGORIES)


def fragment_lengths(counts: np.ndarray) -> go.Figure:
    """Share of a file's fragments of each length, in bases; the last count, of all longer ones, is not drawn."""
    line = go.Scatter(
        x0=0,
        dx=1,
        y=(counts[:-1] / counts.sum()).astype(np.float32),
        mode="lines",
        line=_line("corrected", width=1.5),
        hovertemplate="%{x} bp: %{y:.3%}<extra></extra>",
    )
    return _figure(
        [line],
        x="fragment length (bp)",
        y="share of fragments",
        x_axis={"range": [0, len(counts) - 1]},
        y_axis={"rangemode": "tozero", "tickformat": ".1%"},
    )


def peak_insertions(deciles: Sequence[float]) -> go.Figure:
    """Insertions around the peaks, from the one with the fewest (0 %) to the one with the most (100 %)."""
    points = go.Scatter(
        x=np.linspace(0, 100, len(deciles), dtype=np.float32),
        y=np.asarray(deciles, dtype=np.float32),
        mode="lines+markers",
        line=_line("peaks", width=2),
        hovertemplate="%{x:.0f} % of peaks have %{y:,.0f} or fewer<extra></extra>",
    )
    # A logarithm has no place for peaks without insertions.
    scale = "log" if min(deciles) > 0 else "linear"
    return _figure([points], x="peaks, from weak to strong (%)", y="insertions", y_axis={"type": scale})


def gc_content(gc: Mapping[str, Sequence[float]]) -> go.Figure:
    """GC fraction of peaks, chosen non-peaks and all candidates, each as a share of its own regions.

    Bins outside the range of all three are left out.
    """
    traces = []
    keys = ("peaks", "nonpeaks", "candidates")
    filled = np.flatnonzero(np.sum([np.asarray(gc[key]) for key in keys if gc.get(key)], axis=0))
    used = slice(int(filled[0]), int(filled[-1]) + 1) if filled.size else slice(0)
    for key, label, role, dash in (
        ("candidates", "candidates", "observed", "dot"),
        ("nonpeaks", "non-peaks", "nonpeaks", "dash"),
        ("peaks", "peaks", "peaks", "solid"),
    ):
        counts = np.asarray(gc.get(key) or [], dtype=np.float64)
        if counts.size and counts.sum() > 0:
            traces.append(
                go.Scatter(
                    x=np.asarray(gc["bins"], dtype=np.float32)[used],
                    y=(counts / counts.sum()).astype(np.float32)[used],
                    mode="lines",
                    name=label,
                    line=_line(role, dash=dash, width=2),
                    hovertemplate=f"{label}, GC %{{x:.2f}}: %{{y:.2%}}<extra></extra>",
                )
            )
    return _figure(traces, x="GC fraction of the window", y="share of regions")


def training_curve(history: pd.DataFrame, column: str, best_epoch: int | None) -> go.Figure:
    """Training and validation loss by epoch; a vertical line marks the epoch that was kept."""
    traces = [
        go.Scatter(
            x=history["epoch"].to_numpy(np.int32),
            y=history[f"{split}_{column}"].to_numpy(np.float32),
            mode="lines+markers",
            name=label,
            line=_line(split, dash=dash),
            marker={"size": 5, "symbol": symbol, "color": ROLES[split].light},
            hovertemplate=f"epoch %{{x}}, {label}: %{{y:.5g}}<extra></extra>",
        )
        for split, label, dash, symbol in (
            ("train", "training", "solid", "circle"),
            ("valid", "validation", "dash", "diamond"),
        )
    ]
    marks = []
    if best_epoch is not None:
        line = {"color": ROLES["mark"].light, "width": 2, "dash": "dot"}
        marks.append(
            {"type": "line", "x0": best_epoch, "x1": best_epoch, "y0": 0, "y1": 1, "yref": "paper", "line": line}
        )
    return _figure(traces, x="epoch", y="loss", height=230, shapes=marks)


def counts_scatter(regions: pd.DataFrame, *, role: str) -> go.Figure:
    """Observed against predicted ln(1 + insertions), a point a region, with the line of equality."""
    x = regions["observed_log_counts"].to_numpy(np.float32)
    y = regions["predicted_log_counts"].to_numpy(np.float32)
    points = go.Scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"size": 4, "opacity": 0.35, "color": ROLES[role].light},
        hovertemplate="observed %{x:.2f}, predicted %{y:.2f}<extra></extra>",
    )
    finite = np.concatenate([x[np.isfinite(x)], y[np.isfinite(y)]])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    equality = go.Scatter(
        x=[low, high], y=[low, high], mode="lines", line=_line("observed", dash="dash"), hoverinfo="skip"
    )
    return _figure([points, equality], x="observed ln(1 + insertions)", y="predicted ln(1 + insertions)", height=360)


def profile_fit(groups: Mapping[str, tuple[pd.Series, str]]) -> go.Figure:
    """Histogram of the normalised JSD (1 is best), each group as a share of its own regions.

    Parameters
    ----------
    groups
        For each label, the values and the colour's role.
    """
    edges = np.linspace(0, 1, 51)
    traces = []
    for (label, (values, role)), dash in zip(groups.items(), ("solid", "dash"), strict=False):
        known = values.to_numpy(np.float64)
        counts, _ = np.histogram(known[np.isfinite(known)], bins=edges)
        if counts.sum():
            traces.append(
                go.Scatter(
                    x=((edges[:-1] + edges[1:]) / 2).astype(np.float32),
                    y=(counts / counts.sum()).astype(np.float32),
                    mode="lines",
                    line={**_line(role, dash=dash), "shape": "hvh"},
                    name=label,
                    hovertemplate=f"{label}, %{{x:.2f}}: %{{y:.2%}}<extra></extra>",
                )
            )
    return _figure(traces, x="normalised JSD", y="share of regions", height=360, x_axis={"range": [0, 1]})


def profile_example(observed: Sequence[float], predicted: Sequence[float], predicted_total: float | None) -> go.Figure:
    """Observed insertions per base, and expected insertions drawn downwards, over the output window.

    The prediction is drawn so that it sums to `predicted_total`, whether the record holds probabilities or counts.
    """
    seen = np.asarray(observed, dtype=np.float32)
    expected = np.asarray(predicted, dtype=np.float64)
    if predicted_total is not None and expected.sum() > 0:
        expected = expected * (predicted_total / expected.sum())
    whole = bool(np.all(seen == np.round(seen)))
    start = -(len(seen) // 2)
    axis = {"x0": start, "dx": 1}
    traces = [
        go.Scatter(
            **axis,
            y=seen.astype(np.int32) if whole else seen,
            mode="lines",
            line={**_line("observed", width=1), "shape": "hvh"},
            hovertemplate="%{x} bp: %{y:.3g} observed<extra></extra>",
        ),
        go.Scatter(
            **axis,
            y=expected.astype(np.float32),
            mode="lines",
            yaxis="y2",
            line=_line("bias", width=1.2),
            hovertemplate="%{x} bp: %{y:.3g} predicted<extra></extra>",
        ),
    ]
    return _figure(
        traces,
        x="position from the centre (bp)",
        y="observed",
        height=250,
        x_axis={"anchor": "y2", "nticks": 5, "tickangle": 0},
        y_axis={"domain": [0.53, 1], "rangemode": "tozero"},
        yaxis2={
            "domain": [0, 0.47],
            "title": {"text": "predicted", "standoff": 8},
            "anchor": "x",
            "rangemode": "tozero",
        },
    )


def floor_to_ceiling(shares: Sequence[tuple[str, float, float | None]]) -> go.Figure:
    """A bar from floor (0) to ceiling (1) for each label, the first on top, and a mark at the model's share.

    Marks far outside are drawn at the edge, and named in full on hover.

    Parameters
    ----------
    shares
        Label, share and its standard error, if there is one.
    """
    labels = [_label(label) for label, _, _ in shares]
    share = np.asarray([value for _, value, _ in shares], dtype=np.float32)
    error = np.asarray([value or 0.0 for _, _, value in shares], dtype=np.float32)
    low, high = -0.5, 1.25
    traces = [
        go.Bar(
            y=labels,
            x=np.ones(len(labels), dtype=np.int32),
            orientation="h",
            width=0.5,
            marker={"color": ROLES["observed"].light, "opacity": 0.35},
            hoverinfo="skip",
        ),
        go.Scatter(
            y=labels,
            x=share.clip(low, high),
            error_x={"type": "data", "array": error, "color": ROLES["corrected"].light, "thickness": 2},
            mode="markers",
            marker={"size": 10, "symbol": "diamond", "color": ROLES["corrected"].light},
            customdata=share,
            hovertemplate="%{y}: %{customdata:.1%} of the way<extra></extra>",
        ),
    ]
    return _figure(
        traces,
        x="share of the way from floor to ceiling",
        y="",
        height=90 + 26 * len(labels),
        x_axis={"range": [low - 0.05, high + 0.05], "tickformat": ".0%"},
        y_axis={"autorange": "reversed", "automargin": True},
    )


def footprint(
    corrected: Sequence[float], with_bias: Sequence[float] | None, *, threshold: float | None = None
) -> go.Figure:
    """Mean predicted profile around a motif put into backgrounds; the corrected model and the one with bias."""
    half = len(corrected) // 2
    traces = []
    if with_bias is not None:
        traces.append(
            go.Scatter(
                x0=-half,
                dx=1,
                y=np.asarray(with_bias, dtype=np.float32),
                mode="lines",
                line=_line("bias", dash="dot", width=1.5),
                hovertemplate="%{x} bp: %{y:.3g} with bias<extra></extra>",
            )
        )
    traces.append(
        go.Scatter(
            x0=-half,
            dx=1,
            y=np.asarray(corrected, dtype=np.float32),
            mode="lines",
            line=_line("corrected", width=1.8),
            hovertemplate="%{x} bp: %{y:.3g} corrected<extra></extra>",
        )
    )
    marks = []
    if threshold is not None:
        line = {"color": ROLES["observed"].light, "width": 1, "dash": "dash"}
        marks.append(
            {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": threshold, "y1": threshold, "line": line}
        )
    return _figure(
        traces,
        x="position from the motif (bp)",
        y="share of insertions",
        height=230,
        y_axis={"rangemode": "tozero"},
        shapes=marks,
    )


def strands(profiles: Mapping[str, Sequence[float]]) -> go.Figure:
    """Mean predicted profiles around a motif put into backgrounds, the minus strand downwards."""
    traces = [
        go.Scatter(
            x0=-(len(profile) // 2),
            dx=1,
            y=np.asarray(profile, dtype=np.float32) * (-1 if name == "minus" else 1),
            mode="lines",
            line=_line("bias" if name == "minus" else "corrected"),
            hovertemplate=f"%{{x}} bp: %{{y:.3g}} {name}<extra></extra>",
        )
        for name, profile in profiles.items()
    ]
    return _figure(traces, x="position from the motif (bp)", y="share of reads", height=230)


def agreement(names: Sequence[str], pairs: Sequence[Mapping[str, Any]], key: str) -> go.Figure:
    """Correlation of each two samples as a coloured square with its number; the diagonal is empty."""
    values = np.full((len(names), len(names)), np.nan)
    for pair in pairs:
        if pair[key] is not None:
            first, second = names.index(pair["first"]), names.index(pair["second"])
            values[first, second] = values[second, first] = pair[key]
    labels = [_label(name) for name in names]
    squares = go.Heatmap(
        x=labels,
        y=labels,
        z=values,
        zmin=-1,
        zmax=1,
        # Both ends are told apart by any eye, and the middle is neither.
        colorscale=[[0, "#b35806"], [0.5, "#f7f7f7"], [1, "#2b5c8a"]],
        text=[["" if np.isnan(value) else f"{value:.2f}" for value in row] for row in values],
        texttemplate="%{text}" if len(names) <= SQUARES_WITH_NUMBERS else None,
        hovertemplate="%{x} and %{y}: %{z:.3f}<extra></extra>",
        showscale=len(names) > SQUARES_WITH_NUMBERS,
    )
    side = {"type": "category", "automargin": True}
    return _figure([squares], x="", y="", height=260 + 14 * len(names), x_axis=side, y_axis=side)


def motif_effects(motifs: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Planted against predicted log2 fold change of each motif, and of its shuffled sequence."""
    traces: list[Any] = []
    x = np.asarray([motif["planted_log2_fold"] for motif in motifs], dtype=np.float64)
    shown = [x]
    for key, label, role, symbol in (
        ("shuffled_log2_fold", "shuffled", "observed", "x"),
        ("predicted_log2_fold", "predicted", "corrected", "circle"),
    ):
        y = np.asarray([motif.get(key) for motif in motifs], dtype=np.float64)
        shown.append(y[np.isfinite(y)])
        traces.append(
            go.Scatter(
                x=x,
                y=y,
                mode="markers+text" if key.startswith("predicted") else "markers",
                text=[_label(motif["name"]) for motif in motifs],
                textposition="top center",
                marker={"size": 9, "symbol": symbol, "color": ROLES[role].light},
                hovertemplate=f"%{{text}}: planted %{{x:.3g}}, {label} %{{y:.3g}}<extra></extra>",
            )
        )
    everything = np.concatenate(shown)
    low, high = min(0.0, float(everything.min())), max(0.0, float(everything.max()))
    room = 0.1 * (high - low or 1.0)
    ends = [low - room, high + room]
    traces.insert(0, go.Scatter(x=ends, y=ends, mode="lines", line=_line("observed", dash="dash"), hoverinfo="skip"))
    return _figure(traces, x="planted log2 fold change", y="predicted log2 fold change", height=360)


def factor_sweep(
    folds: Mapping[float, Sequence[float | None]], chosen: float, *, role: str, y: str, limits: Sequence[float] = ()
) -> go.Figure:
    """One number of each bias threshold factor: a point a fold, a line through the means, and the chosen factor's mean.

    Parameters
    ----------
    folds
        By factor, in the order of the axis, the numbers of its folds; None or NaN where there is none.
    chosen
        The factor that is marked.
    role, y
        Colour and axis title of the number.
    limits
        Where horizontal lines are drawn.
    """
    values = {f"{factor:.10g}": np.asarray(numbers, dtype=np.float64) for factor, numbers in folds.items()}
    names = list(values)
    means = np.asarray([numbers.mean() for numbers in values.values()])
    marked = names.index(f"{chosen:.10g}")
    traces = [
        go.Scatter(
            x=[name for name, numbers in values.items() for _ in numbers],
            y=np.concatenate(list(values.values())),
            mode="markers",
            marker={"size": 7, "opacity": 0.6, "symbol": "circle-open", "color": ROLES[role].light},
            hovertemplate="factor %{x}, one fold: %{y:.4g}<extra></extra>",
        ),
        go.Scatter(
            x=names,
            y=means,
            mode="lines+markers",
            line=_line(role),
            marker={"size": 7, "color": ROLES[role].light},
            hovertemplate="factor %{x}, mean: %{y:.4g}<extra></extra>",
        ),
        go.Scatter(
            x=[names[marked]],
            y=[means[marked]],
            mode="markers",
            marker={"size": 13, "symbol": "diamond", "color": ROLES["mark"].light},
            hovertemplate="factor %{x}, chosen: %{y:.4g}<extra></extra>",
        ),
    ]
    line = {"color": ROLES["observed"].light, "width": 1, "dash": "dash"}
    marks = [
        {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": limit, "y1": limit, "line": line} for limit in limits
    ]
    return _figure(
        traces,
        x="bias threshold factor",
        y=y,
        x_axis={"type": "category", "categoryorder": "array", "categoryarray": names},
        shapes=marks,
    )
