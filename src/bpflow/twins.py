"""Peaks whose sequence comes again in peaks of other chromosomes, so that a model that saw one has seen the other.

Of each peak's window, the 32-mers whose hash falls in one of 32 parts are looked at: the same ones wherever a sequence
stands, on either strand. A sequence that differs in one base of a hundred still shares 0.99^32 = 72 % of its 32-mers.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bpflow.genome import OTHER_BASE, Genome
from bpflow.regions import centers, inside
from bpflow.verdicts import OWN_ADVICE, verdict

__all__ = ["Twins", "find_twins", "twin_verdict"]

# Two bits a base fill a word.
K = 32
# The golden ratio's bits: its product with a word has well-mixed upper bits.
MIXER = np.uint64(0x9E3779B97F4A7C15)
SAMPLED_BITS = 5
# A peak is its middle; it was seen where it lies in what a model is taught to predict.
MIDDLE, SEEN = 500, 1000
LEAST_SHARED = 0.5
# About 15 of 469 are sampled; too few are left where bases are unknown.
LEAST_WORDS = 5
# Centres this close are one peak: of several samples, or several summits of one.
ONE_PEAK = 100
WINDOWS_AT_ONCE = 128
PEAKS_AT_ONCE = 1024
PAIRS_LISTED, PAIRS_NAMED = 10, 3
# Words have lost their last bits.
NO_WORD = np.uint64(2**64 - 1)


@dataclass(frozen=True)
class Twins:
    """Which peaks have a twin, and where.

    Attributes
    ----------
    names
        Chromosomes of the genome.
    chromosome
        (N,) index in `names` of each peak.
    peak, other
        (T,) index of a peak that has a twin, and index in `names` of a chromosome that has the twin; each pair once.
    """

    names: list[str]
    chromosome: np.ndarray
    peak: np.ndarray
    other: np.ndarray

    def between(self, tested: Sequence[str], trained: Sequence[str]) -> dict[str, Any]:
        """Count the peaks on chromosomes `tested` that have a twin on chromosomes `trained`.

        Returns
        -------
        dict
            peaks (on `tested`), with_twin, share (of the second in the first; None without peaks) and pairs: up to ten
            pairs of chromosomes (test, train, peaks) that have most.
        """
        on_tested, on_trained = (np.isin(self.names, list(names)) for names in (tested, trained))
        peaks = int(on_tested[self.chromosome].sum())
        leaking = on_tested[self.chromosome[self.peak]] & on_trained[self.other]
        with_twin = len(np.unique(self.peak[leaking]))
        pairs = np.stack([self.chromosome[self.peak[leaking]], self.other[leaking]], axis=1)
        found, number = np.unique(pairs, axis=0, return_counts=True)
        most = np.argsort(-number, kind="stable")[:PAIRS_LISTED]
        return {
            "peaks": peaks,
            "with_twin": with_twin,
            "share": with_twin / peaks if peaks else None,
            "pairs": [
                {"test": self.names[test], "train": self.names[train], "peaks": int(n)}
                for (test, train), n in zip(found[most].tolist(), number[most], strict=True)
            ],
        }


def find_twins(genome: Genome, peaks: pd.DataFrame) -> Twins:
    """Look for each peak's sequence in the peaks of all other chromosomes.

    A peak has a twin on a chromosome if half or more of the sampled 32-mers of its central 500 bases stand in the
    central 1000 bases of that chromosome's peaks.

    Parameters
    ----------
    genome
        The genome.
    peaks
        Peaks of all samples; those whose centres are less than 100 bases apart may count as one, and those that the
        1000 bases around do not fit their chromosome are left out.
    """
    peaks = peaks[inside(peaks, genome.sizes, SEEN)]
    centres = np.unique(genome.global_positions(peaks["chrom"].to_numpy(), centers(peaks)))
    centres = centres[np.unique(centres // ONE_PEAK, return_index=True)[1]]
    offsets = np.array(list(genome.offsets.values()), dtype=np.int64)
    chromosome = np.searchsorted(offsets, centres, side="right") - 1
    peak, word, in_middle = _sampled_words(genome, centres)
    shared = _shared_words(word, chromosome[peak], len(genome.names))
    peak, word = peak[in_middle], word[in_middle] >> shared.bits
    found = [np.zeros((2, 0), dtype=np.int64)]
    bounds = np.searchsorted(peak, np.arange(0, len(centres) + PEAKS_AT_ONCE, PEAKS_AT_ONCE))
    for low, high in itertools.pairwise(bounds.tolist()):
        found.append(_twins_of(peak[low:high], word[low:high], shared, len(genome.names)))
    peak, other = np.concatenate(found, axis=1)
    elsewhere = other != chromosome[peak]
    return Twins(genome.names, chromosome, peak[elsewhere], other[elsewhere])


class _Shared(NamedTuple):
    """Words that stand on more than one chromosome, and on which.

    Of each of the sorted `words`, shortened by `bits`, the chromosomes are `number` entries of `chromosomes` from
    `first` on. The last word is none.
    """

    words: np.ndarray
    first: np.ndarray
    number: np.ndarray
    chromosomes: np.ndarray
    bits: np.uint64


def _shared_words(word: np.ndarray, chromosome: np.ndarray, chromosomes: int) -> _Shared:
    # The chromosome takes the place of the hash's last bits, so that one array is to be sorted.
    bits = np.uint64(chromosomes.bit_length())
    seen = np.sort(word >> bits << bits | chromosome.astype(np.uint64))
    seen = seen[_changes(seen)]
    words = seen >> bits
    first = np.flatnonzero(_changes(words))
    number = np.diff(first, append=len(words))
    first, number = first[number > 1], number[number > 1]
    on = (seen - (words << bits)).astype(np.int64)
    return _Shared(np.append(words[first], NO_WORD), first, number, on, bits)


def _twins_of(peak: np.ndarray, word: np.ndarray, shared: _Shared, chromosomes: int) -> np.ndarray:
    """Peaks and chromosomes that hold half or more of their words, (2, T), from all words of some peaks."""
    place = np.searchsorted(shared.words[:-1], word)
    hit = np.flatnonzero(shared.words[place] == word)
    number = shared.number[place[hit]]
    rows = np.repeat(peak[hit].astype(np.int64), number)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(number) - number, number)
    on = shared.chromosomes[np.repeat(shared.first[place[hit]], number) + within]
    pairs, words = np.unique(rows * chromosomes + on, return_counts=True)
    row, other = np.divmod(pairs, chromosomes)
    own = np.searchsorted(peak, row, side="right") - np.searchsorted(peak, row)
    return np.stack([row, other])[:, (words >= LEAST_SHARED * own) & (own >= LEAST_WORDS)]


def _sampled_words(genome: Genome, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The sampled 32-mers of each peak: index of the peak, hash (uint64), whether in its middle."""
    parts = [(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=bool))]
    for low in range(0, len(centres), WINDOWS_AT_ONCE):
        codes = genome.windows(centres[low : low + WINDOWS_AT_ONCE] - SEEN // 2, SEEN)
        mixed = (_words(codes.ravel()) ^ MIXER) * MIXER
        place = np.flatnonzero(mixed < 1 << 64 - SAMPLED_BITS)
        row, column = np.divmod(place, SEEN)
        # A word may not run from one window into the next, nor over an unknown base.
        whole = column <= SEEN - K
        if (unknown := codes == OTHER_BASE).any():
            before = np.append(0, np.cumsum(unknown))
            whole &= before[place + K] == before[place]
        row, column, place = row[whole], column[whole], place[whole]
        in_middle = (column >= (SEEN - MIDDLE) // 2) & (column <= (SEEN + MIDDLE) // 2 - K)
        parts.append(((row + low).astype(np.int32), mixed[place] << np.uint64(SAMPLED_BITS), in_middle))
    peak, word, in_middle = (np.concatenate(part) for part in zip(*parts, strict=True))
    return peak, word, in_middle


def _words(codes: np.ndarray) -> np.ndarray:
    """The lesser of each stretch of 32 codes and its reverse complement as one word, (L - 31,) uint64."""
    forward, turned = codes, 3 - codes
    width = 1
    for kind in (np.uint8, np.uint8, np.uint16, np.uint32, np.uint64):
        forward, turned = forward.astype(kind, copy=False), turned.astype(kind, copy=False)
        bits = kind(2 * width)
        forward = forward[:-width] << bits | forward[width:]
        turned = turned[width:] << bits | turned[:-width]
        width *= 2
    return np.minimum(forward, turned)


def _changes(column: np.ndarray) -> np.ndarray:
    """Which entries of a sorted array differ from the one before, (N,) bool."""
    return np.append(True, column[1:] != column[:-1])[: len(column)]


def twin_verdict(leaks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Judge the fold with the largest share of test peaks that have a twin in training.

    Parameters
    ----------
    leaks
        :meth:`Twins.between` of each fold's test and training chromosomes.
    """
    shares = [leak["share"] or 0.0 for leak in leaks]
    worst = int(np.argmax(shares))
    pairs = ", ".join(
        f"{pair['test']} tested and {pair['train']} trained ({pair['peaks']} peaks)"
        for pair in leaks[worst]["pairs"][:PAIRS_NAMED]
    )
    return verdict(
        "folds",
        f"Test peaks with a twin among the training peaks (share, fold {worst})",
        shares[worst] if leaks[worst]["peaks"] else float("nan"),
        good=0.01,
        check=0.1,
        lower_is_better=True,
        threshold="below 1 %; up to 10 %, which may raise a correlation by up to about 0.1, needs a look",
        source=OWN_ADVICE,
        advice=(
            "The models are tested on sequence that they have not seen.",
            f"Some test peaks recur in training: {pairs}. With many repeats in a genome this is common; metrics come "
            "out a little too good.",
            f"Models have seen what they are tested on: {pairs}. Put chromosomes that share sequence (copies, "
            "alternative contigs) in one split, or leave them out (genome.chromosomes).",
        ),
    )
