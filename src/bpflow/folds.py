"""Chromosome folds: which chromosomes train, validate and test a model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bpflow.errors import InputError
from bpflow.files import read_json, stamp
from bpflow.genome import Genome
from bpflow.twins import Twins, twin_verdict
from bpflow.verdicts import OWN_ADVICE, verdict

__all__ = ["SPLITS", "Fold", "balance", "check_fold_set", "fold_set_record", "read_fold"]

SPLITS = ("train", "valid", "test")


class Fold(NamedTuple):
    """Chromosome names of one fold's three splits, as in the official program's JSON."""

    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]

    def split(self, name: str) -> tuple[str, ...]:
        """Chromosomes of the split ``train``, ``valid`` or ``test``."""
        return getattr(self, name)

    @property
    def chromosomes(self) -> tuple[str, ...]:
        """All chromosomes of the three splits."""
        return self.train + self.valid + self.test


def read_fold(path: str | os.PathLike[str], genome: Genome | None = None) -> Fold:
    """Read a fold: a JSON object with keys ``train``, ``valid``, ``test``, each a list of chromosome names.

    Raises
    ------
    InputError
        A key is missing, a split is empty, a chromosome is in two splits (or twice in one), or in none of `genome`.
    """
    content = read_json(path, "a fold: {train: [...], valid: [...], test: [...]}")
    for split in SPLITS:
        names = content.get(split) if isinstance(content, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InputError(
                f"no list of chromosome names under {split!r}",
                where=str(path),
                expected='{"train": [...], "valid": [...], "test": [...]}',
            )
        if not names:
            raise InputError(f"the split {split!r} is empty", where=str(path), expected="at least one chromosome")
    fold = Fold(*(tuple(content[split]) for split in SPLITS))
    shared = sorted({name for name in fold.chromosomes if fold.chromosomes.count(name) > 1})
    if shared:
        raise InputError(
            f"{shared[0]!r} is in more than one place",
            where=str(path),
            expected="each chromosome in one split only, or test results would be those of training data",
            mend="Keep it in one of train, valid and test",
        )
    if genome is not None:
        genome.require([name for name in fold.chromosomes if name not in genome.dropped], where=str(path))
        fold = Fold(*(tuple(name for name in fold.split(split) if name in genome.sizes) for split in SPLITS))
        for split in SPLITS:
            if not fold.split(split):
                raise InputError(
                    f"none of the chromosomes of {split!r} was kept in the genome",
                    where=str(path),
                    mend="Set genome.chromosomes to keep them, or change the fold",
                )
    return fold


def check_fold_set(folds: Sequence[Fold], where: str) -> None:
    """Stop if a chromosome is tested by more than one of `folds`."""
    tested = [name for fold in folds for name in fold.test]
    twice = sorted({name for name in tested if tested.count(name) > 1})
    if twice:
        raise InputError(
            f"{twice[0]!r} is tested in more than one fold",
            where=where,
            expected="each chromosome in the test split of one fold at most",
        )


def balance(sizes: Mapping[str, int], peaks: Mapping[str, int], n: int) -> list[Fold]:
    """Split chromosomes into `n` folds balanced by length and number of peaks.

    Each chromosome's weight is the mean of its shares of the total length and of all peaks. Chromosomes go, heaviest
    first, to the group that is lightest so far (longest-processing-time rule). Fold k tests group k, validates on
    group k + 1 (modulo n) and trains on the rest, so each chromosome is tested exactly once.

    Parameters
    ----------
    sizes
        Length of each chromosome, in bases.
    peaks
        Number of peaks on each chromosome (absent: none).
    n
        Number of folds, at least 3.

    Raises
    ------
    InputError
        Fewer than 3 folds, or fewer chromosomes with peaks than folds.
    """
    usable = [name for name in sizes if peaks.get(name, 0)]
    if n < 3:
        raise InputError(
            f"{n} folds", where="folds.n", expected="3 or more: training, validation and test each need one"
        )
    if len(usable) < n:
        possible = (
            f"Set folds.n to {len(usable)}"
            if len(usable) >= 3
            else "At least 3 chromosomes with peaks are needed to train, validate and test"
        )
        raise InputError(
            f"{len(usable)} chromosome(s) with peaks for {n} folds",
            where="folds.n",
            expected="at least as many chromosomes with peaks as folds",
            mend=possible,
        )
    total_length, total_peaks = sum(sizes.values()), sum(peaks.get(name, 0) for name in sizes)

    def weight(name: str) -> float:
        return sizes[name] / total_length + peaks.get(name, 0) / total_peaks

    # Chromosomes with peaks first, so that no group can end up without any.
    order = sorted(sizes, key=lambda name: (name not in usable, -weight(name), name))
    groups: list[list[str]] = [[] for _ in range(n)]
    for rank, name in enumerate(order):
        lightest = rank if rank < n else min(range(n), key=lambda i: sum(map(weight, groups[i])))
        groups[lightest].append(name)
    place = {name: index for index, name in enumerate(sizes)}
    ordered = [sorted(group, key=place.__getitem__) for group in groups]
    folds = []
    for k in range(n):
        valid = (k + 1) % n
        train = [name for i, group in enumerate(ordered) if i not in (k, valid) for name in group]
        folds.append(Fold(tuple(sorted(train, key=place.__getitem__)), tuple(ordered[valid]), tuple(ordered[k])))
    return folds


def fold_set_record(
    folds: Sequence[Fold],
    sizes: Mapping[str, int],
    peaks: Sequence[Mapping[str, int]],
    twins: Twins,
    *,
    given: bool,
    samples: Sequence[str] = (),
) -> dict[str, Any]:
    """The record of a fold set: chromosomes, bases and peaks of each split of each fold, and whether it can be trusted.

    Parameters
    ----------
    folds
        The folds.
    sizes
        Length of each chromosome, in bases.
    peaks
        Each sample's number of peaks on each chromosome (absent: none).
    twins
        The peaks whose sequence comes again on other chromosomes.
    given
        Whether the folds are the user's own.
    samples
        Names of the samples that `peaks` are of.
    """
    tested = {name for fold in folds for name in fold.test}
    never = [name for name in sizes if name not in tested]
    leaks = [twins.between(fold.test, fold.train) for fold in folds]
    return stamp(
        "folds",
        n=len(folds),
        given=given,
        samples=list(samples),
        folds=[
            {
                "fold": number,
                **{split: list(fold.split(split)) for split in SPLITS},
                "length": {split: sum(sizes[name] for name in fold.split(split)) for split in SPLITS},
                "peaks": {split: sum(_peaks_on(sample, fold.split(split)) for sample in peaks) for split in SPLITS},
                "twins": leak,
            }
            for number, (fold, leak) in enumerate(zip(folds, leaks, strict=True))
        ],
        verdicts=[twin_verdict(leaks), _size_verdict(folds, peaks)],
        messages=[f"No fold tests {', '.join(never)}; cross-fitted tracks leave them out."] if never else [],
    )


def _peaks_on(peaks: Mapping[str, int], names: Sequence[str]) -> int:
    return sum(peaks.get(name, 0) for name in names)


def _size_verdict(folds: Sequence[Fold], peaks: Sequence[Mapping[str, int]]) -> dict[str, Any]:
    """Judge the split in which some sample has the fewest peaks to stop a training by, or to test a model on."""
    fewest, split, fold = min(
        (_peaks_on(sample, fold.split(split)), split, number)
        for number, fold in enumerate(folds)
        for split in ("valid", "test")
        for sample in peaks
    )
    return verdict(
        "folds",
        f"Fewest peaks of a sample in validation or test ({split} of fold {fold})",
        fewest,
        good=99,
        check=49,
        threshold="100 or more; from 50 to 99 needs a look (a correlation of 0.5 has a standard error of 0.075 at 100 "
        "peaks, of 0.11 at 50)",
        source=OWN_ADVICE,
        advice=(
            "There are enough peaks in each split to judge a model.",
            "Metrics of single folds are uncertain: judge by all folds together, or take fewer folds.",
            "There are too few peaks to judge a model: take fewer folds (folds.n), balance your own ones by peaks, or "
            "call more peaks.",
        ),
    )
