"""How well predictions match the observed signal: the official metrics, a table per region, examples and verdicts.

Observed counts are insertions within the output window around each centre. Profiles are compared by the Jensen-Shannon
distance (a square root, in nats) and its normalised form (1 is perfect, 0 a flat profile's distance or worse); counts
on the scale ln(1 + total). What the metrics are held against is of :mod:`bpflow.yardsticks`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import pandas as pd

from bpflow.errors import InputError
from bpflow.evaluation_verdicts import MODEL_NAMES, verdicts
from bpflow.files import stamp
from bpflow.genome import Genome
from bpflow.hdf5_files import StoredFile, opened_hdf5
from bpflow.metrics import (
    mean_squared_error,
    multinomial_nll,
    pearson,
    profile_distances,
    spearman,
)
from bpflow.progress import track
from bpflow.reference_scores import ReferenceScores, average_profiles
from bpflow.signal_groups import Signal
from bpflow.yardsticks import halves, yardsticks

__all__ = ["MODEL_KINDS", "Predictions", "evaluate", "open_predictions", "score_regions"]

MODEL_KINDS = ("bias", *MODEL_NAMES)
EXAMPLE_QUANTILES = (0.1, 0.5, 0.9)
TABLE_COLUMNS = [
    "chrom",
    "center",
    "peak",
    "observed_total",
    "observed_log_counts",
    "predicted_log_counts",
    "jsd",
    "norm_jsd",
    "floor_jsd",
]
BLOCK = 1024


@dataclass(frozen=True)
class Predictions:
    """An open prediction file of regions: coordinates in memory, profiles on disk.

    Attributes
    ----------
    chrom, center, peak
        (N,) chromosome names, 0-based centres, and whether each region is a peak.
    log_counts
        (N,) predicted ln(1 + total).
    output_length
        Bases of the output window.
    strands
        1, or 2: then profiles are those of the plus and of the minus strand, one after the other.
    attributes
        What the file says of its making.
    """

    chrom: np.ndarray
    center: np.ndarray
    peak: np.ndarray
    log_counts: np.ndarray
    output_length: int
    strands: int
    attributes: dict[str, Any]
    _stored: StoredFile
    _profiles: dict[str, h5py.Dataset]

    def __len__(self) -> int:
        return len(self.center)

    def profiles(self, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities and log probabilities of some rows, each (n, strands * output_length)."""
        if "profs" not in self._profiles:
            logits = self._read("profile_logits", rows)
            log_probabilities = logits - _log_sum_exp(logits)
            return np.exp(log_probabilities), log_probabilities
        probabilities = self._read("profs", rows)
        if "profile_logits" in self._profiles:
            logits = self._read("profile_logits", rows)
            return probabilities, logits - _log_sum_exp(logits)
        return probabilities, np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))

    def _read(self, name: str, rows: slice) -> np.ndarray:
        return _numbers(self._stored, self._profiles[name], rows)


def evaluate(
    predictions: str | os.PathLike[str],
    signal: Signal,
    genome: Genome,
    *,
    model_kind: str,
    seed: int = 1234,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Score a prediction file against the observed signal.

    Parameters
    ----------
    predictions
        HDF5 written by ``bpflow predict`` for regions (the official program's layout is read too).
    signal, genome
        What was observed, as many strands as were predicted, and the genome it is laid out on.
    model_kind
        One of :data:`MODEL_KINDS`: decides the verdicts.
    seed
        Of the random halves and of what is simulated for the ceilings.

    Returns
    -------
    metrics
        The official keys ``counts_metrics`` and ``profile_metrics``, and ours: ``halves`` and ``yardsticks`` of each
        group of regions are those of :mod:`bpflow.yardsticks`.
    table
        One row a region.

    Raises
    ------
    InputError
        No such predictions, a damaged file, another genome, or another number of strands than was observed.
    """
    with open_predictions(predictions, genome) as file:
        _require_strands(file, signal)
        table = score_regions(file, signal, genome, seed=seed)
        examples = _examples(file, table, signal, genome)
        attributes, output_length, strands = file.attributes, file.output_length, file.strands
    metrics = summarise(table, model_kind=model_kind, task=attributes.get("task", ""))
    metrics["examples"] = examples
    metrics["split"] = attributes.get("split")
    metrics["reverse_complement"] = bool(attributes.get("reverse_complement"))
    metrics["output_length"] = output_length
    metrics["strands"] = strands
    metrics["seed"] = seed
    return stamp("evaluate", **metrics), table[TABLE_COLUMNS]


@contextmanager
def open_predictions(path: str | os.PathLike[str], genome: Genome) -> Iterator[Predictions]:
    """Open a prediction file and check it against the genome."""
    with opened_hdf5(path, "predictions written by 'bpflow predict'") as stored:
        yield _read_header(stored, str(path), genome)


def _read_header(stored: StoredFile, path: str, genome: Genome) -> Predictions:
    if "coords/name" in stored:
        raise InputError(
            "predictions of given sequences",
            where=path,
            expected="predictions of genome regions, for which there is an observed signal",
            mend="Run 'bpflow predict' with --regions",
        )
    needed = ("coords/coords_chrom", "coords/coords_center", "predictions/logcounts")
    absent = [key for key in needed if key not in stored]
    names = [name for name in ("profs", "profile_logits") if f"predictions/{name}" in stored]
    if absent or not names:
        raise InputError(
            f"no {[*absent, 'predictions/profs'][0]}", where=path, expected="a prediction file of 'bpflow predict'"
        )
    profiles = {name: stored.dataset(f"predictions/{name}", kinds="f") for name in names}
    center = stored.read(stored.dataset("coords/coords_center", dimensions=1, kinds="iu")).astype(np.int64)
    log_counts = _numbers(stored, stored.dataset("predictions/logcounts", kinds="f"))
    chrom = stored.texts("coords/coords_chrom")
    # The official program leaves coords_peak out when it scores one set of regions.
    peak = np.ones(len(center), dtype=bool)
    if "coords/coords_peak" in stored:
        peak = stored.read(stored.dataset("coords/coords_peak", dimensions=1, kinds="iub")).astype(bool)
    shapes = {dataset.shape for dataset in profiles.values()}
    shape = shapes.pop()
    numbers = {shape[0] if len(shape) == 2 and shape[1] else -1, *map(np.size, (center, log_counts, chrom, peak))}
    if shapes or len(numbers) > 1:
        raise InputError(
            f"profiles of shape {shape}, log counts of shape {log_counts.shape} and {len(center)} centres",
            where=path,
            expected="one profile and one count a region",
            mend="Predict one task of a model of several, by --task",
        )
    attributes = stored.attributes()
    strands = attributes.get("strands", 1)
    if strands not in (1, 2) or shape[1] % strands:
        raise InputError(f"{shape[1]} positions of {strands} strands", where=path, expected="one strand or two")
    width = shape[1] // int(strands)
    genome.require(pd.unique(chrom).tolist(), where=path)
    lengths = np.array(list(genome.sizes.values()), dtype=np.int64)
    sizes = lengths[pd.Index(genome.names).get_indexer(pd.Index(chrom))]
    wrong = np.flatnonzero((center < width // 2) | (center > sizes - width // 2))
    if wrong.size:
        i = int(wrong[0])
        raise InputError(
            f"region {i} at {chrom[i]}:{center[i]} reaches past its chromosome's end with {width} bases",
            where=path,
            expected="regions within the genome",
            mend="Use the genome that was predicted on",
        )
    return Predictions(
        chrom=chrom,
        center=center,
        peak=peak,
        log_counts=log_counts.reshape(-1),
        output_length=width,
        strands=int(strands),
        attributes=attributes,
        _stored=stored,
        _profiles=profiles,
    )


def _numbers(stored: StoredFile, dataset: h5py.Dataset, rows: slice = slice(None)) -> np.ndarray:
    values = stored.read(dataset, rows).astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError(
            f"{dataset.name} holds values that are no finite numbers",
            where=dataset.file.filename,
            expected="predictions",
            mend="Predict again",
        )
    return values


def score_regions(file: Predictions, signal: Signal, genome: Genome, *, seed: int) -> pd.DataFrame:
    """One row a region: the columns of the table, ``nll``, and those of ``ReferenceScores.columns``.

    Profiles are read in blocks. ``jsd`` and ``norm_jsd`` are NaN where nothing was observed.
    """
    starts = _starts(file, genome)
    blocks = [slice(first, first + BLOCK) for first in range(0, len(file), BLOCK)]
    observed = ((signal.windows(starts[rows], file.output_length), file.peak[rows]) for rows in blocks)
    references = ReferenceScores(average_profiles(observed, file.strands * file.output_length), len(file), seed=seed)
    scores = {key: np.empty(len(file)) for key in ("jsd", "norm_jsd", "nll")}
    totals = np.empty(len(file), dtype=np.int64)
    for rows in track(blocks, what="evaluating", unit="blocks"):
        counts = signal.windows(starts[rows], file.output_length)
        probabilities, log_probabilities = file.profiles(rows)
        totals[rows] = counts.sum(axis=1)
        scores["jsd"][rows], scores["norm_jsd"][rows] = profile_distances(counts, probabilities)
        scores["nll"][rows] = multinomial_nll(log_probabilities, counts)
        references.add(rows, counts, file.peak[rows])
    return pd.DataFrame(
        {
            "chrom": file.chrom,
            "center": file.center,
            "peak": file.peak.astype(int),
            "observed_total": totals,
            "observed_log_counts": np.log1p(totals),
            "predicted_log_counts": file.log_counts,
            **scores,
            **references.columns(),
        }
    )


def summarise(table: pd.DataFrame, *, model_kind: str, task: str = "") -> dict[str, Any]:
    """The metrics of each group of regions, with verdicts and messages."""
    is_peak = table["peak"] == 1
    groups = {"peaks": table[is_peak], "nonpeaks": table[~is_peak]}
    groups = {name: rows for name, rows in groups.items() if len(rows)}
    if len(groups) == 2:
        groups = {"peaks_and_nonpeaks": table, **groups}
    messages: list[str] = []
    result: dict[str, Any] = {
        "model_kind": model_kind,
        "chromosomes": pd.unique(table["chrom"]).tolist(),
        "regions": {name: len(rows) for name, rows in groups.items()},
        "empty_regions": {name: int((rows["observed_total"] == 0).sum()) for name, rows in groups.items()},
        "counts_metrics": {name: _counts_metrics(rows, name, messages) for name, rows in groups.items()},
        "profile_metrics": {name: _profile_metrics(rows, name, messages) for name, rows in groups.items()},
        "multinomial_nll": {name: float(np.mean(rows["nll"])) for name, rows in groups.items()},
        "halves": {name: halves(rows) for name, rows in groups.items()},
    }
    result["yardsticks"] = {
        name: yardsticks(rows, result["halves"][name], result["counts_metrics"][name] | result["profile_metrics"][name])
        for name, rows in groups.items()
    }
    if not groups:
        messages.append("There is no region to evaluate.")
    result["verdicts"] = verdicts(result["yardsticks"], model_kind, task)
    result["messages"] = messages
    return result


def _require_strands(file: Predictions, signal: Signal) -> None:
    observed = signal.windows(np.zeros(0, dtype=np.int64), file.output_length).shape[1] // file.output_length
    if observed != file.strands:
        raise InputError(
            f"a signal of {observed} strands" if observed > 1 else "a signal without strands",
            where=", ".join(signal.paths),
            expected=f"one of {file.strands}, as the predictions" if file.strands > 1 else "one without, as predicted",
            mend="Give --signal as many bigWigs as strands were predicted",
        )


def _starts(file: Predictions, genome: Genome) -> np.ndarray:
    return genome.global_positions(file.chrom, file.center - file.output_length // 2)


def _counts_metrics(rows: pd.DataFrame, group: str, messages: list[str]) -> dict[str, float]:
    observed = rows["observed_log_counts"].to_numpy()
    predicted = rows["predicted_log_counts"].to_numpy()
    reason = None
    if len(rows) < 2:
        reason = f"there is only {len(rows)} region"
    elif np.ptp(observed) == 0:
        reason = "all regions have the same observed total"
    elif np.ptp(predicted) == 0:
        reason = "the model predicts the same counts everywhere"
    if reason:
        messages.append(f"Correlations of counts in {group} cannot be computed: {reason}.")
    return {
        "spearmanr": float("nan") if reason else float(spearman(observed, predicted)),
        "pearsonr": float("nan") if reason else float(pearson(observed, predicted)),
        "mse": float(mean_squared_error(observed, predicted)),
    }


def _profile_metrics(rows: pd.DataFrame, group: str, messages: list[str]) -> dict[str, float]:
    scored = rows.dropna(subset=["jsd", "norm_jsd"])
    if scored.empty:
        messages.append(f"Profiles in {group} cannot be compared: no region has an observed insertion.")
    return {
        "median_jsd": float(scored["jsd"].median()),
        "median_norm_jsd": float(scored["norm_jsd"].median()),
    }


def _examples(file: Predictions, table: pd.DataFrame, signal: Signal, genome: Genome) -> list[dict[str, Any]]:
    """Peaks at fixed quantiles of normalised JSD: chosen by rank, so that they are neither the best nor the worst."""
    ranked = table.loc[table["peak"] == 1, "norm_jsd"].dropna().sort_values(kind="stable")
    starts = _starts(file, genome)
    chosen: dict[int, float] = {}
    for quantile in EXAMPLE_QUANTILES if len(ranked) else ():
        chosen.setdefault(int(ranked.index[round(quantile * (len(ranked) - 1))]), quantile)
    examples = []
    for row, quantile in chosen.items():
        probabilities, _ = file.profiles(slice(row, row + 1))
        total = max(float(np.expm1(file.log_counts[row])), 0.0)
        observed = signal.windows(starts[row : row + 1], file.output_length)[0]
        examples.append(
            {
                "chrom": str(file.chrom[row]),
                "center": int(file.center[row]),
                "quantile": quantile,
                "norm_jsd": float(ranked.loc[row]),
                "observed": observed.astype(float).tolist(),
                # Six decimals of an expected number of insertions are more than a figure shows.
                "predicted": np.round(probabilities[0] * total, 6).tolist(),
                "observed_total": int(observed.sum()),
                "predicted_total": total,
            }
        )
    return examples


def _log_sum_exp(logits: np.ndarray) -> np.ndarray:
    largest = logits.max(axis=1, keepdims=True)
    return largest + np.log(np.exp(logits - largest).sum(axis=1, keepdims=True))
