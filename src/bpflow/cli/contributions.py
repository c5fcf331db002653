"""``bpflow contributions``."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bpflow.cli.model_inputs import add_inputs, add_split, add_task, check_inputs, read_region_inputs, split_chromosomes
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
    add_task(parser)
    add_inputs(parser)
    add_split(parser)
    parser.add_argument(
        "--max-regions", type=positive_int, default=30_000, help="at most so many regions or sequences, drawn at random"
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
    check_inputs(args, only_with_regions=("bigwigs", "fold"))
    if args.bigwigs and part.total > 1:
        raise InputError(
            f"--bigwigs with --part {part}",
            expected="it for all regions at once",
            mend="Join the parts by 'bpflow gather-contributions --bigwigs'",
        )
    from bpflow.checkpoints import model_digest
    from bpflow.cli.contribution_outputs import write_bigwigs, write_record
    from bpflow.contribution_file import write_contributions
    from bpflow.contributions import iterate_contributions
    from bpflow.progress import track
    from bpflow.shuffles import shuffle_seeds
    from bpflow.views import load_part

    model = load_part(args.model, args.view, args.task)
    computing = resolve_computing(args)
    length = model.config.input_length
    whole, inputs = _regions(args, part, length) if args.regions else _sequences(args, part, length)
    seeds = shuffle_seeds(args.seed, whole)[part.rows(whole)]
    attributes = {
        "model": Path(args.model).name,
        "model_sha256": model_digest(args.model),
        # Only a ChromBPNet has parts; of other models it is a task that is explained.
        "view": args.task or args.view,
        "references": args.references,
        "sequences": whole,
        "seed": args.seed,
        "part": str(part),
        **({"split": args.split} if args.fold else {}),
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


def _drawn(args: argparse.Namespace, n: int) -> np.ndarray:
    """Which of n regions or sequences are explained, in order."""
    import numpy as np

    if n <= args.max_regions:
        return np.arange(n)
    log.info("%d of %d are explained", args.max_regions, n)
    return np.sort(np.random.default_rng(args.seed).choice(n, args.max_regions, replace=False))


def _regions(args: argparse.Namespace, part: Part, length: int) -> tuple[int, Inputs]:
    from bpflow.genome import Genome

    genome = Genome.open(args.genome)
    inputs = read_region_inputs(args.regions, genome, length, chromosomes=split_chromosomes(args, genome))
    chosen = _drawn(args, len(inputs.frame))
    whole, chosen = len(chosen), chosen[part.rows(len(chosen))]
    starts = inputs.places[chosen] - length // 2
    batches = (inputs.genome.windows(starts[first : first + BATCH], length) for first in range(0, len(starts), BATCH))
    coordinates = {name: values[chosen] for name, values in inputs.coordinates.items()}
    return whole, Inputs(len(chosen), batches, coordinates)


def _sequences(args: argparse.Namespace, part: Part, length: int) -> tuple[int, Inputs]:
    import numpy as np

    from bpflow.sequences import in_batches, read_sequences

    # Read once for the names and all checks, so that a mistake in the last record costs nothing.
    names = np.array([name for name, _ in read_sequences(args.sequences, length)], dtype=object)
    chosen = _drawn(args, len(names))
    whole, chosen = len(chosen), chosen[part.rows(len(chosen))]
    wanted = set(chosen.tolist())
    records = (record for row, record in enumerate(read_sequences(args.sequences, length)) if row in wanted)
    return whole, Inputs(len(chosen), in_batches(records, BATCH), {"name": names[chosen]})
