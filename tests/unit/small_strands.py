"""Stranded 5' ends of two tasks on a small genome: starts of their own on alternating strands, in files to train on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bpflow.bigwig_writer import write_bigwig
from bpflow.genome import Genome
from bpflow.regions import from_centers, write_regions
from unit import simulated
from unit.small_training import ONE_THREAD

LENGTHS = ["--input-length", "200", "--output-length", "80"]
QUICK = [*LENGTHS, "--filters", "4", "--layers", "2", "--epochs", "2", *ONE_THREAD]
SPACING = 600


def starts_of(genome: Genome, task: int) -> list[tuple[str, int, int]]:
    """Chromosome, base and strand (0 or 1) of each start of a task."""
    first = 1000 + task * SPACING // 2
    return [
        (name, place, number % 2)
        for name in ("chr1", "chr2", "chr3")
        for number, place in enumerate(range(first, genome.sizes[name] - 1000, SPACING))
    ]


def write_strands(folder: Path, genome: Genome) -> Path:
    """``{a,b,control}_{plus,minus}.bw``, ``mappability.bw``, ``nonpeaks.bed`` and ``fold.json`` in `folder`."""
    random = np.random.default_rng(5)
    for number, name in enumerate(("a", "b", "control")):
        ends = random.poisson(0.004, (2, genome.array.size))
        for chrom, place, strand in starts_of(genome, number) if name != "control" else ():
            start = genome.offsets[chrom] + place
            ends[strand, start - 3 : start + 4] += random.poisson(random.gamma(2, 3) * np.array([1, 1, 2, 6, 2, 1, 1]))
        for strand, values in zip(("plus", "minus"), ends, strict=True):
            write_bigwig(folder / f"{name}_{strand}.bw", genome.sizes, simulated.by_chromosome(values, genome))
    mappable = np.ones(genome.array.size, dtype=np.int32)
    mappable[::7] = 0
    write_bigwig(folder / "mappability.bw", genome.sizes, simulated.by_chromosome(mappable, genome))
    between = [(chrom, place + SPACING // 4) for chrom, place, _ in starts_of(genome, 0)]
    names, centers = zip(*between, strict=True)
    write_regions(from_centers(names, np.array(centers), 200), folder / "nonpeaks.bed")
    (folder / "fold.json").write_text('{"train": ["chr1"], "valid": ["chr2"], "test": ["chr3"]}')
    return folder


def bigwigs(folder: Path, name: str) -> list[Path]:
    """Both strands of a task or of the control."""
    return [folder / f"{name}_{strand}.bw" for strand in ("plus", "minus")]


def training(model: str, folder: Path, genome_json: Path, output: Path, *options: object) -> list[str]:
    """Words of a training on the clusters in `folder`: a ProCapNet of one task, or a BPNet of two with a control."""
    tasks = ["--task", "a", *bigwigs(folder, "a")]
    if model == "bpnet":
        tasks += ["--task", "b", *bigwigs(folder, "b"), "--control", *bigwigs(folder, "control")]
    else:
        tasks += ["--nonpeaks", folder / "nonpeaks.bed", "--mappability", folder / "mappability.bw"]
    words = [
        "train", model, *tasks, "--genome", genome_json, "--peaks", folder / "clusters.narrowPeak",
        "--fold", folder / "fold.json", "--output", output / f"{model}.safetensors",
        "--history", output / f"{model}.tsv", "--qc", output / f"{model}.json", "--jitter", "20",
        "--batch-size", "16", *QUICK, *options,
    ]  # fmt: skip
    return [*map(str, words)]
