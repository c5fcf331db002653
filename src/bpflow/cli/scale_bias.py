"""``bpflow scale-bias``."""

from __future__ import annotations

import argparse
import logging

from bpflow.cli.model_options import add_computing, resolve_computing
from bpflow.cli.options import add_genome
from bpflow.errors import InputError

SUMMARY = (
    "Scale a bias model's counts to a sample's background: adds mean(ln(1 + observed) - predicted) over non-peaks of "
    "the training and validation chromosomes to the bias of its count head. The profile stays as it is."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow scale-bias``."""
    parser.add_argument("--model", required=True, metavar="FILE", help="bias model (.safetensors or official .h5)")
    add_genome(parser)
    parser.add_argument("--signal", required=True, metavar="BW", help="the sample's bigWig of insertions")
    parser.add_argument("--nonpeaks", required=True, metavar="BED", help="background regions to scale on")
    parser.add_argument("--fold", required=True, metavar="JSON", help="only its train and valid chromosomes are used")
    parser.add_argument("--output", required=True, metavar="FILE", help="scaled model to write (.safetensors)")
    parser.add_argument("--qc", required=True, metavar="JSON", help="record to write")
    add_computing(parser)


def run(args: argparse.Namespace) -> None:
    """Scale the bias model."""
    from bpflow.bias_scaling import scale_bias
    from bpflow.checkpoints import load_model, model_digest, save_model
    from bpflow.files import sha256, stamp, write_json
    from bpflow.folds import read_fold
    from bpflow.genome import Genome
    from bpflow.model_regions import global_centers
    from bpflow.regions import on, read_regions
    from bpflow.signal import SignalTrack

    model, metadata = load_model(args.model)
    if metadata.get("model") == "chrombpnet_nobias":
        raise InputError(
            "a model of accessibility without bias",
            where=args.model,
            expected="a bias model",
            mend="Give the bias model that it was trained with",
        )
    computing = resolve_computing(args)
    genome = Genome.open(args.genome)
    fold = read_fold(args.fold, genome)
    regions = on(read_regions(args.nonpeaks, genome), fold.train + fold.valid)
    centers = global_centers(regions, genome, model.config.input_length, where=args.nonpeaks)
    scaling = scale_bias(
        model,
        genome,
        SignalTrack.open(args.signal, genome),
        centers,
        batch_size=args.batch_size,
        device=computing.device,
        precision=computing.precision,
    )
    digests = {"model": model_digest(args.model), "genome": genome.digest}
    digests |= {name: sha256(getattr(args, name)) for name in ("signal", "nonpeaks", "fold")}
    save_model(model.cpu(), args.output, metadata={**metadata, "scaling": {**scaling._asdict(), "inputs": digests}})
    write_json(args.qc, stamp("scale-bias", model="bias", **scaling._asdict(), messages=[]))
    log.info("added %.4f to the log counts, from %d regions", scaling.delta, scaling.regions)
