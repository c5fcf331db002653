"""``bpflow genome``."""

from __future__ import annotations

import argparse
import logging

from bpflow.genome import Genome, encode_fasta

SUMMARY = (
    "Encode a FASTA once (one byte a base), so that every other command maps it into memory. "
    "Writes OUTPUT, and genome.seq and chrom.sizes beside it."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow genome``."""
    parser.add_argument("--fasta", required=True, help="genome, plain, gzip or bgzip; no index is needed")
    parser.add_argument("--output", required=True, help="the JSON to write, for example genome.json")
    parser.add_argument(
        "--chromosomes",
        default="auto",
        help="'auto' keeps assembled nuclear chromosomes; else names separated by commas, or a pattern",
    )


def run(args: argparse.Namespace) -> None:
    """Encode the genome."""
    encode_fasta(args.fasta, args.output, chromosomes=chromosome_rule(args.chromosomes))
    genome = Genome.open(args.output)
    log.info("kept %d chromosomes, %d bases; dropped %d", len(genome.names), genome.array.size, len(genome.dropped))


def chromosome_rule(text: str) -> str | list[str]:
    """Turn ``chr1,chr2`` into a list; ``auto`` and patterns stay text."""
    return [name.strip() for name in text.split(",")] if "," in text else text
