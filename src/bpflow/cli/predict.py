"""``bpflow predict``."""

from __future__ import annotations

import argparse
import logging
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpflow.cli.model_options import Computing, add_computing, resolve_computing
from bpflow.errors import InputError

if TYPE_CHECKING:
    from bpflow.models import ProfileModel

SUMMARY = (
    "Predict profiles and counts of genome regions or of given sequences, batch by batch, into an HDF5 file. "
    "Regions whose input window reaches past their chromosome's end are left out, and it is said how many."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow predict``."""
    parser.add_argument(
        "--model",
        required=True,
        metavar="FILE",
        help="model of 'bpflow train' (.safetensors), official .h5 or MultiMolecule folder",
    )
    parser.add_argument("--genome", metavar="FILE", help="genome.json or a FASTA; needed with --regions")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--regions", metavar="BED", help="regions (narrowPeak, or BED: their middle); marked as peaks")
    what.add_argument("--sequences", metavar="FASTA", help="sequences of exactly the model's input length")
    parser.add_argument("--nonpeaks", metavar="BED", help="with --regions: more regions, marked as non-peaks")
    parser.add_argument("--fold", metavar="JSON", help="with --regions: keep only one split of this fold")
    parser.add_argument("--split", choices=("train", "valid", "test"), default="test", help="the split of --fold")
    parser.add_argument("--output", required=True, metavar="H5", help="predictions to write")
    parser.add_argument(
        "--bigwig",
        metavar="BW",
        help="with --regions: also write the track, probabilities x (exp(log counts) - 1); where regions overlap, "
        "each base comes from the region with the nearest centre",
    )
    parser.add_argument(
        "--official-scale", action="store_true", help="multiply by exp(log counts), without the - 1, in --bigwig"
    )
    add_computing(parser)


def run(args: argparse.Namespace) -> None:
    """Predict."""
    for option in ("nonpeaks", "fold", "bigwig"):
        if args.sequences and getattr(args, option):
            raise InputError(f"--{option} with --sequences", expected="it only with --regions")
    if args.regions and not args.genome:
        raise InputError("--regions without --genome", expected="the genome that the regions are of")
    from bpflow.checkpoints import load_model, model_digest

    model, metadata = load_model(args.model)
    computing = resolve_computing(args)
    attributes = {
        "model": Path(args.model).name,
        "model_sha256": model_digest(args.model),
        "model_kind": metadata["architecture"]["kind"],
        "input_length": model.config.input_length,
        "output_length": model.config.output_length,
        "precision": computing.precision_name,
        "bpflow": metadata["version"],
    }
    if args.regions:
        _predict_regions(args, model, computing, attributes)
    else:
        _predict_sequences(args, model, computing, attributes)


def _predict_regions(
    args: argparse.Namespace, model: ProfileModel, computing: Computing, attributes: dict[str, Any]
) -> None:
    import numpy as np
    import pandas as pd

    from bpflow.folds import read_fold
    from bpflow.genome import Genome
    from bpflow.model_regions import within_chromosomes
    from bpflow.predicted_tracks import write_predicted_track
    from bpflow.prediction import iterate_predictions
    from bpflow.prediction_file import write_predictions
    from bpflow.regions import centers, on, read_regions

    genome = Genome.open(args.genome)
    chromosomes = tuple(genome.names)
    if args.fold:
        chromosomes = read_fold(args.fold, genome).split(args.split)
        attributes["split"] = args.split
    frames = []
    for path, is_peak in ((args.regions, 1), (args.nonpeaks, 0)):
        if path:
            frame = on(read_regions(path, genome), chromosomes)
            frames.append(within_chromosomes(frame, genome, model.config.input_length, where=path).assign(peak=is_peak))
    regions = pd.concat(frames, ignore_index=True)
    if regions.empty:
        raise InputError(
            "no region is left to predict",
            where=args.regions,
            expected=f"some on {', '.join(chromosomes[:5])}, {model.config.input_length // 2} bases from their ends",
        )
    middles, names = centers(regions), regions["chrom"].to_numpy(dtype=object)
    starts = genome.global_positions(names, middles - model.config.input_length // 2)
    coordinates = {
        "coords_chrom": names,
        "coords_center": middles,
        "coords_peak": regions["peak"].to_numpy(dtype=np.int64),
    }
    length = model.config.output_length
    with ExitStack() as stack:
        writer = stack.enter_context(
            write_predictions(args.output, coordinates, output_length=length, attributes=attributes)
        )
        add_to_track = None
        if args.bigwig:
            scale, threads = args.official_scale, computing.threads
            add_to_track = stack.enter_context(
                write_predicted_track(
                    args.bigwig, genome, names, middles, length, official_scale=scale, threads=threads
                )
            )
        for block in iterate_predictions(
            model,
            genome,
            starts,
            batch_size=args.batch_size,
            device=computing.device,
            precision=computing.precision,
        ):
            writer.append(block.prediction)
            if add_to_track is not None:
                add_to_track(block.prediction)
    log.info("predicted %d regions", len(regions))


def _predict_sequences(
    args: argparse.Namespace, model: ProfileModel, computing: Computing, attributes: dict[str, Any]
) -> None:
    import numpy as np

    from bpflow.prediction import predict_codes
    from bpflow.prediction_file import write_predictions
    from bpflow.progress import track
    from bpflow.sequences import in_batches, read_sequences

    # Read once for the names and all checks, so that a mistake in the last record costs no prediction.
    names = [name for name, _ in read_sequences(args.sequences, model.config.input_length)]
    batches = in_batches(read_sequences(args.sequences, model.config.input_length), args.batch_size)
    with write_predictions(
        args.output,
        {"name": np.array(names, dtype=object)},
        output_length=model.config.output_length,
        attributes=attributes,
    ) as writer:
        for codes in track(batches, -(-len(names) // args.batch_size), "predicting"):
            writer.append(
                predict_codes(
                    model,
                    codes,
                    batch_size=args.batch_size,
                    device=computing.device,
                    precision=computing.precision,
                )
            )
    log.info("predicted %d sequences", len(names))
