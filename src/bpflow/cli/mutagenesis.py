"""``bpflow mutagenesis``."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bpflow.cli.model_inputs import add_inputs, add_models, add_task, check_inputs, read_region_inputs
from bpflow.cli.model_options import add_computing, resolve_computing
from bpflow.cli.options import positive_int

if TYPE_CHECKING:
    import numpy as np

    from bpflow.ensemble import Ensemble

SUMMARY = (
    "Saturation mutagenesis in silico: substitute each of the central bases of regions or sequences by the three "
    "others, and write the log2 fold change of the predicted counts and the Jensen-Shannon distance of the profiles. "
    "Of a ChromBPNet, the part without bias predicts."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow mutagenesis``."""
    add_models(parser)
    add_task(parser)
    add_inputs(parser)
    parser.add_argument("--width", type=positive_int, default=200, help="bases around each centre to substitute")
    parser.add_argument(
        "--both-strands",
        action="store_true",
        help="average over each sequence and its reverse complement, for twice the time; models are trained on both, "
        "so one strand is nearly the mean of both",
    )
    parser.add_argument("--output", required=True, metavar="H5", help="effects to write")
    add_computing(parser)


def run(args: argparse.Namespace) -> None:
    """Mutate."""
    check_inputs(args)
    from bpflow.ensemble import Combined, corrected, load_ensemble
    from bpflow.mutagenesis import central_start, effects
    from bpflow.mutagenesis_file import write_mutagenesis
    from bpflow.progress import track

    ensemble = corrected(load_ensemble(args.model, args.task))
    start = central_start(ensemble.input_length, args.width)
    sequences, coordinates, number = _sequences(args, ensemble)
    computing = resolve_computing(args)

    def predict(codes: np.ndarray) -> Combined:
        return ensemble.predict(
            codes, batch_size=args.batch_size, device=computing.device, precision=computing.precision
        )

    attributes = {
        **ensemble.attributes,
        "precision": computing.precision_name,
        "width": args.width,
        "both_strands": args.both_strands,
    }
    with write_mutagenesis(args.output, coordinates, number=number, width=args.width, attributes=attributes) as add:
        for codes in track(sequences, number, "mutating", "sequences"):
            add(codes[start : start + args.width], effects(codes, args.width, predict, both_strands=args.both_strands))
    log.info("substituted the central %d bases of %d sequences", args.width, number)


def _sequences(args: argparse.Namespace, ensemble: Ensemble) -> tuple[Iterable[np.ndarray], dict[str, Any], int]:
    """Codes one sequence at a time, their coordinates, and how many there are."""
    import numpy as np

    from bpflow.genome import Genome
    from bpflow.sequences import read_sequences

    length = ensemble.input_length
    if args.sequences:
        names = [name for name, _ in read_sequences(args.sequences, length)]
        records = (codes for _, codes in read_sequences(args.sequences, length))
        return records, {"name": np.array(names, dtype=object)}, len(names)
    genome = Genome.open(args.genome)
    regions = read_region_inputs(args.regions, genome, length)
    starts = regions.places - length // 2
    windows = (genome.windows(starts[row : row + 1], length)[0] for row in range(len(starts)))
    return windows, regions.coordinates, len(starts)
