"""The mutagenesis file (HDF5), written sequence by sequence in constant memory.

Coordinates are those of the prediction file. ``log2_fold_counts`` and ``jsd`` are (N, 4, W) float32, bases A, C, G, T;
``sequence`` (N, W) uint8 codes, A C G T = 0 1 2 3; ``log_counts`` (N,) of the sequences as they are. The W bases start
W // 2 before the centre.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from bpflow.mutagenesis import BASES, Effects
from bpflow.new_hdf5 import new_hdf5
from bpflow.prediction_file import write_coordinates

__all__ = ["write_mutagenesis"]

CHUNK_ROWS = 16


@contextmanager
def write_mutagenesis(
    path: str | os.PathLike[str],
    coordinates: Mapping[str, np.ndarray],
    *,
    number: int,
    width: int,
    attributes: Mapping[str, Any],
) -> Iterator[Callable[[np.ndarray, Effects], None]]:
    """Open a mutagenesis file for writing; it appears under `path` only if the block succeeds.

    Parameters
    ----------
    path
        The HDF5 to write. The same effects and attributes give the same bytes.
    coordinates
        Datasets of the group ``coords`` by name, one entry a sequence.
    number
        Sequences that will come.
    width
        Bases that were substituted.
    attributes
        What the file says of its making.

    Yields
    ------
    callable
        Takes the (W,) codes and the effects of the next sequence.
    """
    shapes = {"log2_fold_counts": (BASES, width), "jsd": (BASES, width), "sequence": (width,), "log_counts": ()}
    with new_hdf5(path) as handle:
        handle.attrs.update(attributes)
        write_coordinates(handle, coordinates)
        for name, shape in shapes.items():
            handle.create_dataset(
                name,
                shape=(number, *shape),
                chunks=(min(CHUNK_ROWS if shape else 4096, number), *shape),
                dtype=np.uint8 if name == "sequence" else np.float32,
                compression="gzip",
                compression_opts=1,
                shuffle=True,
            )
        rows = iter(range(number))

        def add(codes: np.ndarray, found: Effects) -> None:
            row = next(rows)
            handle["sequence"][row] = codes
            for name in ("log2_fold_counts", "jsd", "log_counts"):
                handle[name][row] = getattr(found, name)

        yield add
