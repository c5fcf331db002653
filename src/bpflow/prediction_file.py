"""The prediction file (HDF5), written batch by batch in constant memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import h5py
import numpy as np

from bpflow.errors import InputError
from bpflow.growing_datasets import append_rows, growing_dataset
from bpflow.hdf5_files import opened_hdf5
from bpflow.new_hdf5 import new_hdf5
from bpflow.parts import Part, in_order
from bpflow.prediction import Prediction, probabilities

__all__ = ["PredictionWriter", "join_predictions", "write_coordinates", "write_predictions"]

CHUNK_ROWS = 64
# What the file of a part says, and that of a whole does not.
OF_A_PART = {"part", "part_batch"}


class PredictionWriter:
    """Appends predictions to the datasets of an open file."""

    def __init__(self, handle: h5py.File, width: int) -> None:
        self._profiles = {
            name: growing_dataset(handle, f"predictions/{name}", (width,), np.float32, chunk_rows=CHUNK_ROWS)
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
    width: int,
    attributes: Mapping[str, str | int | float | bool],
) -> Iterator[PredictionWriter]:
    """Open a prediction file for writing; it appears under `path` only if the block succeeds.

    Parameters
    ----------
    path
        The HDF5 to write.
    coordinates
        Datasets of the group ``coords`` by name, one entry a region; text is stored with variable length.
    width
        Positions of the profiles: bases of the output window, of both strands one after the other.
    attributes
        What the file says of its making. The same predictions and attributes give the same bytes.
    """
    with new_hdf5(path) as handle:
        for key, value in sorted(attributes.items()):
            handle.attrs[key] = value
        write_coordinates(handle, coordinates)
        yield PredictionWriter(handle, width)


def join_predictions(paths: Sequence[str], output: str | os.PathLike[str]) -> None:
    """Join the parts of one list of regions, given in any order, to the bytes that one job would have written.

    Raises
    ------
    InputError
        A part is missing, damaged or of another model or options, or a file is not of 'bpflow predict --part'.
    """
    expected = "predictions of 'bpflow predict --part'"
    with ExitStack() as stack:
        files = [stack.enter_context(opened_hdf5(path, expected)) for path in paths]
        attributes = [file.attributes() for file in files]
        for own, path in zip(attributes, paths, strict=True):
            if not set(own) >= OF_A_PART:
                raise InputError("no part of a whole", where=path, expected=expected)
            if {**own, "part": ""} != {**attributes[0], "part": ""}:
                raise InputError(
                    f"other attributes than {paths[0]}",
                    where=path,
                    expected="parts of one and the same whole",
                    mend="Predict all parts with the same model and options",
                )
        parts = [files[index] for index in in_order([Part.parse(own["part"]) for own in attributes], paths)]
        coordinates = {
            "coords_chrom": np.concatenate([part.texts("coords/coords_chrom") for part in parts]),
            **{
                name: np.concatenate([part.read(part.dataset(f"coords/{name}")) for part in parts])
                for name in ("coords_center", "coords_peak")
            },
        }
        whole = {key: value for key, value in attributes[0].items() if key not in OF_A_PART}
        batch = int(attributes[0]["part_batch"])
        length = parts[0].dataset("predictions/profs", dimensions=2).shape[1]
        with write_predictions(output, coordinates, width=length, attributes=whole) as writer:
            for part in parts:
                datasets = [part.dataset(f"predictions/{name}") for name in ("profile_logits", "logcounts")]
                for first in range(0, len(datasets[0]), batch):
                    rows = slice(first, first + batch)
                    writer.append(Prediction(*(part.read(dataset, rows) for dataset in datasets)))


def write_coordinates(handle: h5py.File, coordinates: Mapping[str, np.ndarray]) -> None:
    """Write the group ``coords``: one dataset a name, text with variable length."""
    for name, values in coordinates.items():
        kind = h5py.string_dtype() if values.dtype.kind in "OU" else values.dtype
        handle.create_dataset(f"coords/{name}", data=values, dtype=kind, compression="gzip")
