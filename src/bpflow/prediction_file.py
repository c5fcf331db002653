"""The prediction file (HDF5), written batch by batch in constant memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import h5py
import numpy as np

from bpflow.errors import InputError
from bpflow.files import atomic_path, existing
from bpflow.growing_datasets import append_rows, growing_dataset
from bpflow.parts import Part, in_order
from bpflow.prediction import Prediction, probabilities

__all__ = ["PredictionWriter", "join_predictions", "write_coordinates", "write_predictions"]

CHUNK_ROWS = 64
# What the file of a part says, and that of a whole does not.
OF_A_PART = {"part", "part_batch"}
COORDINATES = ("coords_chrom", "coords_center", "coords_peak")


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
    with atomic_path(path) as temporary, h5py.File(temporary, "w", libver=("earliest", "v110")) as handle:
        for key, value in sorted(attributes.items()):
            handle.attrs[key] = value
        write_coordinates(handle, coordinates)
        yield PredictionWriter(handle, output_length)


def join_predictions(paths: Sequence[str], output: str | os.PathLike[str]) -> None:
    """Join the parts of one list of regions, given in any order, to the bytes that one job would have written.

    Raises
    ------
    InputError
        A part is missing, damaged or of another model or options, or a file is not of 'bpflow predict --part'.
    """
    with ExitStack() as stack:
        handles = [stack.enter_context(_open_part(path)) for path in paths]
        whole = [{key: value for key, value in handle.attrs.items() if key != "part"} for handle in handles]
        for attributes, path in zip(whole, paths, strict=True):
            if attributes != whole[0]:
                raise InputError(
                    f"other attributes than {paths[0]}",
                    where=path,
                    expected="parts of one and the same whole",
                    mend="Predict all parts with the same model and options",
                )
        order = in_order([Part.parse(handle.attrs["part"]) for handle in handles], paths)
        parts = [handles[index] for index in order]
        coordinates = {name: np.concatenate([_coordinate(part, name) for part in parts]) for name in COORDINATES}
        attributes = {key: value for key, value in whole[0].items() if key not in OF_A_PART}
        length = parts[0]["predictions/profs"].shape[1]
        batch = int(whole[0]["part_batch"])
        with write_predictions(output, coordinates, output_length=length, attributes=attributes) as writer:
            for part in parts:
                logits, log_counts = (part[f"predictions/{name}"] for name in ("profile_logits", "logcounts"))
                for first in range(0, len(logits), batch):
                    rows = slice(first, first + batch)
                    writer.append(Prediction(logits[rows], log_counts[rows]))


@contextmanager
def _open_part(path: str) -> Iterator[h5py.File]:
    expected = "predictions of 'bpflow predict --part'"
    existing(path, expected)
    try:
        handle = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"not HDF5, or damaged ({error})", where=path, expected=expected) from None
    with handle:
        if not OF_A_PART <= set(handle.attrs):
            raise InputError("no part of a whole", where=path, expected=expected)
        yield handle


def _coordinate(part: h5py.File, name: str) -> np.ndarray:
    dataset = part[f"coords/{name}"]
    return dataset.asstr()[:] if h5py.check_string_dtype(dataset.dtype) else dataset[:]


def write_coordinates(handle: h5py.File, coordinates: Mapping[str, np.ndarray]) -> None:
    """Write the group ``coords``: one dataset a name, text with variable length."""
    for name, values in coordinates.items():
        kind = h5py.string_dtype() if values.dtype.kind in "OU" else values.dtype
        handle.create_dataset(f"coords/{name}", data=values, dtype=kind, compression="gzip")
