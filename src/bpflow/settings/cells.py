"""Rows of single cells, each of which becomes one sample for every cluster of cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bpflow.barcodes import read_clusters
from bpflow.errors import InputError
from bpflow.settings.sample import Sample

__all__ = ["check_cells", "cluster_samples"]


def check_cells(row: Mapping[str, str], barcodes: Sequence[str], config: Mapping[str, Any], where: str) -> None:
    """See that a row of the sheet with files of `barcodes` can be split by them."""
    reads = row.get("reads", "").split(",")
    if "signal" in row:
        raise InputError(
            "barcodes with a signal, which they cannot split",
            where=f"{where}, column barcodes",
            expected="fragment files in reads",
        )
    if "" in barcodes:
        raise InputError("an empty name between commas", where=f"{where}, column barcodes")
    if len(barcodes) not in (1, len(reads)):
        raise InputError(
            f"{len(barcodes)} files of barcodes for {len(reads)} read files",
            where=f"{where}, column barcodes",
            expected="one for all files, or one for each",
        )
    if row.get("format", "auto") not in ("auto", "fragments"):
        raise InputError(
            f"{row['format']!r}, but barcodes are given",
            where=f"{where}, column format",
            expected="fragment files, which are what can be split by barcode",
        )
    if "," in row.get("reads_already_shifted", ""):
        raise InputError(
            "several shifts, but barcodes are given",
            where=f"{where}, column reads_already_shifted",
            expected="one shift, since each cluster's fragments are pooled",
            mend="Give files of another shift a row of their own",
        )
    if row.get("train") == "bias":
        raise InputError(
            "train: bias, but barcodes are given",
            where=f"{where}, column train",
            expected="an empty cell",
            mend="Leave barcodes empty to train a bias model of all cells",
        )
    if config["peaks"]["reproducible"] == "replicates" and "peaks" not in row:
        raise InputError(
            "barcodes are given, but the config has peaks.reproducible: replicates",
            where=f"{where}, column barcodes",
            expected="another rule, since each cluster's fragments are pooled",
            mend="Give peaks, or set peaks.reproducible: pseudoreplicates",
        )


def cluster_samples(sample: Sample, results: str) -> Iterator[Sample]:
    """The samples that a row of the sheet stands for: itself, or its clusters.

    Parameters
    ----------
    sample
        The row. If it has barcodes, there is one sample for each cluster, ``ROW.CLUSTER``, and, unless the row says
        where its bias models come from, one before them of all reads, which trains those of all clusters.
    results
        The folder of all outputs.

    Raises
    ------
    InputError
        The files of barcodes cannot be read; names the file and the line.
    """
    if not sample.barcodes:
        yield sample
        return
    shares = sample.trains_bias
    if shares:
        yield replace(sample, barcodes=(), peak_set=None, train="bias")
    for name in read_clusters(sample.barcodes).labels:
        yield replace(
            sample,
            name=f"{sample.name}.{name}",
            reads=(f"{results}/{sample.name}/clusters/{name}.fragments.tsv.gz",),
            cells=sample.name,
            fragments=sample.reads,
            bias_from=sample.name if shares else sample.bias_from,
        )
