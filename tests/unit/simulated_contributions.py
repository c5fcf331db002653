"""Contributions whose motifs and their places are known: planted words that contribute, noise elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from bpflow.contribution_file import write_contributions
from bpflow.genome import encode, reverse_complement_codes

# CTCF's core and AP-1, both of the built-in table.
WORDS = {"CTCF": "CCACCAGGGGGCGC", "AP1": "ATGACTCATC"}


class Planted(NamedTuple):
    """One word in one sequence: its name, row, first base and strand."""

    name: str
    row: int
    start: int
    strand: str


class Simulated(NamedTuple):
    """Codes (N, L), hypothetical contributions (N, 4, L), and what was planted."""

    codes: np.ndarray
    hypothetical: np.ndarray
    planted: list[Planted]

    @property
    def one_hot(self) -> np.ndarray:
        return (self.codes[:, None] == np.arange(4)[:, None]).astype(np.int8)


def simulate(n: int = 160, length: int = 150, *, seed: int = 0, sign: float = 1.0, noise: float = 0.005) -> Simulated:
    """Each word once in each sequence, in its half of it, on either strand."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    hypothetical = rng.normal(0, noise, (n, 4, length)).astype(np.float32)
    planted = []
    half = length // len(WORDS)
    for number, (name, word) in enumerate(WORDS.items()):
        for row in range(n):
            strand = "+-"[int(rng.integers(2))]
            letters = encode(word) if strand == "+" else reverse_complement_codes(encode(word)[None])[0]
            start = number * half + int(rng.integers(10, half - len(word) - 10))
            place = np.arange(start, start + len(word))
            codes[row, place] = letters
            hypothetical[row][:, place] -= sign * 0.03
            hypothetical[row][letters, place] += sign * (0.1 + rng.normal(0, 0.01, len(word)))
            planted.append(Planted(name, row, start, strand))
    return Simulated(codes, hypothetical, planted)


def write_simulated(path: Path, made: Simulated, coordinates: dict[str, np.ndarray], **attributes: str) -> Path:
    """A contribution file of them."""
    n, length = made.codes.shape
    attributes = {"head": "counts", "view": "corrected", **attributes}
    with write_contributions(path, coordinates, length=length, attributes=attributes) as writer:
        writer.append(made.codes, made.hypothetical, np.zeros(n), np.ones(n))
    return path
