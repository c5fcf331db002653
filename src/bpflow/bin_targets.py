"""Tracks that a model of bins learns: their table, and the value of a bin from a track's bases.

The rules and names of columns are Basenji's (Kelley et al. 2018, Kelley 2020).
"""

from __future__ import annotations

import math
import os
from typing import NamedTuple

import numpy as np
import pandas as pd

from bpflow.errors import InputError
from bpflow.files import text_lines
from bpflow.tables import read_table

__all__ = ["STATISTICS", "BinTarget", "binned", "read_targets", "strand_partners"]

STATISTICS = ("sum", "mean", "sum_sqrt", "mean_sqrt", "median", "max", "peak")
COLUMNS = {
    "identifier": "str",
    "file": "str",
    "clip": "float64",
    "scale": "float64",
    "sum_stat": "str",
    "clip_soft": "float64",
    "strand_pair": "str",
    "description": "str",
}
REQUIRED = ("identifier", "file")
LARGEST = float(np.finfo(np.float16).max)
WHAT = "a table of tracks with the columns identifier and file"


class BinTarget(NamedTuple):
    """One track, and how bins are made of it.

    Attributes
    ----------
    identifier, file, description
        Its name, its bigWig and words about it.
    scale
        What each base's value is multiplied by.
    sum_stat
        One of `STATISTICS`: what a bin is of its bases.
    clip_soft, clip
        Above the first, bins grow with the square root only; the second is the most that a bin may hold.
    strand_pair
        Identifier of the track of the other strand; its own where it has none.
    """

    identifier: str
    file: str
    clip: float = LARGEST
    scale: float = 1.0
    sum_stat: str = "sum"
    clip_soft: float = math.inf
    strand_pair: str = ""
    description: str = ""


def read_targets(path: str | os.PathLike[str]) -> list[BinTarget]:
    """Read a table of tracks, tab-separated: identifier, file, and as may be clip, scale, sum_stat, clip_soft, ....

    `strand_pair` is an identifier or, as in Basenji's tables, a row's number from 0.

    Raises
    ------
    InputError
        A column or value that is missing or out of range, an identifier that comes twice, a pair that is none.
    """
    lines = text_lines(path, WHAT)
    header = lines[0][1].split("\t") if lines else []
    table = read_table(path, {name: kind for name, kind in COLUMNS.items() if name in {*header, *REQUIRED}}, WHAT)
    for name in REQUIRED:
        if table[name].isna().any():
            raise InputError(f"a row without {name}", where=str(path), expected=WHAT)
    table = table.drop(columns=[name for name in table if name not in REQUIRED and table[name].isna().all()])
    targets = [
        _checked(
            BinTarget(**{str(name): value for name, value in row.items() if not pd.isna(value)}), f"{path}, row {n}"
        )
        for n, row in enumerate(table.to_dict("records"), start=1)
    ]
    names = [target.identifier for target in targets]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"the identifier {twice!r} comes twice", where=str(path), expected="one row a track")
    numbered = {str(number): name for number, name in enumerate(names)}
    targets = [
        target._replace(strand_pair=numbered.get(target.strand_pair, target.strand_pair) or target.identifier)
        for target in targets
    ]
    strand_partners(targets, where=str(path))
    return targets


def _checked(target: BinTarget, where: str) -> BinTarget:
    if target.sum_stat not in STATISTICS:
        raise InputError(f"sum_stat {target.sum_stat!r}", where=where, expected=f"one of {', '.join(STATISTICS)}")
    for key in ("scale", "clip", "clip_soft"):
        value = getattr(target, key)
        if not value > 0 or (key == "scale" and math.isinf(value)):
            raise InputError(f"{key} is {value}", where=where, expected="a number above 0")
    return target._replace(clip=min(target.clip, LARGEST))


def strand_partners(targets: list[BinTarget], *, where: str) -> np.ndarray:
    """Number of the track of the other strand for each track, (T,) int64; its own number where it has none."""
    places = {target.identifier: number for number, target in enumerate(targets)}
    partners = np.array([places.get(target.strand_pair, -1) for target in targets], dtype=np.int64)
    wrong = np.flatnonzero((partners < 0) | (partners[partners] != np.arange(len(targets))))
    if wrong.size:
        target = targets[wrong[0]]
        raise InputError(
            f"the strand_pair of {target.identifier} is {target.strand_pair!r}",
            where=where,
            expected="another track of the table, whose strand_pair is this one",
        )
    return partners


def binned(values: np.ndarray, bin_width: int, target: BinTarget, blacklisted: np.ndarray | None = None) -> np.ndarray:
    """Values of a window's bins, (bins,) float32.

    Parameters
    ----------
    values
        (bins * bin_width,) float32, the track's values; NaN where it has none. They are overwritten.
    bin_width
        Bases of a bin.
    target
        How bins are made.
    blacklisted
        (bins * bin_width,) bool: bases whose values are held within the window's median, which is also what bases
        without a value get. Of tracks that leave out bases of the value 0, as of counts, it is 0.
    """
    unknown = np.isnan(values)
    values[unknown] = 0
    median = _median(values)
    values[unknown] = median
    if blacklisted is not None:
        values[blacklisted] = np.clip(values[blacklisted], -median, median)
    values *= np.float32(target.scale)
    bins = _pooled(values.reshape(-1, bin_width), target.sum_stat)
    if not math.isinf(target.clip_soft):
        above = np.maximum(bins - target.clip_soft, 0)
        bins = np.where(above > 0, target.clip_soft - 1 + np.sqrt(above + 1), bins)
    return np.clip(bins, -target.clip, target.clip).astype(np.float32)


def _median(values: np.ndarray) -> np.float32:
    # Counts have no value at most bases: then there is nothing to sort.
    if 2 * np.count_nonzero(values) < len(values) and values.min() >= 0:
        return np.float32(0)
    return np.median(values)


def _pooled(bases: np.ndarray, statistic: str) -> np.ndarray:
    """One value a row of (bins, bin width)."""
    if statistic in ("median", "max"):
        return getattr(np, statistic)(bases, axis=1)
    sums = bases.sum(axis=1, dtype=np.float64)
    if statistic.startswith("sum"):
        return sums if statistic == "sum" else _root(sums)
    means = sums / bases.shape[1]
    if statistic == "mean":
        return means
    return _root(means) if statistic == "mean_sqrt" else np.minimum(1, np.sqrt(np.maximum(4 * means, 0)))


def _root(values: np.ndarray) -> np.ndarray:
    return np.sqrt(1 + np.maximum(values, 0)) - 1
