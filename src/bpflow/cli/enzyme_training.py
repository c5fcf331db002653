"""What ``bpflow train bias`` and ``bpflow train chrombpnet`` train on."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from bpflow.errors import InputError
from bpflow.files import DAMAGED, read_json

if TYPE_CHECKING:
    from bpflow.cli.training_inputs import Prepared
    from bpflow.folds import Fold
    from bpflow.genome import Genome
    from bpflow.models import BPNet
    from bpflow.training import Recipe

__all__ = ["prepare_enzyme"]

SELECTION = "a record of 'bpflow select'"


def prepare_enzyme(args: argparse.Namespace, genome: Genome, fold: Fold) -> Prepared:
    """Make the model, and read the regions that were selected and their signal."""
    import torch

    from bpflow.cli.training_inputs import Prepared
    from bpflow.datasets import TrainingSet, Windows, validation_set
    from bpflow.models import BPNet, BPNetConfig, ChromBPNet
    from bpflow.signal import SignalTrack
    from bpflow.training import centre_counts

    config = BPNetConfig(
        input_length=args.input_length, output_length=args.output_length, filters=args.filters, layers=args.layers
    )
    recipe = _recipe(args)
    tower = BPNet(config, torch.Generator().manual_seed(args.seed))
    model = ChromBPNet(tower, _scaled_bias(args.bias_model)) if args.model == "chrombpnet" else tower
    train, valid = _regions(args, genome, fold, recipe)
    ratio, seed = recipe.negative_ratio, recipe.seed
    training = TrainingSet(train[0], train[1], jitter=recipe.jitter, negative_ratio=ratio, seed=seed)
    validation = validation_set(valid[0], valid[1], negative_ratio=ratio, seed=seed)
    signal = SignalTrack.open(args.signal, genome)
    windows = Windows(genome.array, signal, config.input_length, config.output_length)
    if args.model == "bias":
        centre_counts(tower, windows, training)
    return Prepared(model, recipe, windows, training, validation)


def _scaled_bias(path: str) -> BPNet:
    from bpflow.checkpoints import load_model
    from bpflow.models import BPNet

    expected = "a bias model of 'bpflow scale-bias', or an official one"
    bias, metadata = load_model(path)
    if not isinstance(bias, BPNet) or bias.config.outputs.tracks > 1 or metadata.get("model") == "chrombpnet_nobias":
        raise InputError("not a bias model", where=path, expected=expected)
    if "scaling" not in metadata and "source" not in metadata:
        raise InputError(
            "a bias model whose counts are not scaled to this sample", where=path, expected=expected,
            mend="Run 'bpflow scale-bias' first",
        )  # fmt: skip
    return bias


def _recipe(args: argparse.Namespace) -> Recipe:
    from bpflow.training import Recipe

    selection = read_json(args.selection, SELECTION)
    weight = selection.get("counts_loss_weight") if isinstance(selection, dict) else None
    if not isinstance(weight, int | float) or isinstance(weight, bool) or not weight > 0:
        raise InputError(
            f"counts_loss_weight is {weight!r}", where=args.selection, expected="a number above 0, of 'bpflow select'"
        )
    if selection.get("model", args.model) != args.model:
        raise InputError(
            f"a selection for {selection['model']!r}",
            where=args.selection,
            expected=f"one of 'bpflow select {args.model}'",
        )
    return Recipe(
        counts_loss_weight=float(weight),
        epochs=args.epochs,
        patience=args.patience,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        seed=args.seed,
        jitter=getattr(args, "jitter", 0),
        negative_ratio=getattr(args, "negative_ratio", 1.0),
        average_epochs=args.average_epochs,
    )


def _regions(args: argparse.Namespace, genome: Genome, fold: Fold, recipe: Recipe) -> tuple[Any, Any]:
    """Centres of (peaks, nonpeaks) of the training and of the validation chromosomes."""
    import numpy as np

    from bpflow.model_regions import global_centers
    from bpflow.regions import on, read_regions

    paths = {kind: path for kind in ("peaks", "nonpeaks") if (path := getattr(args, kind, None))}
    frames = {kind: read_regions(path, genome) for kind, path in paths.items()}
    chosen = read_json(args.selection, SELECTION).get("regions", {})

    def located(kind: str, split: str, width: int) -> np.ndarray:
        if kind not in frames:
            return np.zeros(0, dtype=np.int64)
        frame = on(frames[kind], getattr(fold, split))
        expected = chosen.get(split, {}).get(kind, len(frame))
        if len(frame) != expected:
            raise InputError(
                f"{len(frame)} regions on the {split} chromosomes",
                where=paths[kind],
                expected=f"{expected}, as {args.selection} says",
                mend=f"The file was changed or cut short after it was written. {DAMAGED}",
            )
        return global_centers(frame, genome, width, where=paths[kind])

    length = args.input_length
    return (
        (located("peaks", "train", length + 2 * recipe.jitter), located("nonpeaks", "train", length)),
        (located("peaks", "valid", length), located("nonpeaks", "valid", length)),
    )
