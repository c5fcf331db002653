"""The prediction file (HDF5), written batch by batch in constant memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import h5py
import numpy as np

from bpflow.growing_datasets import append_rows, growing_dataset
from bpflow.new_hdf5 import new_hdf5
from bpflow.prediction import Prediction, probabilities

__all__ = ["PredictionWriter", "write_coordinates", "write_predictions"]

CHUNK_ROWS = 64


class PredictionWriter:
    """Appends predictions to the datasets of an open file."""

    def __init__(self, handle: h5py.File, output_length: int) -> None:
        self._profiles = {
            name: growing_dataset(handle, f"predictions/{name}", (output_length,), np.float32, chunk_rows=CHUNK_ROWS)
            for name in ("profile_logits", "profs")
        }
        self._log_counts = growing_dataset(handle, "predictions/logcounts", (), np.float32, chunk_rows=4096)

    def append(self, prediction: Prediction) -> None:
        """Add a batch; profiles are written as logits and as probabilities."""
        rows = {
            self._profiles["profile_logits"]: prediction.profile_logits,
            self._profiles["profs"]: probabilities(prediction.profile_logits),
            self._log_counts: prediction.log_counts,
        }
        for dataset, values in rows.items():
            append_rows(dataset, values)


@contextmanager
def write_predictions(
    path: str | os.PathLike[str],
    coordinates: Mapping[str, np.ndarray],
    *,
    output_length: int,
    attributes: Mapping[str, str | int | float | bool],
) -> Iterator[PredictionWriter]:
    """Open a prediction file for writing; it appears under `path` only if the block succeeds.

    Parameters
    ----------
    path
        The HDF5 to write.
    coordinates
        Datasets of the group ``coords`` by name, one entry a region; text is stored with variable length.
    output_length
        Width of the profiles.
    attributes
        What the file says of its making. The same predictions and attributes give the same bytes.
    """
    with new_hdf5(path) as handle:
        for key, value in attributes.items():
            handle.attrs[key] = value
        write_coordinates(handle, coordinates)
        yield PredictionWriter(handle, output_length)


def write_coordinates(handle: h5py.File, coordinates: Mapping[str, np.ndarray]) -> None:
    """Write the group ``coords``: one dataset a name, text with variable length."""
    for name, values in coordinates.items():
        kind = h5py.string_dtype() if values.dtype.kind in "OU" else values.dtype
        handle.create_dataset(f"coords/{name}", data=values, dtype=kind, compression="gzip")
