"""HDF5 datasets that are written block by block, in constant memory."""

from __future__ import annotations

from collections.abc import Sequence

import h5py
import numpy as np
from numpy.typing import DTypeLike

__all__ = ["append_rows", "growing_dataset"]


def growing_dataset(
    handle: h5py.File, name: str, row: Sequence[int], dtype: DTypeLike, *, chunk_rows: int
) -> h5py.Dataset:
    """An empty dataset (0, *row) that rows are appended to, compressed in chunks of `chunk_rows`."""
    return handle.create_dataset(
        name,
        shape=(0, *row),
        maxshape=(None, *row),
        chunks=(chunk_rows, *row),
        dtype=dtype,
        compression="gzip",
        compression_opts=1,
        # Half the size and twice the speed for floats.
        shuffle=True,
    )


def append_rows(dataset: h5py.Dataset, values: np.ndarray) -> None:
    """Add rows (n, *row) at the end."""
    first = dataset.shape[0]
    dataset.resize(first + len(values), axis=0)
    dataset[first:] = values
