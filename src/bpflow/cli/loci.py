"""``bpflow loci``."""

from __future__ import annotations

import argparse
import logging
from typing import TYPE_CHECKING, Any

from bpflow.cli.model_options import add_computing, resolve_computing
from bpflow.cli.options import add_genome, add_seed, non_negative_int, positive_int
from bpflow.errors import InputError

if TYPE_CHECKING:
    from bpflow.genome import Genome
    from bpflow.loci import LocusModels
    from bpflow.locus_selection import Locus
    from bpflow.signal import SignalTrack

SUMMARY = (
    "Sequence, observed and predicted insertions and contributions at each base of chosen loci, for the report's locus "
    "browser: loci of a BED, and peaks chosen by the rank of their insertions. Each is predicted by the models that "
    "never saw its chromosome, if there are any."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow loci``."""
    parser.add_argument(
        "--models", required=True, nargs="+", metavar="FILE", help="chrombpnet.safetensors or .h5, one a fold"
    )
    parser.add_argument("--folds", required=True, nargs="+", metavar="JSON", help="the folds, in the models' order")
    parser.add_argument(
        "--fold-numbers",
        nargs="+",
        type=non_negative_int,
        metavar="K",
        help="their numbers (default: 0, 1, ...)",
    )
    add_genome(parser)
    parser.add_argument("--signal", required=True, metavar="BW", help="observed insertions")
    parser.add_argument("--loci", metavar="BED", help="loci to show, named by the fourth column")
    parser.add_argument("--regions", metavar="BED", help="peaks to choose from")
    parser.add_argument("--peaks", type=non_negative_int, default=12, help="how many peaks to choose")
    parser.add_argument("--references", type=positive_int, default=20, help="dinucleotide shuffles of each sequence")
    parser.add_argument("--output", required=True, metavar="JSON", help="record of all loci to write")
    add_seed(parser)
    add_computing(parser)


def run(args: argparse.Namespace) -> None:
    """Trace the loci."""
    numbers = args.fold_numbers or list(range(len(args.folds)))
    if not len(args.models) == len(args.folds) == len(numbers):
        raise InputError(
            f"{len(args.models)} models, {len(args.folds)} folds and {len(numbers)} numbers of folds",
            expected="one fold and one number for each model, in the same order",
        )
    peaks_wanted = args.peaks if args.regions else 0
    if not (args.loci or peaks_wanted):
        raise InputError("neither --loci nor --regions with --peaks", expected="something to show")
    from bpflow.files import stamp, write_json
    from bpflow.folds import read_fold
    from bpflow.genome import Genome
    from bpflow.loci import LocusModels, locus_record, trace_locus
    from bpflow.progress import track
    from bpflow.signal import SignalTrack
    from bpflow.tracks import models_by_chromosome
    from bpflow.views import load_chrombpnets

    genome = Genome.open(args.genome)
    by_chromosome = models_by_chromosome([read_fold(path, genome) for path in args.folds])
    models = load_chrombpnets(args.models)
    signal = SignalTrack.open(args.signal, genome)
    computing = resolve_computing(args)
    given = LocusModels(
        models,
        numbers,
        by_chromosome,
        batch_size=args.batch_size,
        device=computing.device,
        precision=computing.precision,
        references=args.references,
        seed=args.seed,
    )
    loci, peaks = _chosen(args, genome, signal, given)
    records = [
        locus_record(locus, trace_locus(locus, genome, signal, given), given)
        for locus in track(loci, what="tracing", unit="loci")
    ]
    seen = [record["name"] for record in records if not record["held_out"]]
    write_json(
        args.output,
        stamp(
            "loci",
            given=args.loci,
            peaks=peaks,
            input_length=given.input_length,
            output_length=given.output_length,
            references=args.references,
            seed=args.seed,
            loci=records,
            messages=[f"No fold held out the chromosomes of {', '.join(seen)}; shown is the mean of all models."]
            if seen
            else [],
        ),
    )
    log.info("traced %d loci, %d bases", len(records), sum(len(record["sequence"]) for record in records))


def _chosen(
    args: argparse.Namespace, genome: Genome, signal: SignalTrack, given: LocusModels
) -> tuple[list[Locus], dict[str, Any]]:
    """The loci, given ones first, and how the peaks among them were chosen: held out ones if there are any."""
    from functools import partial

    from bpflow.locus_selection import PEAK_RULE, quantile_peaks, read_loci
    from bpflow.regions import read_regions

    loci = read_loci(args.loci, genome) if args.loci else []
    if not (args.regions and args.peaks):
        return loci, {"shown": 0, "ranked": 0, "rule": "No peaks are shown."}
    choose = partial(
        quantile_peaks,
        read_regions(args.regions, genome),
        genome,
        signal,
        args.peaks,
        input_length=given.input_length,
        output_length=given.output_length,
    )
    chosen, ranked = choose(chromosomes=list(given.by_chromosome))
    where = " on chromosomes that a fold held out" if set(given.by_chromosome) < set(genome.names) else ""
    if not chosen:
        (chosen, ranked), where = choose(), ""
    rule = PEAK_RULE.format(width=given.output_length, ranked=ranked, where=where, number=len(chosen))
    return loci + chosen, {"shown": len(chosen), "ranked": ranked, "rule": rule}
