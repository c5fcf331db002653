"""What ``bpflow train basenji2`` trains, and on what."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bpflow.cli.options import add_genome, fraction, non_negative_int, positive_int
from bpflow.errors import InputError

if TYPE_CHECKING:
    from bpflow.bin_file import Bins
    from bpflow.cli.training_inputs import PreparedBins
    from bpflow.folds import Fold
    from bpflow.genome import Genome
    from bpflow.models import Basenji2Config

__all__ = ["add_bin_data", "prepare_bins"]

# Norm that the gradient of each weight tensor is held within (Kelley 2020).
CLIP_NORM = 2.0


def add_bin_data(parser: argparse.ArgumentParser) -> None:
    """Add data and sizes of a Basenji2; windows and bins are those of the file of bins."""
    add_genome(parser)
    parser.add_argument("--bins", required=True, metavar="H5", help="windows and tracks, of 'bpflow bins'")
    parser.add_argument("--filters", type=positive_int, default=288, help="channels of the first convolution")
    parser.add_argument(
        "--tower-filters",
        type=positive_int,
        nargs="+",
        metavar="N",
        help="channels of the convolutions after it, each of which doubles the width of a bin; 339 399 470 554 652 768 "
        "for bins of 128 bases, and as many of these as others need, unless given",
    )
    parser.add_argument("--bottleneck", type=positive_int, default=384, help="channels within the dilated blocks")
    parser.add_argument("--layers", type=non_negative_int, default=11, help="dilated blocks")
    parser.add_argument("--head-filters", type=positive_int, default=1536, help="channels of the head")
    parser.add_argument("--dropout", type=fraction, default=0.3, help="of the dilated blocks")
    parser.add_argument("--head-dropout", type=fraction, default=0.05, help="of the head")
    parser.add_argument(
        "--max-shift", type=non_negative_int, default=3, help="sequences of a batch move by up to this many bases"
    )


def prepare_bins(stack: ExitStack, args: argparse.Namespace, genome: Genome, fold: Fold) -> PreparedBins:
    """Make the model, and find its windows; the file stays open as long as `stack`."""
    import torch

    from bpflow.bin_datasets import BinTrainingSet, fixed_epoch
    from bpflow.bin_file import open_bins
    from bpflow.cli.training_inputs import PreparedBins
    from bpflow.models import Basenji2
    from bpflow.training import Recipe

    bins = stack.enter_context(open_bins(args.bins, genome))
    recipe = Recipe(
        counts_loss_weight=1.0,
        epochs=args.epochs,
        patience=args.patience,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        seed=args.seed,
        jitter=args.max_shift,
        average_epochs=args.average_epochs,
        optimiser="sgd",
        clip_norm=CLIP_NORM,
    )
    training = BinTrainingSet(
        bins.rows_on(fold.train),
        args.batch_size,
        max_shift=args.max_shift,
        seed=args.seed,
    )
    validation = bins.disjoint(bins.rows_on(fold.valid))
    if not len(validation):
        raise InputError(
            "no window to validate on",
            where=args.bins,
            expected="at least one on the fold's validation chromosomes",
            mend="Check that bins and fold belong together, or take shorter windows",
        )
    model = Basenji2(_config(args, bins), torch.Generator().manual_seed(args.seed))
    return PreparedBins(model, recipe, bins, training, fixed_epoch(validation))


def _config(args: argparse.Namespace, bins: Bins) -> Basenji2Config:
    from bpflow.models import Basenji2Config
    from bpflow.models.basenji2 import tower_widths

    width = bins.layout.bin_width
    layers = width.bit_length() - 2
    if layers < 0 or width != 2 ** (layers + 1):
        raise InputError(f"bins of {width} bases", where=args.bins, expected="a power of 2, 2 or more")
    tower = tuple(args.tower_filters or tower_widths(layers=layers))
    if len(tower) != layers:
        raise InputError(
            f"{len(tower)} numbers", where="--tower-filters", expected=f"{layers}, for bins of {width} bases"
        )
    return Basenji2Config(
        input_length=bins.layout.input_length,
        targets=len(bins.identifiers),
        crop_bins=bins.layout.crop_bins,
        stem_filters=args.filters,
        tower_filters=tower,
        bottleneck=args.bottleneck,
        dilated_layers=args.layers,
        dropout=args.dropout,
        head_filters=args.head_filters,
        head_dropout=args.head_dropout,
    )
