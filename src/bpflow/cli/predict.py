"""``bpflow predict``."""

from __future__ import annotations

import argparse
import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from bpflow.cli.model_inputs import (
    add_inputs,
    add_models,
    add_split,
    add_task,
    check_inputs,
    read_region_inputs,
    split_chromosomes,
)
from bpflow.cli.model_options import Computing, add_computing, resolve_computing
from bpflow.errors import InputError

if TYPE_CHECKING:
    from bpflow.ensemble import Ensemble
    from bpflow.parts import Part

SUMMARY = (
    "Predict profiles and counts of genome regions or of given sequences, batch by batch, into an HDF5 file. "
    "Regions whose input window reaches past their chromosome's end are left out, and it is said how many. Of several "
    "models, log counts are their mean, and profile logits the logarithm of their mean probabilities."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow predict``."""
    add_models(parser)
    add_task(parser)
    add_inputs(parser)
    parser.add_argument("--nonpeaks", metavar="BED", help="with --regions: more regions, marked as non-peaks")
    add_split(parser)
    parser.add_argument(
        "--part", default="1/1", metavar="K/N", help="with --regions: only the K-th of N parts, in whole batches"
    )
    parser.add_argument("--output", required=True, metavar="H5", help="predictions to write")
    parser.add_argument(
        "--bigwig",
        nargs="+",
        metavar="BW",
        help="with --regions: also write the track, probabilities x (exp(log counts) - 1); where regions overlap, "
        "each base comes from the region with the nearest centre. Of a model of two strands, two files: plus, minus",
    )
    parser.add_argument(
        "--table",
        metavar="TSV",
        help="also write one line a region or sequence: predicted counts of the output window and their logarithm, "
        "ln(1 + counts), with its standard deviation over several models; gzipped if the name ends in .gz",
    )
    parser.add_argument(
        "--signal",
        nargs="+",
        metavar="BW",
        help="with --regions and --table: observed insertions, counted in the same windows, one file a strand",
    )
    parser.add_argument(
        "--official-scale",
        action="store_true",
        help="take exp(log counts), without the - 1, in --bigwig and for the predicted counts of --table",
    )
    parser.add_argument(
        "--reverse-complement",
        action="store_true",
        help="the mean of both strands of the sequence: of probabilities, and of log counts; so ProCapNet is used",
    )
    add_computing(parser)


def run(args: argparse.Namespace) -> None:
    """Predict."""
    check_inputs(args, only_with_regions=("nonpeaks", "fold", "bigwig", "signal"))
    if args.signal and not args.table:
        raise InputError("--signal without --table", expected="a table for the observed counts to go into")
    from bpflow.parts import Part

    part = Part.parse(args.part)
    if part.total > 1 and (args.sequences or args.bigwig or args.table):
        raise InputError(
            f"--part {part} with --sequences, --bigwig or --table",
            expected="it with --regions and --output alone",
            mend="Join the parts by 'bpflow gather-predictions'",
        )
    from bpflow.ensemble import load_ensemble, of_both_strands

    ensemble = load_ensemble(args.model, args.task)
    if args.reverse_complement:
        ensemble = of_both_strands(ensemble)
    for option in ("bigwig", "signal"):
        if (given := getattr(args, option)) and len(set(given)) != ensemble.strands:
            raise InputError(
                f"{len(set(given))} files", where=f"--{option}", expected=f"{ensemble.strands}, one for each strand"
            )
    computing = resolve_computing(args)
    attributes = {**ensemble.attributes, "precision": computing.precision_name}
    if args.regions:
        _predict_regions(args, ensemble, computing, attributes, part)
    else:
        _predict_sequences(args, ensemble, computing, attributes)


def _predict_regions(
    args: argparse.Namespace, ensemble: Ensemble, computing: Computing, attributes: dict[str, Any], part: Part
) -> None:
    from bpflow.genome import Genome
    from bpflow.predicted_tracks import write_predicted_tracks
    from bpflow.prediction_file import write_predictions
    from bpflow.prediction_table import region_columns
    from bpflow.progress import track
    from bpflow.signal_groups import open_strands

    genome = Genome.open(args.genome)
    if args.fold:
        attributes["split"] = args.split
    length = ensemble.output_length
    regions = read_region_inputs(
        args.regions,
        genome,
        ensemble.input_length,
        nonpeaks=args.nonpeaks,
        chromosomes=split_chromosomes(args, genome),
    )
    if part.total > 1:
        regions = regions.rows(part.rows(len(regions.frame), block=args.batch_size))
        attributes |= {"part": str(part), "part_batch": args.batch_size}
    observed = None
    if args.signal:
        observed = open_strands(args.signal, genome).sums(regions.places - length // 2, length)
    counts = []
    with ExitStack() as stack:
        writer = stack.enter_context(
            write_predictions(args.output, regions.coordinates, width=length * ensemble.strands, attributes=attributes)
        )
        add_to_track = None
        if args.bigwig:
            names, scale = regions.coordinates["coords_chrom"], args.official_scale
            add_to_track = stack.enter_context(
                write_predicted_tracks(
                    args.bigwig,
                    genome,
                    names,
                    regions.centers,
                    length,
                    official_scale=scale,
                    threads=computing.threads,
                )
            )
        starts = regions.places - ensemble.input_length // 2
        batches = range(0, len(starts), args.batch_size)
        for first in track(batches, len(batches), "predicting"):
            codes = genome.windows(starts[first : first + args.batch_size], ensemble.input_length)
            combined = ensemble.predict(
                codes, batch_size=args.batch_size, device=computing.device, precision=computing.precision
            )
            writer.append(combined.prediction)
            counts.append((combined.prediction.log_counts, combined.deviation))
            if add_to_track is not None:
                add_to_track(combined.prediction)
    if args.table:
        _write_table(args, region_columns(regions.frame, regions.is_peak), counts, observed)
    log.info("predicted %d regions", len(regions.frame))


def _predict_sequences(
    args: argparse.Namespace, ensemble: Ensemble, computing: Computing, attributes: dict[str, Any]
) -> None:
    import numpy as np
    import pandas as pd

    from bpflow.prediction_file import write_predictions
    from bpflow.progress import track
    from bpflow.sequences import in_batches, read_sequences

    # Read once for the names and all checks, so that a mistake in the last record costs no prediction.
    names = [name for name, _ in read_sequences(args.sequences, ensemble.input_length)]
    batches = in_batches(read_sequences(args.sequences, ensemble.input_length), args.batch_size)
    counts = []
    with write_predictions(
        args.output,
        {"name": np.array(names, dtype=object)},
        width=ensemble.output_length * ensemble.strands,
        attributes=attributes,
    ) as writer:
        for codes in track(batches, -(-len(names) // args.batch_size), "predicting"):
            combined = ensemble.predict(
                codes, batch_size=args.batch_size, device=computing.device, precision=computing.precision
            )
            writer.append(combined.prediction)
            counts.append((combined.prediction.log_counts, combined.deviation))
    if args.table:
        _write_table(args, pd.DataFrame({"name": names}), counts, None)
    log.info("predicted %d sequences", len(names))


def _write_table(args: argparse.Namespace, identity: Any, counts: list[Any], observed: Any) -> None:
    import numpy as np

    from bpflow.prediction_table import prediction_table
    from bpflow.tables import write_table

    log_counts, deviation = (np.concatenate(parts) for parts in zip(*counts, strict=True))
    table = prediction_table(
        identity,
        log_counts,
        deviation=deviation if len(args.model) > 1 else None,
        observed=observed,
        official_scale=args.official_scale,
    )
    write_table(table, args.table)
