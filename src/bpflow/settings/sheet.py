"""The sample sheet: its rows, and checks that name the line, the sample and the column."""

from __future__ import annotations

import csv
import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bpflow.errors import InputError
from bpflow.settings.cells import check_cells, cluster_samples
from bpflow.settings.config import SHIFT
from bpflow.settings.paths import existing_path, made_by_demo
from bpflow.settings.sample import Sample
from bpflow.settings.schema import check_schema

__all__ = ["check_name", "read_samples", "sheet_rows", "split_list"]

#: Names beside the samples' folders in the results.
RESERVED = {
    "genome",
    "folds",
    "peak_sets",
    "browser",
    "logs",
    "benchmarks",
    "config.json",
    "qc.html",
    "report.html",
    "report.pdf",
}


def read_samples(
    path: str | os.PathLike[str],
    schema: Mapping[str, Any],
    config: Mapping[str, Any],
    *,
    config_of: Callable[[str], Mapping[str, Any]],
    made: Callable[[str], bool] = made_by_demo,
) -> dict[str, Sample]:
    """Read and check the sample sheet: tab-separated, one sample a row, ``#`` starts a comment line.

    Parameters
    ----------
    path
        The sheet.
    schema
        The schema of one row.
    config
        The configuration, resolved by `resolve_config`.
    config_of
        Gives the configuration of a sample whose row names a file, see `overriding`.
    made
        Tells files that the workflow will make, so that they may be absent.

    Returns
    -------
    dict
        Samples by name, in the sheet's order.

    Raises
    ------
    InputError
        Names the line, the sample and the column.
    """
    samples: dict[str, Sample] = {}
    lines: dict[str, int] = {}
    for line, row in sheet_rows(path, list(schema["properties"])):
        name = row.get("sample", "")
        where = f"{path}, line {line}" + (f" (sample {name!r})" if name else "")
        check_schema(row, schema, partial(_column, where))
        check_name(name, lines, where)
        if "config" in row:
            row["config"] = existing_path(row["config"], config["data"], f"{where}, column config", made)
        own = config_of(row["config"]) if "config" in row else config
        lines[name] = line
        for sample in cluster_samples(_sample(row, own, where, made), config["results"]):
            if sample.cells:
                check_name(sample.name, lines, where)
            samples[sample.name], lines[sample.name] = sample, line
    if not samples:
        raise InputError("no samples", where=str(path), expected="a header and one row for each sample")
    for name, sample in samples.items():
        if sample.bias_from:
            where = f"{path}, line {lines[name]} (sample {name!r}), column bias_from"
            _check_shared_bias(sample, samples.get(sample.bias_from), where)
    if not any(sample.train == "all" for sample in samples.values()):
        raise InputError(
            "every sample has train: bias",
            where=str(path),
            expected="a sample whose ChromBPNet is trained",
            mend="Leave the column train empty, and ask for bias models alone by `snakemake bias`",
        )
    return samples


def check_name(name: str, lines: Mapping[str, int], where: str) -> None:
    """See that a sample's name is not one of `lines`, nor one that the results use."""
    if name in lines:
        raise InputError(
            f"sample {name!r} is in line {lines[name]} already",
            where=where,
            expected="each sample in one row",
            mend="Write the files of one sample into one row, separated by commas",
        )
    if name in RESERVED:
        raise InputError(f"{name!r} is a name that the results use themselves", where=f"{where}, column sample")


def _check_shared_bias(sample: Sample, source: Sample | None, where: str) -> None:
    """See that the sample that `sample` names in bias_from has bias models of its own that fit."""
    if source is None or not source.trains_bias:
        raise InputError(
            f"{sample.bias_from!r} is no sample of this sheet" if source is None else f"{source.name!r} trains none",
            where=where,
            expected="the name of another sample, which trains its own bias models",
            mend=None if source is None else "Name the sample whose bias models it takes, or give bias_model to both",
        )
    if source.assay != sample.assay:
        raise InputError(
            f"{source.name!r} is {source.assay}, this sample {sample.assay}",
            where=where,
            expected="a sample of the same enzyme",
        )
    for key in ("input_length", "output_length"):
        theirs, ours = source.config["model"][key], sample.config["model"][key]
        if theirs != ours:
            raise InputError(
                f"model.{key} is {theirs} for {source.name!r} and {ours} for this sample",
                where=where,
                expected="models of one length",
            )


def _column(where: str, column: str) -> str:
    return f"{where}, column {column}" if column else where


def sheet_rows(path: str | os.PathLike[str], known: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of the sheet with their line numbers; empty cells are left out."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("not text", where=str(path), expected="a tab-separated sheet in UTF-8") from None
    header: list[str] | None = None
    for line, cells in enumerate(csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE), start=1):
        cells = [cell.strip() for cell in cells]
        if not any(cells) or cells[0].startswith("#"):
            continue
        where = f"{path}, line {line}"
        if header is None:
            header = cells
            _check_header(header, known, where)
        elif len(cells) != len(header):
            raise InputError(
                f"{len(cells)} columns",
                where=where,
                expected=f"{len(header)} as in the header",
                mend="Columns are separated by tabs; an empty cell still has its tab",
            )
        else:
            yield line, {key: cell for key, cell in zip(header, cells, strict=True) if cell}


def _check_header(header: list[str], known: list[str], where: str) -> None:
    if len(header) == 1 and re.search(r"[,; ]", header[0]):
        raise InputError("no tabs in the header", where=where, expected="columns separated by tabs")
    for name in header:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise InputError(
                f"unknown column {name!r}",
                where=where,
                expected="columns among " + ", ".join(known),
                mend=f"Perhaps {near[0]} is meant" if near else None,
            )
        if header.count(name) > 1:
            raise InputError(f"column {name!r} is there twice", where=where)


def _sample(row: Mapping[str, str], config: Mapping[str, Any], where: str, made: Callable[[str], bool]) -> Sample:
    data, folds = config["data"], config["folds"]["run"]
    if "reads" in row and "signal" in row:
        raise InputError(
            "both reads and signal are given",
            where=where,
            expected="one of the two",
            mend="Leave one of them empty",
        )
    if "reads" not in row and "signal" not in row:
        raise InputError(
            "neither reads nor signal is given",
            where=where,
            expected="read files, or a bigWig of cut sites in signal",
        )
    _check_bias(row, where)
    reads = split_list(row.get("reads", ""))
    shifts = split_list(row.get("reads_already_shifted", ""))
    barcodes = split_list(row.get("barcodes", ""))
    if barcodes:
        check_cells(row, barcodes, config, where)
    _check_reads(row, reads, shifts, where)
    if config["peaks"]["reproducible"] == "replicates" and "peaks" not in row and len(reads) < 2:
        raise InputError(
            "fewer than two read files, but the config has peaks.reproducible: replicates",
            where=f"{where}, column reads",
            expected="the replicates' files, separated by commas",
            mend="Add them, give peaks, or set peaks.reproducible: pseudoreplicates",
        )

    def path(column: str, **fill: Sequence[Any]) -> str | None:
        given = row.get(column)
        return given and existing_path(given, data, f"{where}, column {column}", made, **fill)

    return Sample(
        name=row["sample"],
        assay=row["assay"],
        reads=tuple(existing_path(name, data, f"{where}, column reads", made) for name in reads),
        format=row.get("format", "auto"),
        shifts=shifts or (config["reads_already_shifted"],),
        barcodes=tuple(existing_path(name, data, f"{where}, column barcodes", made) for name in barcodes),
        signal=path("signal"),
        peaks=path("peaks"),
        peak_set=row.get("peak_set"),
        bias_model=path("bias_model", fold=folds),
        bias_from=row.get("bias_from"),
        train=row.get("train", "all"),
        config_file=row.get("config"),
        config=config,
    )


def _check_bias(row: Mapping[str, str], where: str) -> None:
    given = [column for column in ("bias_model", "bias_from") if column in row]
    if len(given) == 2:
        raise InputError("both bias_model and bias_from are given", where=where, expected="one of the two, or neither")
    if given and row.get("train") == "bias":
        raise InputError(
            f"train: bias, but {given[0]} is given",
            where=where,
            expected="a sample that trains its own bias models",
            mend=f"Leave out the row, or empty {given[0]} or train",
        )


def _check_reads(row: Mapping[str, str], reads: Sequence[str], shifts: Sequence[str], where: str) -> None:
    if "" in reads:
        raise InputError("an empty name between commas", where=f"{where}, column reads")
    twice = next((name for name in reads if reads.count(name) > 1), None)
    if twice:
        raise InputError(f"{twice} is named twice", where=f"{where}, column reads", expected="each file once")
    if not reads:
        for column in ("format", "reads_already_shifted"):
            if column in row:
                raise InputError(
                    f"{row[column]!r} with a signal, which it does not act on",
                    where=f"{where}, column {column}",
                    expected="an empty cell",
                )
    for shift in shifts:
        if SHIFT.fullmatch(shift) is None:
            raise InputError(
                f"{shift!r} is not a shift",
                where=f"{where}, column reads_already_shifted",
                expected="auto, or the shifts of the two strands as in 0/0 or +4/-5",
            )
    if len(shifts) not in (0, 1, len(reads)):
        raise InputError(
            f"{len(shifts)} shifts for {len(reads)} read files",
            where=f"{where}, column reads_already_shifted",
            expected="one shift for all files, or one for each",
        )


def split_list(text: str) -> tuple[str, ...]:
    """Parts between commas."""
    return tuple(part.strip() for part in text.split(",")) if text else ()
