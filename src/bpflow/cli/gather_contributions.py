"""``bpflow gather-contributions``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from bpflow.cli.options import positive_int
from bpflow.errors import InputError

SUMMARY = "Join the contributions of all parts of a list of regions ('bpflow contributions --part K/N')."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow gather-contributions``."""
    parser.add_argument("--inputs", required=True, nargs="+", metavar="DIR", help="folders of all parts, in any order")
    add_output(parser)


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add ``--output-dir``, ``--bigwigs``, ``--genome`` and ``--threads``."""
    parser.add_argument(
        "--output-dir", required=True, metavar="DIR", help="folder of counts.h5, profile.h5, contributions.json (, .bw)"
    )
    parser.add_argument("--bigwigs", action="store_true", help="write bigWigs too")
    parser.add_argument("--genome", metavar="FILE", help="genome.json or a FASTA; needed with --bigwigs")
    parser.add_argument("--threads", type=positive_int, default=1, help="threads that compress bigWigs")


def run(args: argparse.Namespace) -> None:
    """Join the parts."""
    from bpflow.contribution_file import join_files

    combine(args, join_files)


def combine(args: argparse.Namespace, how: Callable[[Sequence[str], Path], None]) -> None:
    """Combine each head's files of the input folders, and write what belongs beside them."""
    if args.bigwigs and not args.genome:
        raise InputError("--bigwigs without --genome", expected="the genome that the regions are of")
    from bpflow.cli.contribution_outputs import heads_in, write_bigwigs, write_record

    heads, folder = heads_in(args.inputs), Path(args.output_dir)
    for head in heads:
        how([str(Path(source) / f"{head}.h5") for source in args.inputs], folder / f"{head}.h5")
    write_record(folder, heads)
    if args.bigwigs:
        write_bigwigs(folder, heads, args.genome, args.threads)
