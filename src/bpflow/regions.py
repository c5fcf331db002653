"""Regions: narrowPeak tables whose centre is start + summit (0-based), and BED3 whose centre is the middle."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from bpflow.errors import InputError
from bpflow.files import DAMAGED, READ_ERRORS, atomic_path, existing, open_binary
from bpflow.genome import Genome

__all__ = [
    "COLUMNS",
    "centers",
    "from_centers",
    "in_genome_order",
    "inside",
    "on",
    "overlaps",
    "read_intervals",
    "read_regions",
    "rows_by_chromosome",
    "touched",
    "write_regions",
]

COLUMNS = ["chrom", "start", "end", "name", "score", "strand", "signal", "pvalue", "qvalue", "summit"]
NO_SUMMIT = -1
SKIPPED_LINES = (b"#", b"track", b"browser")
# Nobody writes -0: a digit was damaged.
WHOLE_NUMBER = re.compile(r"(?!-0)-?[0-9]{1,12}")
LONGEST_SHOWN = 50


def read_regions(path: str | os.PathLike[str], genome: Genome | None = None) -> pd.DataFrame:
    """Read a narrowPeak (10 columns) or a BED of at least 3.

    Parameters
    ----------
    path
        Tab-separated text, plain or gzip; lines starting with ``#``, ``track`` or ``browser`` are skipped.
    genome
        If given, unknown chromosomes and centres past a chromosome's end are errors, and ends past it are clipped.

    Returns
    -------
    DataFrame
        The ten narrowPeak columns; 0-based, half-open. For a BED the summit is the middle of the interval, and
        ``frame.attrs["format"]`` says ``"BED3"`` instead of ``"narrowPeak"``.

    Raises
    ------
    InputError
        Naming the line: wrong number of columns, no numbers, start not below end, a summit outside its region.
    """
    rows, lines = _split_lines(path)
    if not rows:
        raise InputError("no regions", where=str(path), expected="at least one line of chromosome, start, end")
    widths = {len(row) for row in rows}
    narrowpeak = widths == {10}
    if not narrowpeak and min(widths) != max(widths):
        odd = next(i for i, row in enumerate(rows) if len(row) != len(rows[0]))
        raise InputError(
            f"{len(rows[odd])} columns where the first region has {len(rows[0])}",
            where=f"{path}, line {lines[odd]}",
            expected="the same number of tab-separated columns in each line",
        )
    if min(widths) < 3:
        raise InputError(
            f"{min(widths)} column(s)",
            where=f"{path}, line {lines[0]}",
            expected="tab-separated chromosome, start, end, or the 10 columns of a narrowPeak",
        )
    frame = _interval_frame(path, rows, lines)
    length = frame["end"] - frame["start"]
    if narrowpeak:
        frame[COLUMNS[3:6]] = [row[3:6] for row in rows]
        for column, index in (("signal", 6), ("pvalue", 7), ("qvalue", 8)):
            frame[column] = _scores(path, rows, lines, index, column)
        summit = _integers(path, rows, lines, 9, "summit")
        outside = np.flatnonzero((summit < NO_SUMMIT) | (summit >= length))
        if outside.size:
            line = lines[outside[0]]
            raise InputError(
                f"the summit {summit[outside[0]]} lies outside its region",
                where=f"{path}, line {line}",
                expected="an offset from the start that is below the region's length, or -1",
            )
        frame["summit"] = np.where(summit == NO_SUMMIT, length // 2, summit)
    else:
        frame = frame.assign(name=".", score="0", strand=".", signal=0.0, pvalue=-1.0, qvalue=-1.0, summit=length // 2)
    frame.attrs["format"] = "narrowPeak" if narrowpeak else "BED3"
    if genome is not None:
        _check_against(genome, frame, path, lines)
    return frame


def read_intervals(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read only chromosome, start, end and name (``.`` where there is none) of a BED; it may be empty."""
    rows, lines = _split_lines(path)
    if not rows:
        empty = pd.Series(dtype=object)
        return pd.DataFrame({"chrom": empty, "start": np.zeros(0, int), "end": np.zeros(0, int), "name": empty})
    for row, line in zip(rows, lines, strict=True):
        if len(row) < 3:
            raise InputError(
                f"{len(row)} column(s)", where=f"{path}, line {line}", expected="tab-separated chromosome, start, end"
            )
    return _interval_frame(path, rows, lines).assign(name=[row[3] if len(row) > 3 else "." for row in rows])


def write_regions(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write the ten narrowPeak columns, without a header."""
    with atomic_path(path) as temporary:
        frame[COLUMNS].to_csv(temporary, sep="\t", header=False, index=False, float_format="%.6g")


def from_centers(chromosomes: Iterable[str], positions: np.ndarray, width: int) -> pd.DataFrame:
    """Regions of one `width` around 0-based centres, with empty narrowPeak columns."""
    positions = np.asarray(positions, dtype=np.int64)
    frame = pd.DataFrame({"chrom": list(chromosomes), "start": positions - width // 2})
    frame["end"] = frame["start"] + width
    return frame.assign(name=".", score="0", strand=".", signal=0.0, pvalue=-1.0, qvalue=-1.0, summit=width // 2)


def centers(frame: pd.DataFrame) -> np.ndarray:
    """Centre of each region, start + summit, (N,) int64, 0-based."""
    return (frame["start"] + frame["summit"]).to_numpy(dtype=np.int64)


def in_genome_order(frame: pd.DataFrame, genome: Genome) -> pd.DataFrame:
    """Regions sorted by the genome's order of chromosomes, then by start and summit, with a new index."""
    place = {name: index for index, name in enumerate(genome.names)}
    order = frame.assign(place=frame["chrom"].map(place)).sort_values(["place", "start", "summit"], kind="stable")
    return order.drop(columns="place").reset_index(drop=True)


def inside(frame: pd.DataFrame, sizes: Mapping[str, int], width: int) -> np.ndarray:
    """Whether the window of `width` around each centre lies within its chromosome, (N,) bool.

    The rule of the official program: centre - width // 2 >= 0 and centre + width // 2 <= size; a chromosome
    that is not in `sizes` has size 0.
    """
    middle = centers(frame)
    size = frame["chrom"].map(dict(sizes)).fillna(0).to_numpy(dtype=np.int64)
    return (middle - width // 2 >= 0) & (middle + width // 2 <= size)


def on(frame: pd.DataFrame, chromosomes: Iterable[str]) -> pd.DataFrame:
    """Regions on any of `chromosomes`, in their order in `frame`, with a fresh index."""
    return frame[frame["chrom"].isin(set(chromosomes))].reset_index(drop=True)


def overlaps(
    chromosomes: pd.Series, starts: np.ndarray, ends: np.ndarray, intervals: pd.DataFrame, margin: int = 0
) -> np.ndarray:
    """Whether each [start, end) overlaps any interval widened by `margin` on both sides, (N,) bool."""
    result = np.zeros(len(starts), dtype=bool)
    starts, ends = np.asarray(starts), np.asarray(ends)
    rows_on = rows_by_chromosome(chromosomes)
    for name, those in rows_by_chromosome(intervals["chrom"]).items():
        if name in rows_on:
            rows, near = rows_on[name], intervals.iloc[those]
            result[rows] = touched(starts[rows], ends[rows], near["start"].to_numpy(), near["end"].to_numpy(), margin)
    return result


def touched(
    starts: np.ndarray, ends: np.ndarray, interval_starts: np.ndarray, interval_ends: np.ndarray, margin: int = 0
) -> np.ndarray:
    """:func:`overlaps` on one chromosome, (N,) bool."""
    if not len(interval_starts):
        return np.zeros(len(starts), dtype=bool)
    order = np.argsort(interval_starts, kind="stable")
    left = interval_starts[order] - margin
    furthest = np.maximum.accumulate(interval_ends[order] + margin)
    # Among intervals that start before the region's end, one overlaps iff the furthest end passes its start.
    before = np.searchsorted(left, ends, side="left")
    return (before > 0) & (furthest[np.maximum(before - 1, 0)] > starts)


def rows_by_chromosome(chromosomes: pd.Series) -> dict[str, np.ndarray]:
    """Row numbers of each chromosome's regions, in their order."""
    places, names = pd.factorize(chromosomes.to_numpy(dtype=object))
    order = np.argsort(places, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(places, minlength=len(names)))[:-1]) if len(names) else []
    return {str(name): rows for name, rows in zip(names, parts, strict=True)}


def _split_lines(path: str | os.PathLike[str]) -> tuple[list[list[str]], list[int]]:
    existing(path, "a narrowPeak or BED file")
    rows, lines = [], []
    try:
        with open_binary(path) as handle:
            for number, raw in enumerate(handle, start=1):
                if raw.strip() and not raw.startswith(SKIPPED_LINES):
                    rows.append(raw.decode("utf-8").rstrip("\r\n").split("\t"))
                    lines.append(number)
    except UnicodeDecodeError:
        raise InputError("not text", where=str(path), expected="a narrowPeak or BED file") from None
    except READ_ERRORS as error:
        raise InputError(
            f"the compressed file is damaged or cut short ({error})", where=str(path), mend=DAMAGED
        ) from None
    # Programs write narrowPeaks, and end their lines: one that was cut within its last number reads like a whole one.
    if rows and len(rows[-1]) == len(COLUMNS) and not raw.endswith((b"\n", b"\r")):
        raise InputError(
            "the last line does not end, so the file may be cut short",
            where=f"{path}, line {lines[-1]}",
            expected="a line end after the last region too",
            mend=f"{DAMAGED}. If nothing is missing, add a line end",
        )
    return rows, lines


def _interval_frame(path: str | os.PathLike[str], rows: list[list[str]], lines: list[int]) -> pd.DataFrame:
    start = _integers(path, rows, lines, 1, "start")
    end = _integers(path, rows, lines, 2, "end")
    wrong = np.flatnonzero((start < 0) | (end <= start))
    if wrong.size:
        i = int(wrong[0])
        raise InputError(
            f"start {start[i]} and end {end[i]}",
            where=f"{path}, line {lines[i]}",
            expected="0 <= start < end (0-based, half-open)",
        )
    return pd.DataFrame({"chrom": [row[0] for row in rows], "start": start, "end": end})


def _integers(
    path: str | os.PathLike[str], rows: list[list[str]], lines: list[int], column: int, what: str
) -> np.ndarray:
    texts = [row[column] for row in rows]
    wrong = next((i for i, text in enumerate(texts) if WHOLE_NUMBER.fullmatch(text) is None), None)
    if wrong is not None:
        raise InputError(
            f"the {what} {texts[wrong][:LONGEST_SHOWN]!r} is not a whole number",
            where=f"{path}, line {lines[wrong]}",
            expected=f"an integer in column {column + 1}",
        )
    return np.array([int(text) for text in texts], dtype=np.int64)


def _scores(
    path: str | os.PathLike[str], rows: list[list[str]], lines: list[int], column: int, what: str
) -> np.ndarray:
    """Numbers of a column in which a missing one is written ``.`` and comes as -1."""
    texts = pd.Series([row[column] for row in rows])
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    wrong = np.flatnonzero(np.isnan(numbers) & ~texts.str.lower().isin([".", "nan"]).to_numpy())
    if wrong.size:
        i = int(wrong[0])
        raise InputError(
            f"the {what} {texts[i][:LONGEST_SHOWN]!r} is not a number",
            where=f"{path}, line {lines[i]}",
            expected=f"a number in column {column + 1}, or '.' for none",
        )
    return np.where(np.isnan(numbers), -1.0, numbers)


def _check_against(genome: Genome, frame: pd.DataFrame, path: str | os.PathLike[str], lines: list[int]) -> None:
    known = frame["chrom"].isin(genome.sizes) | frame["chrom"].isin(genome.dropped)
    if not known.all():
        genome.require(frame.loc[~known, "chrom"].unique().tolist(), where=str(path))
    if not frame["chrom"].isin(genome.sizes).any():
        genome.require(frame["chrom"].unique().tolist(), where=str(path))
    size = frame["chrom"].map(genome.sizes).fillna(np.inf).to_numpy(dtype=float)
    past = np.flatnonzero(centers(frame) >= size)
    if past.size:
        row = frame.iloc[past[0]]
        raise InputError(
            f"the centre of {row['chrom']}:{row['start']}-{row['end']} lies past its chromosome's end "
            f"({genome.sizes[row['chrom']]} bases)",
            where=f"{path}, line {lines[past[0]]}",
            expected="regions within the genome",
            mend="Use regions of the same assembly",
        )
    # Peak callers that shift and extend reads write ends past the last base; the summit is what counts.
    frame["end"] = np.minimum(frame["end"], size).astype(np.int64)
