"""``bpflow split``."""

from __future__ import annotations

import argparse
from pathlib import Path

from bpflow.cli.options import positive_int
from bpflow.files import write_json
from bpflow.fragment_split import split_fragments

SUMMARY = (
    "Split the fragments of single cells into one file for each cluster of cells, in a single pass: whole lines, in "
    "their order, bgzipped as CLUSTER.fragments.tsv.gz. Fragments whose barcode is not listed are left out and counted."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow split``."""
    parser.add_argument(
        "--fragments",
        nargs="+",
        required=True,
        metavar="FILE",
        help="fragment files with a barcode in column 4, plain, gzip or bgzip, in any order; several are pooled",
    )
    parser.add_argument(
        "--barcodes",
        nargs="+",
        required=True,
        metavar="FILE",
        help="barcode and cluster, tab-separated, one cell a line, plain or gzip; one file for all fragment files or "
        "one each, for barcodes that mean other cells in each",
    )
    parser.add_argument(
        "--format",
        choices=("auto", "fragments"),
        default="auto",
        help="auto sees that the files are fragment files; fragments takes them for such",
    )
    parser.add_argument("--output-dir", required=True, metavar="DIR", help="where the clusters' files go")
    parser.add_argument("--qc", required=True, metavar="X.json", help="record of fragments and barcodes by cluster")
    parser.add_argument("--threads", type=positive_int, default=1, help="threads that decompress, parse and compress")


def run(args: argparse.Namespace) -> None:
    """Split the fragments."""
    record = split_fragments(
        args.fragments,
        args.barcodes,
        Path(args.output_dir),
        detect=args.format == "auto",
        threads=args.threads,
    )
    write_json(args.qc, record)
