"""Make inputs of the human genome's size, or of a fraction of it: genome, fragments, BAM, peaks.

python benchmarks/human_scale.py --output FOLDER [--scale 0.1]

The bases are random and the reads are laid at random, half of them around the peaks' summits: enough to measure time
and memory, and nothing else. The same scale and seed give the same files; what is there already is not made again.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pysam
from isal import igzip_threaded

# Lengths of the chromosomes of GRCh38.
SIZES = {
    "chr1": 248_956_422,
    "chr2": 242_193_529,
    "chr3": 198_295_559,
    "chr4": 190_214_555,
    "chr5": 181_538_259,
    "chr6": 170_805_979,
    "chr7": 159_345_973,
    "chr8": 145_138_636,
    "chr9": 138_394_717,
    "chr10": 133_797_422,
    "chr11": 135_086_622,
    "chr12": 133_275_309,
    "chr13": 114_364_328,
    "chr14": 107_043_718,
    "chr15": 101_991_189,
    "chr16": 90_338_345,
    "chr17": 83_257_441,
    "chr18": 80_373_285,
    "chr19": 58_617_616,
    "chr20": 64_444_167,
    "chr21": 46_709_983,
    "chr22": 50_818_468,
    "chrX": 156_040_895,
    "chrY": 57_227_415,
}
FRAGMENTS = 50_000_000
READ_PAIRS = 5_000_000
PEAKS = 250_000
READ_LENGTH = 50
# Unknown bases at both ends of a chromosome.
ENDS = 10_000
BLOCK = 1 << 22
SEED = 1


def main() -> None:
    """Make the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder of the files")
    parser.add_argument("--scale", type=float, default=1.0, help="fraction of the human size")
    args = parser.parse_args()
    make(args.output, args.scale)


def make(folder: Path, scale: float) -> None:
    """Make what is not there yet, each file under another name until it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = scaled_sizes(scale)
    makers = {
        "genome.fa": write_fasta,
        "peaks.narrowPeak": write_peaks,
        "fragments.tsv.gz": write_fragments,
        "few_fragments.tsv.gz": write_few_fragments,
        "reads.bam": write_bam,
    }
    for name, maker in makers.items():
        if not (folder / name).exists():
            print(f"making {name}", flush=True)
            part = folder / f"part.{name}"
            maker(part, sizes, scale)
            part.rename(folder / name)


def scaled_sizes(scale: float) -> dict[str, int]:
    """Chromosome lengths at a scale."""
    return {name: max(200_000, int(size * scale)) for name, size in SIZES.items()}


def generator(what: int, chromosome: int) -> np.random.Generator:
    """One stream for each file and chromosome, so that each can be made alone."""
    return np.random.default_rng([SEED, what, chromosome])


def shares(total: float, sizes: dict[str, int]) -> list[int]:
    """Split a number over the chromosomes by their lengths."""
    whole = sum(sizes.values())
    return [math.ceil(total * size / whole) for size in sizes.values()]


def write_fasta(path: Path, sizes: dict[str, int], scale: float) -> None:
    """Random bases, in lines of 60."""
    letters = np.frombuffer(b"ACGTacgt", dtype=np.uint8)
    with open(path, "wb") as handle:
        for index, (name, size) in enumerate(sizes.items()):
            random = generator(0, index)
            handle.write(f">{name}\n".encode())
            width = 60
            for first in range(0, size, width * (BLOCK // width)):
                length = min(width * (BLOCK // width), size - first)
                bases = letters[random.integers(0, 8, length, dtype=np.uint8)]
                place = np.arange(first, first + length)
                bases[(place < ENDS) | (place >= size - ENDS)] = ord("N")
                whole = bases[: length // width * width].reshape(-1, width)
                lines = np.full((len(whole), width + 1), ord("\n"), dtype=np.uint8)
                lines[:, :width] = whole
                handle.write(lines.tobytes())
                if length % width:
                    handle.write(bases[-(length % width) :].tobytes() + b"\n")


def summits(index: int, size: int, number: int) -> np.ndarray:
    """Sorted summits of one chromosome."""
    return np.sort(generator(1, index).choice((size - 4 * ENDS) // 400, number, replace=False)) * 400 + 2 * ENDS


def peaks_by_chromosome(sizes: dict[str, int], scale: float) -> list[np.ndarray]:
    """Summits of each chromosome."""
    numbers = shares(PEAKS * scale, sizes)
    return [
        summits(index, size, number) for index, (size, number) in enumerate(zip(sizes.values(), numbers, strict=True))
    ]


def write_peaks(path: Path, sizes: dict[str, int], scale: float) -> None:
    """Peaks of 300 bases."""
    with open(path, "w", encoding="ascii") as handle:
        for name, places in zip(sizes, peaks_by_chromosome(sizes, scale), strict=True):
            handle.writelines(f"{name}\t{at - 150}\t{at + 150}\t.\t100\t.\t5\t10\t8\t150\n" for at in places.tolist())


def intervals(
    what: int, total: float, sizes: dict[str, int], scale: float
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Sorted fragments of each chromosome: half around summits, half anywhere."""
    peaks = peaks_by_chromosome(sizes, scale)
    for index, ((name, size), number) in enumerate(zip(sizes.items(), shares(total, sizes), strict=True)):
        random = generator(what, index)
        near = random.choice(peaks[index], number // 2) + np.rint(random.normal(0, 150, number // 2)).astype(np.int64)
        start = np.sort(np.concatenate([near, random.integers(ENDS, size - 2 * ENDS, number - len(near))]))
        yield name, start, start + READ_LENGTH + random.geometric(1 / 100, number)


def write_fragments(path: Path, sizes: dict[str, int], scale: float) -> None:
    """Fragments with barcodes, as of single-cell pipelines, as one stream of gzip."""
    _write_fragments(path, sizes, scale, FRAGMENTS * scale)


def write_few_fragments(path: Path, sizes: dict[str, int], scale: float) -> None:
    """A tenth of the fragments on the same genome, for programs that are too slow for all."""
    _write_fragments(path, sizes, scale, FRAGMENTS * scale / 10)


def _write_fragments(path: Path, sizes: dict[str, int], scale: float, total: float) -> None:
    random = np.random.default_rng(SEED)
    letters = np.frombuffer(b"ACGT", dtype="S1")
    barcodes = np.array([b"".join(row).decode() + "-1" for row in letters[random.integers(0, 4, (5000, 16))]])
    with igzip_threaded.open(str(path), "wb", compresslevel=1, threads=1) as handle:
        for name, start, end in intervals(2, total, sizes, scale):
            for first in range(0, len(start), BLOCK):
                rows = slice(first, first + BLOCK)
                number = len(start[rows])
                frame = pl.DataFrame(
                    {
                        "chrom": pl.repeat(name, number, eager=True),
                        "start": start[rows],
                        "end": end[rows],
                        "barcode": pl.Series(barcodes)[random.integers(0, len(barcodes), number)],
                        "support": pl.repeat(1, number, eager=True),
                    }
                )
                handle.write(frame.write_csv(separator="\t", include_header=False).encode())


def write_bam(path: Path, sizes: dict[str, int], scale: float) -> None:
    """Pairs of 50 bases, sorted by position."""
    random = np.random.default_rng(SEED)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    bases = letters[random.integers(0, 4, 1 << 20, dtype=np.uint8)].tobytes().decode()
    qualities = "".join(random.choice(["F", ":", ",", "#"], 1 << 16, p=[0.9, 0.06, 0.03, 0.01]))
    text = path.with_suffix(".sam")
    number = 0
    with open(text, "wb") as handle:
        handle.write(b"@HD\tVN:1.6\tSO:coordinate\n")
        handle.writelines(f"@SQ\tSN:{name}\tLN:{size}\n".encode() for name, size in sizes.items())
        for name, start, end in intervals(3, READ_PAIRS * scale, sizes, scale):
            pair = np.arange(number, number + len(start))
            number += len(start)
            second = end - READ_LENGTH
            plus = pl.DataFrame({"pair": pair, "flag": 99, "at": start, "mate": second, "length": end - start})
            minus = pl.DataFrame({"pair": pair, "flag": 147, "at": second, "mate": start, "length": start - end})
            both = pl.concat([plus, minus]).sort("at", maintain_order=True)
            sequence = random.integers(0, len(bases) - READ_LENGTH, both.height)
            quality = random.integers(0, len(qualities) - READ_LENGTH, both.height)
            reads = both.select(
                pl.format("A00:1:HXX:1:1101:{}:{}", pl.col("pair") % 30_000, pl.col("pair")).alias("name"),
                pl.col("flag"),
                pl.lit(name).alias("chrom"),
                pl.col("at") + 1,
                pl.lit(60).alias("mapq"),
                pl.lit(f"{READ_LENGTH}M").alias("cigar"),
                pl.lit("=").alias("next"),
                (pl.col("mate") + 1).alias("mate"),
                pl.col("length"),
                pl.Series("sequence", [bases[i : i + READ_LENGTH] for i in sequence.tolist()]),
                pl.Series("quality", [qualities[i : i + READ_LENGTH] for i in quality.tolist()]),
            )
            handle.write(reads.write_csv(separator="\t", include_header=False, quote_style="never").encode())
    pysam.view("-b", "-@", "1", "-o", str(path), str(text), catch_stdout=False)
    text.unlink()


if __name__ == "__main__":
    main()
