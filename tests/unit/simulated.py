"""Small simulated genomes and reads for unit tests: a known Tn5-like preference, known cuts."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pysam

from bpflow.genome import Genome
from bpflow.signal import SignalTrack

SIZES = {"chr1": 60_000, "chr2": 45_000, "chr3": 30_000, "chrM": 5_000}


def random_sequence(length: int, rng: np.random.Generator, gc: float = 0.45) -> str:
    share = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
    return "".join(rng.choice(list("ACGT"), size=length, p=share))


def write_fasta(path: Path, sequences: dict[str, str]) -> Path:
    text = "".join(f">{name} made up\n{_wrapped(sequence)}\n" for name, sequence in sequences.items())
    if path.suffix == ".gz":
        with gzip.open(path, "wt") as handle:
            handle.write(text)
    else:
        path.write_text(text)
    return path


def make_sequences(seed: int = 0, sizes: dict[str, int] | None = None) -> dict[str, str]:
    rng = np.random.default_rng(seed)
    sequences = {name: random_sequence(size, rng) for name, size in (sizes or SIZES).items()}
    first = next(iter(sequences))
    # Leading Ns and a soft-masked stretch, as real assemblies have.
    sequences[first] = "N" * 200 + sequences[first][200:1000].lower() + sequences[first][1000:]
    return sequences


def tn5_weights(sequence: str) -> np.ndarray:
    """Relative cutting rate at each centre base: A-GNTYWRANC-T around it, by the number of agreeing letters."""
    letters = np.frombuffer(sequence.upper().encode(), dtype="S1")
    allowed = {"A": b"A", "G": b"G", "N": b"ACGT", "T": b"T", "Y": b"CT", "W": b"AT", "R": b"AG", "C": b"C"}
    score = np.zeros(len(sequence))
    for offset, letter in zip(range(-5, 6), "AGNTYWRANCT", strict=True):
        if letter == "N":
            continue
        agrees = np.isin(letters, [bytes([b]) for b in allowed[letter]])
        score += np.roll(agrees, -offset)
    score[:20] = score[-20:] = -30
    return np.exp(0.8 * score)


def draw_fragments(sequences: dict[str, str], n: int, seed: int = 1, shortest: int = 30) -> list[tuple[str, int, int]]:
    """Unshifted fragments [start, end) whose cuts (start + 4, end - 5) follow the Tn5 preference."""
    rng = np.random.default_rng(seed)
    total = sum(map(len, sequences.values()))
    fragments = []
    for name, sequence in sequences.items():
        weight = tn5_weights(sequence)
        centres = rng.choice(len(sequence), size=max(2 * n * len(sequence) // total, 2), p=weight / weight.sum())
        for left, right in centres[: len(centres) // 2 * 2].reshape(-1, 2):
            low, high = sorted((int(left), int(right)))
            start, end = low - 4, high + 5
            # Pair a cut with its neighbourhood: keep both ends, whatever the distance.
            if end - start >= shortest:
                fragments.append((name, start, end))
    return fragments


def write_fragments(path: Path, fragments: Iterable[Sequence], header: str = "") -> Path:
    with gzip.open(path, "wt") as handle:
        handle.write(header)
        for fragment in fragments:
            handle.write("\t".join(map(str, fragment)) + "\n")
    return path


def write_bam(
    path: Path,
    fragments: Iterable[tuple[str, int, int]],
    sizes: dict[str, int],
    *,
    read_length: int = 30,
    mapping_quality: int = 60,
    extra: Iterable[dict] = (),
) -> Path:
    """A BAM of read pairs, in the fragments' own (unsorted) order, plus single reads of the given fields."""
    names = list(sizes)
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": name, "LN": size} for name, size in sizes.items()]}
    mode = "wc" if path.suffix == ".cram" else "wb"
    with pysam.AlignmentFile(
        str(path), mode, header=header, format_options=[b"no_ref=1"] if mode == "wc" else None
    ) as out:
        for number, (name, start, end) in enumerate(fragments):
            length = min(read_length, end - start)
            for flag, position, template in ((0x63, start, end - start), (0x93, end - length, start - end)):
                read = pysam.AlignedSegment(out.header)
                read.query_name = f"pair{number}"
                read.flag = flag
                read.reference_id = names.index(name)
                read.reference_start = position
                read.next_reference_id = read.reference_id
                read.next_reference_start = start if template < 0 else end - length
                read.template_length = template
                read.mapping_quality = mapping_quality
                read.cigartuples = [(0, length)]
                read.query_sequence = "A" * length
                out.write(read)
        for number, fields in enumerate(extra):
            read = pysam.AlignedSegment(out.header)
            read.query_name = f"extra{number}"
            read.query_sequence = "A" * read_length
            read.flag = 0
            read.reference_id = 0
            read.reference_start = 5000
            read.mapping_quality = 60
            read.cigartuples = [(0, read_length)]
            for key, value in fields.items():
                setattr(read, key, value)
            out.write(read)
    return path


def true_profiles(n: int, width: int, *, unevenness: float, rng: np.random.Generator) -> np.ndarray:
    """(n, width) profiles: a hump of its own width and place, times an enzyme's log-normal preference of each base."""
    place = np.arange(width) - width / 2 - rng.normal(0, width / 20, size=(n, 1))
    hump = 0.3 + np.exp(-np.square(place / rng.uniform(width / 20, width / 5, size=(n, 1))) / 2)
    profiles = hump * rng.lognormal(0, unevenness, size=(n, width))
    return profiles / profiles.sum(axis=1, keepdims=True)


def signal_track(array: np.ndarray, path: str = "made up") -> SignalTrack:
    """A track of insertions given for every base."""
    positions = np.flatnonzero(array)
    return SignalTrack(positions.astype(np.uint32), array[positions].astype(np.int32), path)


def every_base(track: SignalTrack, length: int) -> np.ndarray:
    """(length,) int32 insertions at every base."""
    return track.windows(np.zeros(1, dtype=np.int64), length)[0]


def by_chromosome(array: np.ndarray, genome: Genome) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Blocks of a bigWig for insertions given for every base."""
    parts = {name: array[genome.offsets[name] : genome.offsets[name] + genome.sizes[name]] for name in genome.names}
    return [(name, np.flatnonzero(part), part[np.flatnonzero(part)]) for name, part in parts.items()]


def _wrapped(sequence: str, width: int = 80) -> str:
    return "\n".join(sequence[i : i + width] for i in range(0, len(sequence), width))
