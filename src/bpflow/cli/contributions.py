"""``bpflow contributions``."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bpflow.cli.model_options import add_device, resolve_computing
from bpflow.cli.options import add_seed, positive_int
from bpflow.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from bpflow.parts import Part

SUMMARY = (
    "Contribution scores (DeepSHAP against dinucleotide shuffles) of regions or sequences to the predicted counts and "
    "to the profile, in float32, as the HDF5 files that modisco-lite and finemo read."
)

BATCH = 16

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow contributions``."""
    parser.add_argument(
        "--model", required=True, metavar="FILE", help="model of 'bpflow train', official .h5 or folder"
    )
    parser.add_argument(
        "--view",
        choices=("corrected", "bias"),
        default="corrected",
        help="the part of a ChromBPNet to explain; other models are explained whole",
    )
    parser.add_argument("--genome", metavar="FILE", help="genome.json or a FASTA; needed with --regions")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--regions", metavar="BED", help="regions (narrowPeak, or BED: their middle)")
    what.add_argument("--sequences", metavar="FASTA", help="sequences of exactly the model's input length")
    parser.add_argument(
        "--max-regions", type=positive_int, default=30_000, help="at most so many, drawn at random; in the file's order"
    )
    parser.add_argument("--heads", nargs="+", choices=("counts", "profile"), default=["counts", "profile"])
    parser.add_argument("--references", type=positive_int, default=20, help="dinucleotide shuffles of each sequence")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="only the K-th of N parts of the regions")
    parser.add_argument("--bigwigs", action="store_true", help="write bigWigs too; with --regions, not with --part")
    parser.add_argument(
        "--output-dir", required=True, metavar="DIR", help="folder of counts.h5, profile.h5, contributions.json (, .bw)"
    )
    add_seed(parser)
    add_device(parser)


class Inputs(NamedTuple):
    """What to explain: how many, codes of any rows, and what the file says of where they are from."""

    number: int
    batches: Iterator[np.ndarray]
    coordinates: Mapping[str, np.ndarray]


def run(args: argparse.Namespace) -> None:
    """Compute the contributions."""
    from bpflow.parts import Part

    part = Part.parse(args.part)
    if args.regions and not args.genome:
        raise InputError("--regions without --genome", expected="the genome that the regions are of")
    if args.bigwigs and (part.total > 1 or args.sequences):
        raise InputError(
            "--bigwigs with " + ("--sequences" if args.sequences else f"--part {part}"),
            expected="it with --regions alone",
            mend="Join the parts by 'bpflow gather-contributions --bigwigs'",
        )
    from bpflow.checkpoints import model_digest
    from bpflow.cli.contribution_outputs import write_bigwigs, write_record
    from bpflow.contribution_file import write_contributions
    from bpflow.contributions import iterate_contributions
    from bpflow.progress import track
    from bpflow.shuffles import shuffle_seeds
    from bpflow.views import load_part

    model = load_part(args.model, args.view)
    computing = resolve_computing(args)
    length = model.config.input_length
    whole, inputs = _regions(args, part, length) if args.regions else _sequences(args, part, length)
    seeds = shuffle_seeds(args.seed, whole)[part.rows(whole)]
    attributes = {
        "model": Path(args.model).name,
        "model_sha256": model_digest(args.model),
        "view": args.view,
        "references": args.references,
        "sequences": whole,
        "seed": args.seed,
        "part": str(part),
    }
    batches = zip(inputs.batches, (seeds[first : first + BATCH] for first in range(0, len(seeds), BATCH)), strict=True)
    heads = list(dict.fromkeys(args.heads))
    folder = Path(args.output_dir)
    with ExitStack() as stack:
        writers = {
            head: stack.enter_context(
                write_contributions(
                    folder / f"{head}.h5", inputs.coordinates, length=length, attributes={**attributes, "head": head}
                )
            )
            for head in heads
        }
        blocks = iterate_contributions(model, batches, heads, references=args.references, device=computing.device)
        for block in track(blocks, -(-inputs.number // BATCH), "contributions"):
            for head, writer in writers.items():
                writer.append(block.codes, block.hypothetical[head], block.gap[head], block.difference[head])
    write_record(folder, heads)
    if args.bigwigs:
        write_bigwigs(folder, heads, args.genome, computing.threads)


def _regions(args: argparse.Namespace, part: Part, length: int) -> tuple[int, Inputs]:
    from bpflow.genome import Genome
    from bpflow.model_regions import within_chromosomes
    from bpflow.regions import centers, on, read_regions

    genome = Genome.open(args.genome)
    regions = within_chromosomes(
        on(read_regions(args.regions, genome), genome.names), genome, length, where=args.regions
    )
    if regions.empty:
        raise InputError(
            "no region is left", where=args.regions, expected=f"some at least {length // 2} bases from the ends"
        )
    if len(regions) > args.max_regions:
        log.info("%d of %d regions are explained", args.max_regions, len(regions))
        regions = regions.sample(args.max_regions, random_state=args.seed).sort_index()
    chosen = regions.iloc[part.rows(len(regions))]
    names, middles = chosen["chrom"].to_numpy(dtype=object), centers(chosen)
    starts = genome.global_positions(names, middles - length // 2)
    batches = (genome.windows(starts[first : first + BATCH], length) for first in range(0, len(starts), BATCH))
    return len(regions), Inputs(len(chosen), batches, {"coords_chrom": names, "coords_center": middles})


def _sequences(args: argparse.Namespace, part: Part, length: int) -> tuple[int, Inputs]:
    from itertools import islice

    import numpy as np

    from bpflow.sequences import in_batches, read_sequences

    # Read once for the names and all checks, so that a mistake in the last record costs nothing.
    names = [name for name, _ in read_sequences(args.sequences, length)][: args.max_regions]
    rows = part.rows(len(names))
    records = islice(read_sequences(args.sequences, length), rows.start, rows.stop)
    coordinates = {"name": np.array(names[rows], dtype=object)}
    return len(names), Inputs(rows.stop - rows.start, in_batches(records, BATCH), coordinates)
