"""What ``bpflow train bpnet`` and ``bpflow train procapnet`` train on: tasks of one strand or two, and their peaks."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bpflow.cli.options import add_genome, positive_float
from bpflow.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from bpflow.cli.training_inputs import Prepared
    from bpflow.datasets import Epoch, Examples
    from bpflow.folds import Fold
    from bpflow.genome import Genome
    from bpflow.models import BPNetConfig, ProfileModel
    from bpflow.models.outputs import Outputs
    from bpflow.signal_groups import Signal, SignalGroups

__all__ = ["add_stranded_data", "prepare_stranded"]

# Weights of the count loss in the published recipes: of the mean over a task's strands (Avsec et al. 2021), and of the
# one count that strands share (Cochran et al. 2024).
COUNTS_WEIGHT = {"bpnet": 10.0, "procapnet": 100.0}
# One example in so many is background (Cochran et al. 2024).
BACKGROUND_SHARE = 8


def add_stranded_data(parser: argparse.ArgumentParser) -> None:
    """Add ``--genome``, ``--task``, ``--peaks`` and ``--counts-weight``."""
    add_genome(parser)
    parser.add_argument(
        "--task",
        required=True,
        action="append",
        nargs="+",
        metavar=("NAME", "BW"),
        help="a name and its bigWigs of 5' ends, plus and minus strand, or one without strands; again for each task",
    )
    parser.add_argument(
        "--peaks",
        required=True,
        nargs="+",
        metavar="BED",
        help="peaks of the tasks, one after the other: a place that is a peak of two is read twice as often",
    )
    parser.add_argument(
        "--counts-weight",
        type=positive_float,
        default=None,
        help="of the count loss beside the profile's; without it 10 for a BPNet and 100 for a ProCapNet",
    )
    parser.add_argument(
        "--architecture",
        metavar="FILE:CLASS",
        help="train this network in place of the model's own, by its recipe and with its outputs; see docs/models.md",
    )


def prepare_stranded(args: argparse.Namespace, genome: Genome, fold: Fold) -> Prepared:
    """Make the model, and read its tasks' peaks and signals."""
    import torch

    from bpflow.cli.training_inputs import Prepared
    from bpflow.datasets import Windows
    from bpflow.mappability import Mappability
    from bpflow.mixed_training_set import MixedTrainingSet
    from bpflow.models import BPNet, Own, OwnConfig, ProCapNet
    from bpflow.models.own import VARIABLE
    from bpflow.training import Recipe, centre_counts

    config = _config(args)
    outputs = config.outputs
    generator = torch.Generator().manual_seed(args.seed)
    if args.architecture:
        os.environ[VARIABLE] = args.architecture
        asked = {key: getattr(config, key) for key in OwnConfig.model_fields if hasattr(config, key) and key != "kind"}
        model: ProfileModel = Own(OwnConfig(**asked), generator)
    else:
        model = (ProCapNet if args.model == "procapnet" else BPNet)(config, generator)
    weight = args.counts_weight or COUNTS_WEIGHT[args.model]
    recipe = Recipe(
        # The losses add up over groups, of which a task may have two.
        counts_loss_weight=weight * outputs.tasks / outputs.groups,
        epochs=args.epochs,
        patience=args.patience,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        seed=args.seed,
        jitter=args.jitter,
        average_epochs=args.average_epochs,
        optimiser="adam" if args.model == "procapnet" else "keras_adam",
    )
    training, validation = _examples(args, genome, fold)
    control = getattr(args, "control", None)
    mappability = getattr(args, "mappability", None)
    windows = Windows(
        genome.array,
        _signal(args, genome, outputs),
        config.input_length,
        config.output_length,
        mappability=Mappability.open(mappability, genome) if mappability else None,
        control=_control(control, genome) if control else None,
    )
    if isinstance(model, BPNet):
        centre_counts(model, windows, training)
    if isinstance(training, MixedTrainingSet):
        recipe = dataclasses.replace(recipe, batch_size=training.batch_size)
    return Prepared(model, recipe, windows, training, validation)


def _config(args: argparse.Namespace) -> BPNetConfig:
    from bpflow.models import BPNetConfig, ProCapNetConfig

    files = {len(task) - 1 for task in args.task}
    if files not in ({1}, {2}):
        raise InputError(
            " ".join(next(task for task in args.task if len(task) - 1 not in (1, 2) or len(files) > 1)),
            where="--task",
            expected="a name and one bigWig, or a name and those of the plus and the minus strand; all tasks alike",
        )
    paths = [path for _, *paths in args.task for path in paths]
    if twice := {path for path in paths if paths.count(path) > 1}:
        raise InputError(f"{min(twice)} twice", where="--task", expected="a bigWig of its own for each strand of each")
    sizes = {
        "input_length": args.input_length,
        "output_length": args.output_length,
        "filters": args.filters,
        "layers": args.layers,
        "tasks": tuple(task[0] for task in args.task),
        "strands": files.pop(),
    }
    if args.model == "procapnet":
        return ProCapNetConfig(**sizes)
    published = BPNetConfig.published().model_dump()
    return BPNetConfig(**{**published, **sizes, "control": bool(args.control)})


def _examples(args: argparse.Namespace, genome: Genome, fold: Fold) -> tuple[Examples, Epoch]:
    from bpflow.datasets import TrainingSet, validation_set
    from bpflow.mixed_training_set import MixedTrainingSet

    nonpeaks = [args.nonpeaks] if getattr(args, "nonpeaks", None) else []
    peaks = _centers(args.peaks, genome, fold.train, args.input_length + 2 * args.jitter)
    background = _centers(nonpeaks, genome, fold.train, args.input_length + 2 * args.jitter)
    validation = validation_set(
        _centers(args.peaks, genome, fold.valid, args.input_length), background[:0], negative_ratio=0, seed=args.seed
    )
    if args.model == "bpnet":
        return TrainingSet(peaks, background, jitter=args.jitter, seed=args.seed), validation
    each = args.batch_size // BACKGROUND_SHARE if nonpeaks else 0
    if nonpeaks and not len(background):
        raise InputError(
            "no non-peak to train on",
            where=args.nonpeaks,
            expected="at least one on the fold's training chromosomes",
            mend="Leave --nonpeaks out to train on peaks alone",
        )
    if nonpeaks and not each:
        raise InputError(
            f"--batch-size {args.batch_size} with --nonpeaks",
            expected=f"{BACKGROUND_SHARE} or more: one example in {BACKGROUND_SHARE} is a non-peak",
        )
    return MixedTrainingSet(peaks, background, args.batch_size - each, each, args.jitter, args.seed), validation


def _centers(paths: Sequence[str], genome: Genome, chromosomes: Sequence[str], width: int) -> np.ndarray:
    """Centres in the genome's array of all files' regions that have room for a window."""
    import numpy as np

    from bpflow.model_regions import global_centers, within_chromosomes
    from bpflow.regions import on, read_regions

    found = [np.zeros(0, dtype=np.int64)]
    for path in paths:
        frame = within_chromosomes(on(read_regions(path, genome), chromosomes), genome, width, where=path)
        found.append(global_centers(frame, genome, width, where=path))
    return np.concatenate(found)


def _signal(args: argparse.Namespace, genome: Genome, outputs: Outputs) -> Signal:
    from bpflow.signal import SignalTrack
    from bpflow.signal_groups import SignalGroups

    tracks = tuple(SignalTrack.open(path, genome, absolute=True) for _, *paths in args.task for path in paths)
    return tracks[0] if len(tracks) == 1 else SignalGroups(tracks, outputs.groups, outputs.partners)


def _control(paths: Sequence[str], genome: Genome) -> SignalGroups:
    from bpflow.signal import SignalTrack
    from bpflow.signal_groups import SignalGroups

    return SignalGroups(tuple(SignalTrack.open(path, genome, absolute=True) for path in paths), 2, (1, 0))
