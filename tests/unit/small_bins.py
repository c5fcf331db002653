"""A small genome with gaps, tracks of it, and the files of their bins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyBigWig

from bpflow.genome import Genome, encode_fasta
from unit import simulated

LAYOUT = ["--input-length", "1024", "--bin-width", "16", "--crop-bins", "8"]
SIZES = {"chr1": 12_000, "chr2": 9_000, "chr3": 7_000}


def make_genome(folder: Path) -> Genome:
    sequences = simulated.make_sequences(3, SIZES)
    # A gap in the middle, and a run of N that is none.
    text = sequences["chr1"]
    sequences["chr1"] = text[:5000] + "N" * 150 + text[5150:8000] + "N" * 40 + text[8040:]
    encode_fasta(simulated.write_fasta(folder / "genome.fa", sequences), folder / "genome.json")
    return Genome.open(folder / "genome.json")


def sparse_values(genome: Genome, seed: int) -> dict[str, np.ndarray]:
    """Counts at some bases, NaN elsewhere."""
    random = np.random.default_rng(seed)
    values = {}
    for name in genome.names:
        counts = random.poisson(0.4, genome.sizes[name]).astype(np.float32)
        values[name] = np.where(counts > 0, counts, np.nan)
    return values


def dense_values(genome: Genome, seed: int) -> dict[str, np.ndarray]:
    """Coverage at nearly all bases, in stretches of equal values."""
    random = np.random.default_rng(seed)
    values = {}
    for name in genome.names:
        row = np.repeat(random.gamma(2, 2, -(-genome.sizes[name] // 7)), 7)[: genome.sizes[name]].astype(np.float32)
        row[300:700] = np.nan
        values[name] = row
    return values


def write_track(path: Path, genome: Genome, values: dict[str, np.ndarray]) -> Path:
    """A bigWig of intervals, written by pyBigWig."""
    with pyBigWig.open(str(path), "w") as handle:
        handle.addHeader(list(genome.sizes.items()))
        for name, row in values.items():
            known = ~np.isnan(row)
            new = known & ~((np.append(np.nan, row[:-1]) == row) & np.append(False, known[:-1]))
            starts = np.flatnonzero(new)
            last = known & ~(np.append(known[1:], False) & ~np.append(new[1:], True))
            ends = np.flatnonzero(last) + 1
            if starts.size:
                handle.addEntries(
                    [name] * len(starts), starts.tolist(), ends=ends.tolist(), values=row[starts].tolist()
                )
    return path


def write_table(path: Path, rows: list[dict[str, object]]) -> Path:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["\t".join(columns), *("\t".join(str(row.get(column, "")) for column in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path
