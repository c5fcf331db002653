"""Results of all variants: effects, their spread over folds, quantiles among peaks, p- and q-values, as tables.

Three effects are tested: the size of the log2 fold change of counts, the distance of the profiles, and the product of
both. Their null distributions are those of the null variants, by the same fold or by the mean over folds.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import pandas as pd
from isal import igzip

from bpflow.files import atomic_path
from bpflow.genome import Genome
from bpflow.significance import empirical_p, exceedances, q_by_exceedances, quantiles
from bpflow.variant_checks import SCORED, Checker
from bpflow.variant_files import Allele, VariantFile
from bpflow.variant_parts import Parts
from bpflow.variant_survey import DuplicateNotes, Survey
from bpflow.variants import Scores

__all__ = ["EFFECTS", "Assessment", "Leading", "Top", "effects", "result_tables", "write_tables"]

EFFECTS = ("log2_fold_counts", "jsd", "integrative_effect")
QUANTILE = "active_allele_quantile"
SPREAD = (*EFFECTS, QUANTILE)
DESCRIPTION = ["chrom", "pos", "id", "ref", "alt", "status", "note"]
# Rows of a table that is in memory at once.
STEP = 8192


def effects(scores: Scores) -> dict[str, np.ndarray]:
    """The effects of :data:`EFFECTS`, (N, 1 + folds) each.

    ``log2_fold_counts`` is log2 of the alternative's insertions over the reference's (each + 1), ``jsd`` the distance
    of the profiles, and ``integrative_effect`` the product of its size and the distance.
    """
    fold_change = (scores.alternative_log_counts - scores.reference_log_counts) / np.log(2)
    return dict(zip(EFFECTS, (fold_change, scores.jsd, np.abs(fold_change) * scores.jsd), strict=True))


class Assessment:
    """Turns scores into columns of the result: effects, quantiles, p- and q-values.

    Reads the scores of `parts` once, for the q-values; memory does not grow with their number.

    Parameters
    ----------
    parts
        Scores of a whole file.
    """

    def __init__(self, parts: Parts) -> None:
        identity = parts.identity
        self._folds = identity.folds
        self._n_null = identity.n_null
        null = effects(parts.scores("null", 0, identity.n_null))
        self._null = {name: np.sort(np.abs(values), axis=0) for name, values in null.items()}
        self._peaks = np.sort(parts.peak_log_counts(), axis=0)
        tests = {name: np.zeros((1 + identity.n_null, 1 + len(self._folds)), np.int64) for name in EFFECTS}
        for first in range(0, identity.n_variants if self._n_null else 0, STEP):
            for name, values in effects(parts.scores("variants", first, first + STEP)).items():
                for column, exceeding in enumerate(self._exceedances(name, values).T):
                    tests[name][:, column] += np.bincount(exceeding, minlength=1 + identity.n_null)
        self._q = {name: np.apply_along_axis(q_by_exceedances, 0, values) for name, values in tests.items()}

    def columns(self, scores: Scores) -> dict[str, np.ndarray]:
        """Columns of the result, (N,) each: of the mean over folds, of the spread, then of each fold.

        Without null variants p and q are NaN, without peaks the quantile is, and with one fold the spread is.
        """
        values = self._values(scores)
        mean = {name: column[:, 0] for name, column in values.items()}
        spread = {f"{name}_std": _spread(values[name][:, 1:]) for name in SPREAD}
        each = {
            f"fold_{fold}_{name}": column[:, number]
            for number, fold in enumerate(self._folds, start=1)
            for name, column in values.items()
        }
        return {**mean, **spread, **each}

    def _values(self, scores: Scores) -> dict[str, np.ndarray]:
        found = effects(scores)
        none = np.full_like(scores.jsd, np.nan)
        p, q = {}, {}
        for name, values in found.items():
            p[f"p_{name}"] = q[f"q_{name}"] = none
            if self._n_null:
                exceeding = self._exceedances(name, values)
                p[f"p_{name}"] = empirical_p(exceeding, self._n_null)
                q[f"q_{name}"] = np.take_along_axis(self._q[name], exceeding, axis=0)
        active = np.maximum(scores.reference_log_counts, scores.alternative_log_counts)
        among = none if not len(self._peaks) else _by_column(quantiles, active, self._peaks)
        counts = {name: getattr(scores, name) for name in ("reference_log_counts", "alternative_log_counts")}
        return {**counts, **found, QUANTILE: among, **p, **q}

    def _exceedances(self, name: str, values: np.ndarray) -> np.ndarray:
        return _by_column(exceedances, np.abs(values), self._null[name])


def result_tables(
    source: VariantFile, genome: Genome, parts: Parts, survey: Survey, assessment: Assessment
) -> Iterator[pd.DataFrame]:
    """Yield the result in the file's order, one row a record and alternative allele, at most `STEP` rows at once.

    Columns chrom, pos (1-based, as in the file), id, ref, alt, status, note, then those of :class:`Assessment`, which
    are NaN for alleles that were not scored.
    """
    identity = parts.identity
    checker = Checker(genome, identity.input_length, identity.output_length)
    notes = DuplicateNotes(survey.repeated)
    alleles, done = source.alleles(), 0
    while block := list(islice(alleles, STEP)):
        status = [checker.status(allele) for allele in block]
        scored = np.array([each == SCORED for each in status])
        frame = pd.DataFrame(
            [
                (each.chrom, each.start + 1, each.name, each.ref, each.alt, word, notes.note(each) if good else "")
                for each, word, good in zip(block, status, scored, strict=True)
            ],
            columns=DESCRIPTION,
        )
        columns = assessment.columns(parts.scores("variants", done, done + int(scored.sum())))
        numbers = np.full((len(block), len(columns)), np.nan)
        numbers[scored] = np.stack(list(columns.values()), axis=1)
        yield pd.concat([frame, pd.DataFrame(numbers, columns=list(columns))], axis=1)
        done += int(scored.sum())


def write_tables(tables: Iterable[pd.DataFrame], path: str | os.PathLike[str]) -> None:
    """Write tables under one header, tab-separated; a name that ends in ``.gz`` is gzipped, without a time stamp."""
    with atomic_path(path) as temporary, open(temporary, "wb") as raw:
        zipped = str(path).endswith(".gz")
        handle = igzip.IGzipFile(filename="", mode="wb", compresslevel=3, fileobj=raw, mtime=0) if zipped else raw
        for number, table in enumerate(tables):
            text = table.to_csv(sep="\t", index=False, header=number == 0, float_format="%.6g", lineterminator="\n")
            handle.write(text.encode())
        if zipped:
            handle.close()


class Leading(NamedTuple):
    """A variant that is shown: what it is sorted by, its row in the result, and its allele."""

    q: float
    minus_effect: float
    row: int
    allele: Allele


class Top:
    """Follows the variants of the smallest q-value and, where equal, the largest integrative effect."""

    def __init__(self, number: int) -> None:
        self._number, self._seen = number, 0
        self.leading: list[Leading] = []

    def watch(self, tables: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Pass tables on."""
        for table in tables:
            self._look_at(table)
            yield table

    def _look_at(self, table: pd.DataFrame) -> None:
        # An allele that comes again is not shown again.
        rows = table[(table["status"] == SCORED) & (table["note"] == "")]
        q = rows["q_integrative_effect"].fillna(1.0)
        candidates = (
            Leading(q_value, -effect, self._seen + int(row), Allele(chrom, pos - 1, name, ref, alt))
            for row, q_value, effect, chrom, pos, name, ref, alt in zip(
                rows.index, q, rows["integrative_effect"], *(rows[name] for name in DESCRIPTION[:5]), strict=True
            )
        )
        self.leading = heapq.nsmallest(self._number, [*self.leading, *candidates])
        self._seen += len(table)


def _by_column(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray], values: np.ndarray, reference: np.ndarray
) -> np.ndarray:
    """`function` of each column of `values` and the same column of `reference`."""
    return np.stack([function(values[:, c], reference[:, c]) for c in range(values.shape[1])], axis=1)


def _spread(values: np.ndarray) -> np.ndarray:
    """Sample standard deviation of each row; NaN of a single column."""
    return values.std(axis=1, ddof=1) if values.shape[1] > 1 else np.full(len(values), np.nan)
