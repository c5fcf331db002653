"""Make small simulated data of stranded or binned signals whose truth is known, for the sister models' demos.

    python scripts/make_sister_demo_data.py --output demo --system procapnet --seed 1

* procapnet: promoters with a TATA box and an initiator on one strand, and up to four sites of an activator upstream,
  start transcription at one base, and weakly the other way; other places have the activator's sites alone. Reads are
  pairs in a BAM, whose second read starts where transcription does.
* bpnet: sites of two factors, each a task; reads pile up on both sides of a site, on the plus strand before and on the
  minus strand behind it, as an exonuclease leaves them. Half of the sites have one letter changed and are weak.
* basenji2: sites in clusters make broad peaks, of one factor in one track and of another in a second.

What is expected at a base is exact; reads are Poisson draws. The same options give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pysam

from bpflow.bigwig_writer import write_bigwig
from bpflow.files import atomic_path, write_json

CHROMOSOMES = {"chr1": 150_000, "chr2": 120_000, "chr3": 100_000, "chr4": 90_000, "chr5": 80_000, "chr6": 60_000}
SPACING = (900, 1_500)  # from one planted place to the next
EDGE = 2_500  # bases without a place at each end of a chromosome
CENTRE_OFFSET = 30  # a peak's middle is off its place by up to this
BACKGROUND = 0.003  # expected reads per base and strand

# procapnet: TATA box and initiator (Smale and Kadonaga, Annu. Rev. Biochem. 2003), and a site of ETS factors.
CORE_SITES = (("TATAAAAGG", -31), ("TCAGTCTT", -2))  # first base from where transcription starts
ACTIVATOR, ACTIVATOR_PLACES = "ACCGGAAGTG", (-52, -70, -88, -106)
PROMOTERS = 0.8  # share of places
INITIATION, ACTIVATION = 40.0, 2.0  # expected reads of a promoter, and the factor on them of each activator's site
DIVERGENT, DIVERGENT_PLACE, DIVERGENT_SPREAD = 0.15, -120, 10.0
INITIATION_SPREAD = 3.0
READ, INSERT = 36, 120

# bpnet: two made-up sites; the weak ones have the letter at WEAK changed.
FACTORS = {"alpha": "GGATTAACGT", "beta": "CTTTGTCATG"}
WEAK, WEAK_SHARE = 4, 0.5
BOUND, STRENGTH = 60.0, 5.0  # expected reads of a weak site, and the factor of a strong one
STOPS = {8: 0.7, 16: 0.3}  # distance from the site's middle, and share of the reads that end there
STOP_SPREAD = 1.2

# basenji2
CLUSTER, CLUSTER_SPACING = (1, 5), (3_000, 6_000)
PEAK_HEIGHT, PEAK_SPREAD = 0.6, 180.0  # expected ends at the middle for each site, and standard deviation in bases

COMPLEMENT = np.array([3, 2, 1, 0], dtype=np.uint8)


class Place(NamedTuple):
    """A planted place: where transcription starts or a site's middle lies, its strand, and what it is."""

    chrom: str
    position: int
    minus: bool
    kind: str
    expected: float


Tracks = dict[str, dict[str, np.ndarray]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the options and write the data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder to write into")
    parser.add_argument("--system", required=True, choices=sorted(SYSTEMS), help="whose kind of data")
    parser.add_argument("--seed", type=int, default=1, help="seed of all random draws")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the genome, 1 is 600,000 bases")
    args = parser.parse_args(arguments)
    if not 0.2 <= args.scale <= 20:
        parser.error(f"--scale {args.scale}: a number from 0.2 to 20 is expected")
    rng = np.random.default_rng(args.seed)
    genome = {
        name: rng.choice(4, int(length * args.scale), p=[0.28, 0.22, 0.22, 0.28]).astype(np.uint8)
        for name, length in CHROMOSOMES.items()
    }
    places = SYSTEMS[args.system](args.output, genome, rng)
    write_genome(args.output / "genome.fa.gz", genome)
    truth = {"system": args.system, "seed": args.seed, "places": [place._asdict() for place in places]}
    write_json(args.output / "truth" / "truth.json", truth)
    sys.stderr.write(f"{args.output}: {len(places)} places\n")


def procapnet(output: Path, genome: dict[str, np.ndarray], rng: np.random.Generator) -> list[Place]:
    """Promoters, reads in a BAM, and peaks and places without initiation as BED."""
    tracks = background(genome, ["plus", "minus"])
    places = []
    for chrom, position in spread(genome, SPACING, rng):
        minus, codes = bool(rng.integers(2)), genome[chrom]
        promoter = rng.random() < PROMOTERS
        # Places without initiation have two sites or more.
        activators = int(rng.integers(0 if promoter else 2, len(ACTIVATOR_PLACES) + 1))
        for place in ACTIVATOR_PLACES[:activators]:
            plant(codes, ACTIVATOR, position, place + int(rng.integers(-3, 4)), minus=minus)
        if not promoter:
            places.append(Place(chrom, position, minus, "decoy", 0.0))
            continue
        for site, place in CORE_SITES:
            plant(codes, site, position, place, minus=minus)
        total = INITIATION * ACTIVATION**activators
        sense, other = ("minus", "plus") if minus else ("plus", "minus")
        pile(tracks[sense][chrom], position, total, INITIATION_SPREAD, "sharp")
        pile(tracks[other][chrom], position + away(DIVERGENT_PLACE, minus), DIVERGENT * total, DIVERGENT_SPREAD, "bell")
        places.append(Place(chrom, position, minus, f"promoter with {activators} activators", total))
    between = "A" * (CORE_SITES[1][1] - CORE_SITES[0][1] - len(CORE_SITES[0][0]))
    core = CORE_SITES[0][0] + between + CORE_SITES[1][0]
    write_motifs(output / "truth" / "motifs.tsv", {"core": core, "activator": ACTIVATOR})
    write_pairs(output / "reads.bam", {name: draw(track, rng) for name, track in tracks.items()}, genome)
    write_peaks(output / "peaks.bed", [place for place in places if place.kind != "decoy"], rng)
    write_peaks(output / "decoys.bed", [place for place in places if place.kind == "decoy"], rng)
    return places


def bpnet(output: Path, genome: dict[str, np.ndarray], rng: np.random.Generator) -> list[Place]:
    """Sites of two factors: two bigWigs and the peaks of each."""
    tracks = {factor: background(genome, ["plus", "minus"]) for factor in FACTORS}
    places = []
    for chrom, position in spread(genome, SPACING, rng):
        minus, factor = bool(rng.integers(2)), str(rng.choice(list(FACTORS)))
        site, weak = FACTORS[factor], rng.random() < WEAK_SHARE
        if weak:
            changed = "ACGT"[("ACGT".index(site[WEAK]) + 2) % 4]
            site = site[:WEAK] + changed + site[WEAK + 1 :]
        plant(genome[chrom], site, position, -len(site) // 2, minus=minus)
        total = BOUND * (1 if weak else STRENGTH)
        for distance, share in STOPS.items():
            pile(tracks[factor]["plus"][chrom], position - distance, total * share / 2, STOP_SPREAD, "bell")
            pile(tracks[factor]["minus"][chrom], position + distance, total * share / 2, STOP_SPREAD, "bell")
        places.append(Place(chrom, position, minus, f"{factor}{' weak' if weak else ''}", total))
    write_motifs(output / "truth" / "motifs.tsv", FACTORS)
    for factor, strands in tracks.items():
        for strand, track in strands.items():
            write_counts(output / f"{factor}.{strand}.bw", draw(track, rng))
        write_peaks(output / f"{factor}.bed", [place for place in places if place.kind.startswith(factor)], rng)
    return places


def basenji2(output: Path, genome: dict[str, np.ndarray], rng: np.random.Generator) -> list[Place]:
    """Broad peaks over clusters of sites: one bigWig of ends for each factor."""
    tracks = background(genome, list(FACTORS))
    places = []
    for chrom, middle in spread(genome, CLUSTER_SPACING, rng):
        for _ in range(int(rng.integers(*CLUSTER))):
            position, factor = middle + int(rng.integers(-250, 250)), str(rng.choice(list(FACTORS)))
            site = FACTORS[factor]
            plant(genome[chrom], site, position, -len(site) // 2, minus=bool(rng.integers(2)))
            area = PEAK_HEIGHT * PEAK_SPREAD * np.sqrt(2 * np.pi)
            pile(tracks[factor][chrom], position, area, PEAK_SPREAD, "bell")
            places.append(Place(chrom, position, False, factor, float(area)))
    for factor, track in tracks.items():
        write_counts(output / f"{factor}.bw", draw(track, rng))
        write_values(output / "truth" / f"{factor}.bw", track)
    rows = [f"{factor}\t{output / factor}.bw\tsum\tends at sites of {factor}\n" for factor in FACTORS]
    with atomic_path(output / "tracks.tsv") as temporary:
        temporary.write_text("identifier\tfile\tsum_stat\tdescription\n" + "".join(rows), encoding="utf-8")
    return places


SYSTEMS = {"procapnet": procapnet, "bpnet": bpnet, "basenji2": basenji2}


def background(genome: dict[str, np.ndarray], names: Sequence[str]) -> Tracks:
    """Expected reads of each base where nothing is planted."""
    return {name: {chrom: np.full(len(codes), BACKGROUND) for chrom, codes in genome.items()} for name in names}


def spread(genome: dict[str, np.ndarray], spacing: tuple[int, int], rng: np.random.Generator) -> list[tuple[str, int]]:
    """Places along all chromosomes, so far apart."""
    places = []
    for chrom, codes in genome.items():
        position = EDGE
        while position < len(codes) - EDGE:
            places.append((chrom, position))
            position += int(rng.integers(*spacing))
    return places


def away(distance: int, minus: bool) -> int:
    """A distance downstream, as one along the plus strand."""
    return -distance if minus else distance


def plant(codes: np.ndarray, site: str, position: int, place: int, *, minus: bool) -> None:
    """Write a site whose first base lies `place` bases downstream of `position` on its strand (changes `codes`)."""
    letters = np.array(["ACGT".index(letter) for letter in site], dtype=np.uint8)
    first = position + place
    if minus:
        letters, first = COMPLEMENT[letters][::-1], position - place - len(site) + 1
    codes[first : first + len(site)] = letters


def pile(track: np.ndarray, middle: int, total: float, width: float, shape: str) -> None:
    """Add `total` expected reads around `middle`: a bell, or a sharp peak with tails (changes `track`)."""
    x = np.arange(-round(5 * width), round(5 * width) + 1)
    heights = np.exp(-np.abs(x) / width) if shape == "sharp" else np.exp(-((x / width) ** 2) / 2)
    if shape == "sharp":
        heights[len(x) // 2] *= 4
    track[middle + x] += total * heights / heights.sum()


def draw(track: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Poisson draws of what is expected."""
    return {chrom: rng.poisson(expected) for chrom, expected in track.items()}


def write_counts(path: Path, counts: dict[str, np.ndarray]) -> None:
    """Write the bases that have any."""
    blocks = ((chrom, np.flatnonzero(values), values[values > 0]) for chrom, values in counts.items())
    write_bigwig(path, {chrom: len(values) for chrom, values in counts.items()}, blocks)


def write_values(path: Path, track: dict[str, np.ndarray]) -> None:
    """Write one value a base."""
    blocks = ((chrom, np.arange(len(values)), values) for chrom, values in track.items())
    write_bigwig(path, {chrom: len(values) for chrom, values in track.items()}, blocks)


def write_peaks(path: Path, places: Sequence[Place], rng: np.random.Generator) -> None:
    """Write a BED whose middles lie near the places."""
    offsets = rng.integers(-CENTRE_OFFSET, CENTRE_OFFSET + 1, size=len(places))
    middles = [place.position + int(offset) for place, offset in zip(places, offsets, strict=True)]
    rows = [f"{place.chrom}\t{middle - 100}\t{middle + 100}\n" for place, middle in zip(places, middles, strict=True)]
    with atomic_path(path) as temporary:
        temporary.write_text("".join(rows), encoding="utf-8")


def write_motifs(path: Path, motifs: Mapping[str, str]) -> None:
    """Write names and sequences."""
    with atomic_path(path) as temporary:
        temporary.write_text("".join(f"{name}\t{site}\n" for name, site in motifs.items()), encoding="utf-8")


def write_genome(path: Path, genome: dict[str, np.ndarray]) -> None:
    """Write the FASTA, compressed by blocks."""
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    with atomic_path(path) as temporary, pysam.BGZFile(str(temporary), "wb") as handle:
        for chrom, codes in genome.items():
            text = letters[codes].tobytes()
            lines = b"\n".join(text[first : first + 60] for first in range(0, len(text), 60))
            handle.write(b">%s simulated\n%s\n" % (chrom.encode(), lines))


def write_pairs(path: Path, counts: dict[str, dict[str, np.ndarray]], genome: dict[str, np.ndarray]) -> None:
    """Write pairs of reads, of which the second starts at each counted base and the first ends a fragment there."""
    header = {"HD": {"VN": "1.6", "SO": "unsorted"}, "SQ": [{"SN": c, "LN": len(codes)} for c, codes in genome.items()]}
    with atomic_path(path) as temporary, pysam.AlignmentFile(str(temporary), "wb", header=header) as handle:
        number = 0
        for strand, chromosomes in counts.items():
            for index, (chrom, values) in enumerate(chromosomes.items()):
                for end in np.repeat(np.flatnonzero(values), values[values > 0]).tolist():
                    left = end if strand == "plus" else end - INSERT + 1
                    if left < 0 or left + INSERT > len(genome[chrom]):
                        continue
                    number += 1
                    for second in (False, True):
                        handle.write(aligned(number, index, left, on_minus=strand == "minus", second=second))


def aligned(number: int, chrom: int, left: int, *, on_minus: bool, second: bool) -> pysam.AlignedSegment:
    """One read of a pair whose fragment begins at `left`; the second read has its 5' end where it was counted."""
    at_left = second != on_minus
    read = pysam.AlignedSegment()
    read.query_name = f"pair{number}"
    read.flag = 0x1 | 0x2 | (0x80 if second else 0x40) | (0x20 if at_left else 0x10)
    read.reference_id = read.next_reference_id = chrom
    read.reference_start = left if at_left else left + INSERT - READ
    read.next_reference_start = left + INSERT - READ if at_left else left
    read.template_length = INSERT if at_left else -INSERT
    read.mapping_quality = 60
    read.cigartuples = [(0, READ)]
    return read


if __name__ == "__main__":
    main()
