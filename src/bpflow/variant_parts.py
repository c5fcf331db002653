"""Scores of one part of the work, as a file, and the parts of a whole, read as one.

The work is what a run predicts: variants, null variants and peaks. Each is cut into blocks, and part k of n has the
k-th of n contiguous stretches of the blocks of each.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from bpflow import __version__
from bpflow.errors import InputError
from bpflow.files import DAMAGED, existing
from bpflow.growing_datasets import append_rows, growing_dataset
from bpflow.new_hdf5 import new_hdf5
from bpflow.parts import Part, in_order
from bpflow.variants import Scores

__all__ = ["Identity", "PartWriter", "Parts", "write_part"]

STAGE = "variant scores"
CHUNK_ROWS = 4096
# Kinds of pairs of alleles; peaks have log counts only.
PAIRS = ("variants", "null")
PEAKS = "peaks/log_counts"


@dataclass(frozen=True)
class Identity:
    """What the parts of one whole have in common.

    Attributes
    ----------
    variants, genome
        SHA-256 of the two files.
    models
        SHA-256 of each model.
    folds
        What the folds are called.
    peaks, peaks_sha256
        Name and SHA-256 of the file of peaks; None without one.
    input_length, output_length
        The models' windows.
    n_variants, n_null, n_peaks
        How many variants can be scored, null variants are made and peaks predicted, in all parts together.
    seed
        Of the null variants and of the choice of peaks.
    precision
        Of the convolutions.
    task
        The one that was asked for, of models of several.
    version
        Of this package.
    """

    variants: str
    genome: str
    models: tuple[str, ...]
    folds: tuple[str, ...]
    peaks: str | None
    peaks_sha256: str | None
    input_length: int
    output_length: int
    n_variants: int
    n_null: int
    n_peaks: int
    seed: int
    precision: str
    task: str | None = None
    version: str = __version__

    @classmethod
    def from_json(cls, text: str) -> Identity:
        """Read what :meth:`to_json` wrote."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in json.loads(text).items()
        }
        return cls(**values)

    def to_json(self) -> str:
        """As text, for a file's attribute."""
        return json.dumps(asdict(self), sort_keys=True)


class PartWriter:
    """Appends scores to an open file."""

    def __init__(self, handle: h5py.File, columns: int) -> None:
        names = [f"{kind}/{name}" for kind in PAIRS for name in Scores._fields]
        self._datasets = {
            name: growing_dataset(handle, name, (columns,), np.float64, chunk_rows=CHUNK_ROWS)
            for name in (*names, PEAKS)
        }

    def append_scores(self, kind: str, scores: Scores) -> None:
        """Add a block of ``variants`` or of ``null``."""
        for name, values in scores._asdict().items():
            append_rows(self._datasets[f"{kind}/{name}"], values)

    def append_peaks(self, log_counts: np.ndarray) -> None:
        """Add log counts of a block of peaks, (N, 1 + folds)."""
        append_rows(self._datasets[PEAKS], log_counts)


@contextmanager
def write_part(path: str | os.PathLike[str], identity: Identity, part: Part) -> Iterator[PartWriter]:
    """Open a part's file for writing; it appears under `path` only if the block succeeds."""
    with new_hdf5(path) as handle:
        handle.attrs["stage"] = STAGE
        handle.attrs["identity"] = identity.to_json()
        handle.attrs["part"] = str(part)
        yield PartWriter(handle, 1 + len(identity.folds))


class Parts:
    """All parts of a whole, in order, as if they were one file; to be closed, or used in a ``with``.

    Attributes
    ----------
    identity
        What they have in common.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]]) -> None:
        self._stack = ExitStack()
        try:
            found = [(*self._open(path), Path(path)) for path in paths]
            self.identity = _common_identity([(identity, path) for _, identity, _, path in found])
            order = in_order([part for _, _, part, _ in found], [str(path) for *_, path in found])
            self._handles = [found[place][0] for place in order]
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Parts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def scores(self, kind: str, first: int, last: int) -> Scores:
        """Scores `first` to `last` (not included) of ``variants`` or ``null``, counted through all parts."""
        return Scores(*(self._read(f"{kind}/{name}", first, last) for name in Scores._fields))

    def peak_log_counts(self) -> np.ndarray:
        """Log counts of all peaks, (N, 1 + folds)."""
        return self._read(PEAKS, 0, self.identity.n_peaks)

    def _read(self, name: str, first: int, last: int) -> np.ndarray:
        pieces, begin = [], 0
        for handle in self._handles:
            dataset = handle[name]
            pieces.append(dataset[max(first - begin, 0) : max(last - begin, 0)])
            begin += len(dataset)
        return np.concatenate(pieces)

    def _open(self, path: str | os.PathLike[str]) -> tuple[h5py.File, Identity, Part]:
        where, expected = str(path), "scores written by 'bpflow variants --part'"
        existing(path, expected)
        try:
            handle = self._stack.enter_context(h5py.File(path, "r"))
        except OSError as error:
            raise InputError(
                f"not an HDF5 file, or a damaged one ({error})", where=where, expected=expected, mend=DAMAGED
            ) from None
        if handle.attrs.get("stage") != STAGE:
            raise InputError("an HDF5 file of something else", where=where, expected=expected)
        return handle, Identity.from_json(handle.attrs["identity"]), Part.parse(handle.attrs["part"])


def _common_identity(found: Sequence[tuple[Identity, Path]]) -> Identity:
    first, first_path = found[0]
    for identity, path in found[1:]:
        for key, value in asdict(identity).items():
            if value != getattr(first, key):
                raise InputError(
                    f"scores with another {key.removeprefix('n_')} than {first_path}",
                    where=str(path),
                    expected="parts of one and the same whole",
                    mend="Score all parts with the same files, options and version",
                )
    return first
