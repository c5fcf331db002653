"""A small genome's signal, regions and fold to train on, and the options of such a training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bpflow.bigwig_writer import write_bigwig
from bpflow.cli import main
from bpflow.genome import Genome
from bpflow.regions import from_centers, write_regions

LENGTHS = ["--input-length", "300", "--output-length", "100"]
# In one precision here and in other processes, on any machine.
ONE_THREAD = ["--device", "cpu", "--precision", "float32", "--threads", "1"]
QUICK = [*LENGTHS, "--filters", "4", "--layers", "2", "--epochs", "2", *ONE_THREAD]


def write_inputs(folder: Path, genome: Genome) -> Path:
    """Signal, peaks, non-peaks, fold and selections in `folder`."""
    random = np.random.default_rng(8)

    def blocks():
        for name in genome.names:
            counts = random.poisson(0.3, genome.sizes[name])
            yield name, np.flatnonzero(counts), counts[counts > 0]

    write_bigwig(folder / "signal.bw", genome.sizes, blocks())
    for kind, first in (("peaks", 1000), ("nonpeaks", 1500)):
        frames = [("chr1", 60_000), ("chr2", 45_000), ("chr3", 30_000)]
        chromosomes = [name for name, size in frames for _ in range(first, size - 1000, 1000)]
        centers = [center for _, size in frames for center in range(first, size - 1000, 1000)]
        write_regions(from_centers(chromosomes, np.array(centers), 300), folder / f"{kind}.narrowPeak")
    (folder / "fold.json").write_text('{"train": ["chr1"], "valid": ["chr2"], "test": ["chr3"]}')
    for model in ("bias", "chrombpnet"):
        (folder / f"{model}_selection.json").write_text(json.dumps({"model": model, "counts_loss_weight": 1.5}))
    return folder


def shared(inputs: Path, genome_json: Path, model: str, output: Path) -> list[object]:
    """Options that both trainings have."""
    return [
        "--genome", genome_json, "--signal", inputs / "signal.bw", "--nonpeaks", inputs / "nonpeaks.narrowPeak",
        "--fold", inputs / "fold.json", "--selection", inputs / f"{model}_selection.json",
        "--output", output / f"{model}.safetensors", "--history", output / f"{model}.history.tsv",
        "--qc", output / f"{model}.json",
    ]  # fmt: skip


def bias_training(inputs: Path, genome_json: Path, output: Path, *options: object) -> list[str]:
    """Words of a bias model's training."""
    return [*map(str, ["train", "bias", *shared(inputs, genome_json, "bias", output), *QUICK, *options])]


def chrombpnet_training(inputs: Path, genome_json: Path, output: Path, bias: Path, *options: object) -> list[str]:
    """Words of a ChromBPNet's training."""
    words = [
        "train", "chrombpnet", *shared(inputs, genome_json, "chrombpnet", output), *QUICK, "--layers", "3",
        "--peaks", inputs / "peaks.narrowPeak", "--bias-model", bias, "--jitter", "50", "--negative-ratio", "0.2",
        "--output-nobias", output / "nobias.safetensors", *options,
    ]  # fmt: skip
    return [*map(str, words)]


def scaling(inputs: Path, genome_json: Path, output: Path) -> list[str]:
    """Words that scale the bias model in `output`."""
    words = [
        "scale-bias", "--model", output / "bias.safetensors", "--genome", genome_json, "--signal", inputs / "signal.bw",
        "--nonpeaks", inputs / "nonpeaks.narrowPeak", "--fold", inputs / "fold.json",
        "--output", output / "bias_scaled.safetensors", "--qc", output / "bias_scaled.json",
        *ONE_THREAD,
    ]  # fmt: skip
    return [*map(str, words)]


def command(*words: object) -> None:
    """Run a command of bpflow here."""
    main([str(word) for word in words])
