"""The pieces of work that data_path.py times and that are no command: ours, and what a user would write otherwise.

python benchmarks/data_path_work.py WORK ARGUMENTS

The last line printed is the seconds of the work itself, without imports and, but for commands, without opening inputs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import numpy as np

BATCH = 64
BASES, COUNTS = 3114, 2000
WIDTH = 1000
TRACK_BLOCK = 1000
THREADS = 2
SECONDS: list[float] = []
SECONDS_ARE = "seconds of work: "


def command(*words: str) -> None:
    """A command of bpflow, from its arguments to its end."""
    from bpflow.cli import main as bpflow

    import_module(f"bpflow.cli.{words[0]}")
    with timed():
        bpflow(words)


def count(fragments: str, genome: str) -> None:
    """Count the cut sites of a fragment file, to the last block of positions."""
    from bpflow.cut_sites import ReadFile, count_cut_sites
    from bpflow.genome import Genome
    from bpflow.shift import Shift

    opened = Genome.open(genome)
    with timed():
        sites = count_cut_sites([ReadFile(fragments, shift=Shift(0, 0))], "ATAC", opened, threads=THREADS)
        insertions = positions = 0
        for _, places, counts in sites.blocks():
            insertions += int(counts.sum())
            positions += len(places)
    print(f"{insertions} insertions at {positions} positions")


def gather(genome: str, signal: str, peaks: str, number: str) -> None:
    """Batches of training examples around peaks."""
    from bpflow.datasets import Windows
    from bpflow.genome import Genome
    from bpflow.signal import SignalTrack

    opened = Genome.open(genome)
    begin = time.perf_counter()
    windows = Windows(opened.array, SignalTrack.open(signal, opened), BASES, COUNTS)
    print(f"opening the signal: {time.perf_counter() - begin:.2f} s")
    chromosomes, summits = examples(peaks, int(number))
    centers = opened.global_positions(chromosomes, summits)
    reverse = np.random.default_rng(0).random(len(centers)) < 0.5
    with timed():
        for first in range(0, len(centers), BATCH):
            rows = slice(first, first + BATCH)
            windows.gather(centers[rows], reverse[rows])


def gather_other(fasta: str, signal: str, peaks: str, number: str) -> None:
    """The same, region by region with pyfaidx and pyBigWig."""
    import pyBigWig
    import pyfaidx

    sequences = pyfaidx.Fasta(fasta, sequence_always_upper=True, as_raw=True)
    chromosomes, summits = examples(peaks, int(number))
    reverse = np.random.default_rng(0).random(len(summits)) < 0.5
    complement = str.maketrans("ACGT", "TGCA")
    with timed(), pyBigWig.open(signal) as bigwig:
        for chromosome, summit, turned in zip(chromosomes, summits.tolist(), reverse, strict=True):
            sequence = sequences[chromosome][summit - BASES // 2 : summit + BASES // 2]
            counts = np.nan_to_num(bigwig.values(chromosome, summit - COUNTS // 2, summit + COUNTS // 2, numpy=True))
            if turned:
                sequence, counts = sequence.translate(complement)[::-1], counts[::-1]
            np.frombuffer(sequence.encode(), dtype=np.uint8)


def examples(peaks: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Chromosomes and centres of as many examples, drawn from the peaks."""
    rows = [line.split("\t") for line in Path(peaks).read_text().splitlines()]
    random = np.random.default_rng(0)
    drawn = random.integers(0, len(rows), number)
    summits = np.array([int(row[1]) + int(row[9]) for row in rows])
    return np.array([row[0] for row in rows], dtype=object)[drawn], summits[drawn]


def jsd(number: str) -> None:
    """Distances of all regions."""
    from bpflow.metrics import profile_distances

    counts, probabilities = profiles(int(number))
    with timed():
        profile_distances(counts, probabilities, threads=THREADS)


def jsd_other(number: str) -> None:
    """The same with scipy, region by region, as the official program does."""
    from scipy.spatial.distance import jensenshannon

    counts, probabilities = profiles(int(number))
    flat = np.full(WIDTH, 1 / WIDTH)
    with timed():
        for observed, predicted in zip(counts, probabilities, strict=True):
            share = observed / (1e-8 + observed.sum())
            1 - jensenshannon(share, predicted) / jensenshannon(share, flat)


def profiles(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Observed counts, some tens a region, and predicted probabilities."""
    random = np.random.default_rng(0)
    probabilities = random.gamma(0.5, size=(number, WIDTH)).astype(np.float32) + 1e-6
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return random.poisson(probabilities * 100).astype(np.int32), probabilities


def track(genome: str, output: str, number: str) -> None:
    """Write a track from windows that come in blocks."""
    from bpflow.genome import Genome
    from bpflow.region_tracks import write_region_track

    sizes = Genome.open(genome).sizes
    chromosomes, centers = regions(sizes, int(number))
    with timed():
        write_region_track(output, sizes, chromosomes, centers, WIDTH, blocks(int(number)), threads=THREADS)


def track_other(genome: str, output: str, number: str) -> None:
    """The same with pyBigWig, lists of single bases."""
    import pyBigWig

    from bpflow.genome import Genome

    sizes = Genome.open(genome).sizes
    chromosomes, centers = regions(sizes, int(number))
    names = list(sizes)
    with timed(), pyBigWig.open(output, "w") as bigwig:
        bigwig.addHeader(list(sizes.items()))
        first = 0
        for block in blocks(int(number)):
            for row, chromosome in enumerate(chromosomes[first : first + len(block)]):
                start = int(centers[first + row]) - WIDTH // 2
                bigwig.addEntries(
                    [names[chromosome]] * WIDTH,
                    list(range(start, start + WIDTH)),
                    ends=list(range(start + 1, start + WIDTH + 1)),
                    values=block[row].tolist(),
                )
            first += len(block)


def regions(sizes: dict[str, int], number: int) -> tuple[np.ndarray, np.ndarray]:
    """Regions over the whole genome in its order, apart from each other: chromosome numbers and centres."""
    lengths = np.array(list(sizes.values()))
    ends = np.cumsum(lengths)
    places = np.linspace(0, ends[-1] - 1, number).astype(np.int64)
    chromosomes = np.searchsorted(ends, places, side="right")
    centers = places - (ends - lengths)[chromosomes]
    return chromosomes, np.clip(centers, WIDTH, lengths[chromosomes] - WIDTH)


def blocks(number: int) -> Iterator[np.ndarray]:
    """Predicted insertions of blocks of regions."""
    random = np.random.default_rng(0)
    values = random.gamma(0.5, size=(TRACK_BLOCK, WIDTH)).astype(np.float32)
    for first in range(0, number, TRACK_BLOCK):
        yield np.roll(values, first // TRACK_BLOCK, axis=1)[: number - first]


@contextmanager
def timed() -> Iterator[None]:
    """Keep the seconds of a block for the program's last line."""
    begin = time.perf_counter()
    yield
    SECONDS.append(time.perf_counter() - begin)


WORKS: dict[str, Callable[..., None]] = {
    "command": command,
    "count": count,
    "gather": gather,
    "gather-other": gather_other,
    "jsd": jsd,
    "jsd-other": jsd_other,
    "track": track,
    "track-other": track_other,
}


def main() -> None:
    """Do one work and print its seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", choices=list(WORKS))
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    WORKS[args.work](*args.arguments)
    print(f"{SECONDS_ARE}{SECONDS[-1]}")


if __name__ == "__main__":
    main()
