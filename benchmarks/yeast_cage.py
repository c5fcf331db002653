"""Train a ProCapNet and a BPNet of two tasks on yeast CAGE of chrI and chrII, and compare with simple predictions.

python benchmarks/yeast_cage.py --data FOLDER --fasta FASTA [--systems procapnet bpnet] [--seeds 1234] [--json RESULT]

The data hold two chromosomes, so the split is by place: chrII before 600,000 trains, the rest of it validates, chrI
tests. Regions are clusters of the signal itself; how many ends make one is counted on the training part. A cluster
whose window crosses the border belongs to neither side.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from machine import machine

from bpflow.datasets import TrainingSet, Windows, validation_set
from bpflow.genome import Genome
from bpflow.metrics import jensen_shannon, mean_squared_error, pearson, spearman
from bpflow.mixed_training_set import MixedTrainingSet
from bpflow.models import BPNet, BPNetConfig, ProCapNet, ProCapNetConfig, ProfileModel, chosen_task
from bpflow.models.outputs import STRANDS
from bpflow.prediction import predict_codes, predict_on_device, probabilities
from bpflow.reference_scores import average_profiles
from bpflow.regions import centers, inside
from bpflow.signal import SignalTrack
from bpflow.signal_groups import SignalGroups
from bpflow.tag_clusters import find_clusters
from bpflow.training import Recipe, centre_counts, fit

TASKS = ("control", "treat")
TRAINED, TESTED, BORDER = "chrII", "chrI", 600_000
PER_MILLION = 20.0
JITTER = 200
FILTERS = 32
EPOCHS, PATIENCE = 40, 8
# The published batches of 128 and 32 would be few steps of so few regions.
RECIPES = {
    "procapnet": {"batch_size": 16, "learning_rate": 0.0005, "optimiser": "adam"},
    "bpnet": {"batch_size": 16, "learning_rate": 0.001},
}
# The published weights of the count loss are for some hundred reads a region; ChromBPNet's is a tenth of the median.
# The profile's loss grows with all reads, and here few regions have most of them, so this is a tenth of their mean.
COUNTS_DIVISOR = 10


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, evaluate, print and write the record."""
    args = parse(arguments)
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        genome = Genome.open(encoded(args.fasta, Path(folder)))
        tracks = {
            task: [
                SignalTrack.open(args.data / f"yeast_cage_{task}_{strand}.bw", genome) for strand in ("plus", "minus")
            ]
            for task in TASKS
        }
        regions, least = clusters(tracks, genome)
        record: dict[str, Any] = {**machine(), "rule": {"per_million": PER_MILLION, "least_ends": least}, "runs": {}}
        for system in args.systems:
            splits = divided(regions, genome, config_of(system).input_length)
            record.setdefault("regions", {})[system] = {name: len(frame) for name, frame in splits.items()}
            for seed in args.seeds:
                record["runs"][f"{system} {seed}"] = run(system, seed, genome, tracks, splits, args)
    if args.json:
        args.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of yeast_cage_{control,treat}_{plus,minus}.bw")
    parser.add_argument("--fasta", type=Path, required=True, help="sacCer3")
    parser.add_argument("--systems", nargs="+", choices=tuple(RECIPES), default=list(RECIPES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1234])
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="most epochs")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="record to write")
    return parser.parse_args(arguments)


def files(folder: Path, task: str) -> list[Path]:
    """A task's bigWigs, plus and minus strand."""
    return [folder / f"yeast_cage_{task}_{strand}.bw" for strand in ("plus", "minus")]


def encoded(fasta: Path, folder: Path) -> Path:
    """The genome as 'bpflow genome' writes it."""
    from bpflow.__main__ import main as bpflow

    output = folder / "genome.json"
    bpflow(["genome", "--fasta", str(fasta), "--output", str(output)])
    return output


def clusters(tracks: Mapping[str, Sequence[SignalTrack]], genome: Genome) -> tuple[pd.DataFrame, float]:
    """Regions of both tasks together, and the ends that one needs."""
    start = genome.offsets[TRAINED]
    ends = sum(int(track.sums(np.array([start]), BORDER)[0]) for both in tracks.values() for track in both)
    least = PER_MILLION * ends / 1e6
    strands = [[both[strand] for both in tracks.values()] for strand in (0, 1)]
    return find_clusters(strands, genome, least=least), least


def divided(regions: pd.DataFrame, genome: Genome, width: int) -> dict[str, pd.DataFrame]:
    """Regions of the three parts with room for a window and its jitter, that do not reach over the border."""
    regions = regions[inside(regions, genome.sizes, width + 2 * JITTER)]
    middle, reach = centers(regions), width // 2 + JITTER
    on_trained = (regions["chrom"] == TRAINED).to_numpy()
    return {
        "train": regions[on_trained & (middle + reach <= BORDER)],
        "valid": regions[on_trained & (middle - reach >= BORDER)],
        "test": regions[(regions["chrom"] == TESTED).to_numpy()],
    }


def config_of(system: str) -> BPNetConfig:
    """Published sizes, but for fewer filters."""
    if system == "procapnet":
        return ProCapNetConfig(filters=FILTERS, tasks=TASKS)
    return BPNetConfig(**{**BPNetConfig.published().model_dump(), "tasks": TASKS, "filters": FILTERS})


def run(
    system: str,
    seed: int,
    genome: Genome,
    tracks: Mapping[str, Sequence[SignalTrack]],
    splits: Mapping[str, pd.DataFrame],
    args: argparse.Namespace,
) -> dict[str, Any]:
    """Train one model and score it on the test part."""
    config = config_of(system)
    outputs = config.outputs
    kind = ProCapNet if system == "procapnet" else BPNet
    model = kind(config, torch.Generator().manual_seed(seed))
    signal = SignalGroups(tuple(track for task in TASKS for track in tracks[task]), outputs.groups, outputs.partners)
    windows = Windows(genome.array, signal, config.input_length, config.output_length)
    places = {
        name: genome.global_positions(frame["chrom"].to_numpy(), centers(frame)) for name, frame in splits.items()
    }
    nothing = np.zeros(0, dtype=np.int64)
    totals = signal.sums(places["train"] - config.output_length // 2, config.output_length)
    weight = float(totals.mean()) / COUNTS_DIVISOR
    recipe = Recipe(
        counts_loss_weight=weight, epochs=args.epochs, patience=PATIENCE, seed=seed, jitter=JITTER, **RECIPES[system]
    )
    training = (
        MixedTrainingSet(places["train"], nothing, recipe.batch_size, 0, JITTER, seed)
        if system == "procapnet"
        else TrainingSet(places["train"], nothing, jitter=JITTER, seed=seed)
    )
    validation = validation_set(places["valid"], nothing, negative_ratio=0, seed=seed)
    centre_counts(model, windows, training)
    fitted = fit(model, windows, training, validation, recipe, device=torch.device("cpu"), precision=torch.float32)
    result = {
        "recipe": recipe.as_dict(),
        "parameters": sum(weights.numel() for weights in model.parameters()),
        "best_epoch": fitted.best_epoch,
        "epochs": len(fitted.history),
        "seconds": round(fitted.seconds),
        "valid_loss": fitted.best_valid_loss,
        "flat_loss": fitted.flat_loss,
        "tasks": {
            task: scores(chosen_task(model, task), SignalGroups(tuple(tracks[task]), 1, (1, 0)), genome, places)
            for task in TASKS
        },
        "predicted_counts": count_scores(model, signal, genome, places),
    }
    print(json.dumps({system: result}, indent=1), file=sys.stderr)
    return result


def scores(
    model: ProfileModel, signal: SignalGroups, genome: Genome, places: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Both strands of a task on the test part: the model, the average of the training regions, and a constant."""
    config = model.config
    length = config.output_length
    counts = signal.windows(places["test"] - length // 2, length)
    of_training = signal.windows(places["train"] - length // 2, length)
    predicted = predict_codes(model, genome.windows(places["test"] - config.input_length // 2, config.input_length))
    everywhere = np.ones(len(of_training), dtype=int)
    average = average_profiles([(of_training, everywhere)], counts.shape[1])[1]
    profiles = {
        "model": probabilities(predicted.profile_logits.astype(np.float64)),
        "average": np.tile(average, (len(counts), 1)),
        "constant": np.full(counts.shape, 1 / counts.shape[1]),
    }
    observed, mean = np.log1p(counts.sum(axis=1)), np.log1p(of_training.sum(axis=1)).mean()
    logs = {
        "model": predicted.log_counts,
        "average": np.full(len(counts), mean),
        "constant": np.full(len(counts), mean),
    }
    return {
        name: {
            "median_jsd": float(np.nanmedian(jensen_shannon(counts, profile))),
            "cross_entropy": float(-(counts * np.log(np.maximum(profile, 1e-30))).sum() / counts.sum()),
            "counts_pearsonr": known(pearson(observed, logs[name])),
            "counts_spearmanr": known(spearman(observed, logs[name])),
            "counts_mse": mean_squared_error(observed, logs[name]),
        }
        for name, profile in profiles.items()
    }


def count_scores(
    model: ProfileModel, signal: SignalGroups, genome: Genome, places: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Each count as the model predicts it, of a task or of a strand of one, beside the mean of the training regions.

    What is expected of two strands does not add up to what is expected of both where counts are learnt as logarithms.
    """
    config = model.config
    length, outputs = config.output_length, config.outputs
    observed, of_training = (
        np.log1p(signal.windows(places[part] - length // 2, length).sum(axis=-1)) for part in ("test", "train")
    )
    starts = places["test"] - config.input_length // 2
    codes = torch.from_numpy(genome.windows(starts, config.input_length))
    predicted = predict_on_device(model, codes, device="cpu").log_counts.numpy()
    strands = [""] if outputs.shared else [f" {strand}" for strand in STRANDS]
    names = [task + strand for task in TASKS for strand in strands]
    return {
        name: {
            "pearsonr": known(pearson(observed[:, group], predicted[:, group])),
            "mse": mean_squared_error(observed[:, group], predicted[:, group]),
            "constant_mse": mean_squared_error(
                observed[:, group], np.full(len(observed), of_training[:, group].mean())
            ),
        }
        for group, name in enumerate(names)
    }


def known(value: float) -> float | None:
    """A number, or nothing where a constant has no correlation."""
    return None if np.isnan(value) else value


if __name__ == "__main__":
    main()
