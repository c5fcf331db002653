"""``bpflow fetch-genome``."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

SUMMARY = (
    "Fetch a genome by its name: FASTA, blacklist and published folds, as far as there are any, from where they are "
    "published. They are checked, kept in a folder that all runs share, and linked into OUTPUT_DIR. What is there "
    "already needs no network."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow fetch-genome``."""
    parser.add_argument("name", help="hg38, mm10, mm39, dm6, TAIR10 or sacCer3, or a name of your own table")
    parser.add_argument(
        "--cache",
        metavar="DIR",
        help="folder that runs share (default: $BPFLOW_GENOMES, else bpflow/genomes in the user's cache)",
    )
    parser.add_argument("--catalogue", metavar="TSV", help="your own table of genomes, in place of the built-in one")
    parser.add_argument(
        "--parts", nargs="+", metavar="PART", help="only these: fasta, blacklist, fold_0 and so on (default: all)"
    )
    parser.add_argument(
        "--output-dir", metavar="DIR", help="where links and fetched.json go (default: NAME in this folder)"
    )


def run(args: argparse.Namespace) -> None:
    """Fetch the genome."""
    from bpflow.genome_cache import fetch_genome
    from bpflow.genome_catalogue import find_genome

    genome = find_genome(args.name, args.catalogue)
    folder = Path(args.output_dir or genome.name)
    record = fetch_genome(genome, folder, cache=args.cache, parts=args.parts)
    for file in record["files"]:
        log.info("%s: %s, SHA-256 %s, checked by %s", file["part"], file["address"], file["sha256"], file["checked"])
    for message in record["messages"]:
        log.warning("%s", message)
