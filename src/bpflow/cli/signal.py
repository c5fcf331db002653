"""``bpflow signal``."""

from __future__ import annotations

import argparse

from bpflow.cli.genome import chromosome_rule
from bpflow.cli.options import add_genome, add_seed, non_negative_int, positive_int
from bpflow.cut_sites import ReadFile, make_signal
from bpflow.errors import InputError
from bpflow.genome import Genome
from bpflow.reads import EXCLUDABLE_FLAGS, FORMATS, ReadFilter
from bpflow.shift import ASSAYS, parse_shift
from bpflow.stranded_ends import make_strands

SUMMARY = (
    "Count the 5' cut sites of reads at base resolution. Output sites lie at +4/-4 (ATAC) or 0/+1 (DNASE) from the "
    "aligned 5' ends, whatever shift the input carries. The bigWig holds integer insertions, both strands summed. With "
    "--strands, the 5' ends of each strand as they are, in a bigWig of its own."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow signal``."""
    parser.add_argument(
        "--reads",
        nargs="+",
        required=True,
        metavar="FILE",
        help="BAM or CRAM in any order, fragment files (2 sites a line) or tagAlign; several files are pooled",
    )
    parser.add_argument("--assay", choices=ASSAYS, help="the enzyme's assay; not with --strands")
    add_genome(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--output", metavar="X.bw", help="the bigWig of cut sites to write")
    what.add_argument(
        "--strands", nargs=2, metavar=("PLUS.bw", "MINUS.bw"), help="the bigWigs of each strand's 5' ends to write"
    )
    parser.add_argument(
        "--mate",
        type=int,
        choices=(0, 1, 2),
        default=0,
        help="of BAM and CRAM: only first (1) or second (2) reads of pairs, as PRO-cap's; 0: all",
    )
    parser.add_argument("--qc", required=True, metavar="X.json", help="record of reads, drops, vote and shift")
    parser.add_argument("--format", choices=("auto", *FORMATS), default="auto", help="format of the reads")
    parser.add_argument(
        "--input-shift",
        nargs="+",
        default=["auto"],
        metavar="PLUS/MINUS",
        help=(
            "shift in bases that the input already carries (an aligned BAM 0/0, a 10x fragment file +4/-5), one for "
            "all files or one each; 'auto' estimates it by a vote over reference cut-site PWMs"
        ),
    )
    parser.add_argument(
        "--shift-check",
        choices=("stop", "warn"),
        default="stop",
        help="what an uncertain vote does that the format's habit does not settle",
    )
    parser.add_argument(
        "--min-mapq", type=non_negative_int, default=30, help="lowest mapping quality of BAM and CRAM reads; 0: any"
    )
    parser.add_argument(
        "--exclude-flags",
        default=",".join(EXCLUDABLE_FLAGS),
        metavar="NAMES",
        help="kinds of BAM and CRAM reads to leave out, separated by commas; 'none' keeps all that are mapped",
    )
    parser.add_argument("--chromosomes", default="auto", help="with a FASTA: as in 'bpflow genome'")
    parser.add_argument("--threads", type=positive_int, default=1, help="threads that decompress and parse the reads")
    add_seed(parser)


def run(args: argparse.Namespace) -> None:
    """Make the signal."""
    genome = Genome.open(args.genome, chromosome_rule(args.chromosomes))
    read_filter = ReadFilter(args.min_mapq, _flags(args.exclude_flags), args.mate)
    if args.strands:
        make_strands(
            args.reads,
            genome,
            plus=args.strands[0],
            minus=args.strands[1],
            qc=args.qc,
            file_format=args.format,
            read_filter=read_filter,
            threads=args.threads,
        )
        return
    if not args.assay:
        raise InputError("no --assay", expected=f"one of {', '.join(ASSAYS)}, or --strands")
    shifts = args.input_shift
    if len(shifts) not in (1, len(args.reads)):
        raise InputError(
            f"{len(shifts)} shifts for {len(args.reads)} files",
            where="--input-shift",
            expected="one for all files, or one for each in their order",
        )
    if len(shifts) == 1:
        shifts = shifts * len(args.reads)
    make_signal(
        [
            ReadFile(path, args.format, parse_shift(text, where="--input-shift"))
            for path, text in zip(args.reads, shifts, strict=True)
        ],
        args.assay,
        genome,
        output=args.output,
        qc=args.qc,
        read_filter=read_filter,
        shift_check=args.shift_check,
        seed=args.seed,
        threads=args.threads,
    )


def _flags(text: str) -> tuple[str, ...]:
    names = () if text in ("none", "") else tuple(name.strip() for name in text.split(","))
    unknown = [name for name in names if name not in EXCLUDABLE_FLAGS]
    if unknown:
        raise InputError(
            f"{unknown[0]!r}", where="--exclude-flags", expected=f"names among {', '.join(EXCLUDABLE_FLAGS)}, or none"
        )
    return names
