"""Given sequences, for models that want exactly their input length."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import numpy as np
import pysam

from bpflow.errors import InputError
from bpflow.files import existing
from bpflow.genome import INVALID, encode

__all__ = ["checked_codes", "in_batches", "read_sequences"]


def read_sequences(path: str | os.PathLike[str], length: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the (length,) uint8 codes of each record of a FASTA, plain or gzip.

    Raises
    ------
    InputError
        No FASTA, no record, a record of another length, or a letter that is no DNA; the record is named.
    """
    existing(path, "a FASTA file")
    found = False
    try:
        with pysam.FastxFile(str(path), persist=False) as records:
            for record in records:
                found = True
                name = record.name or ""
                yield name, checked_codes(name, record.sequence or "", length, where=str(path))
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"damaged ({error})", where=str(path), expected="a FASTA") from None
    if not found:
        raise InputError("no sequence", where=str(path), expected="a FASTA with at least one record")


def in_batches(records: Iterable[tuple[str, np.ndarray]], size: int) -> Iterator[np.ndarray]:
    """The codes of records, (n, length) uint8, `size` at a time."""
    batch: list[np.ndarray] = []
    for _, codes in records:
        batch.append(codes)
        if len(batch) == size:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)


def checked_codes(name: str, sequence: str, length: int, *, where: str | None = None) -> np.ndarray:
    """The (length,) uint8 codes of a sequence, of which `name` and `where` are named if it is not what a model takes.

    Raises
    ------
    InputError
        Another length, or a letter that is no DNA.
    """
    if len(sequence) != length:
        raise InputError(
            f"the sequence {name!r} has {len(sequence)} bases",
            where=where,
            expected=f"{length}, the model's input length",
            mend="Cut it, or lengthen it with its genomic neighbourhood",
        )
    codes = encode(sequence)
    wrong = np.flatnonzero(codes == INVALID)
    if wrong.size:
        raise InputError(
            f"the letter {sequence[wrong[0]]!r} at position {wrong[0] + 1} of {name!r} is no DNA",
            where=where,
            expected="A, C, G, T, N or another IUPAC letter",
        )
    return codes
