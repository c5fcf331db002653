"""Contribution files (HDF5), laid out as the official program's, so that what reads those reads these.

``raw/seq`` (N, 4, L) int8 one-hot, ``shap/seq`` (N, 4, L) hypothetical contributions and ``projected_shap/seq``
(N, 4, L) those of the bases that are there: modisco-lite and finemo read them. Scores are float32, where the official
program's float16 loses small ones. Beside them: ``coords`` as in prediction files, ``convergence/gap`` and
``convergence/difference`` (N,), and in a mean over folds ``projected_shap/spread`` (N, L).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import h5py
import numpy as np
import torch

from bpflow.errors import InputError
from bpflow.files import DAMAGED, existing
from bpflow.growing_datasets import append_rows, growing_dataset
from bpflow.models.encoding import one_hot
from bpflow.new_hdf5 import new_hdf5
from bpflow.parts import Part, in_order

__all__ = [
    "ContributionWriter",
    "average_files",
    "join_files",
    "open_contributions",
    "projected_blocks",
    "write_contributions",
]

CHUNK_ROWS = 16
BLOCK = 256
SCORES = {"raw/seq": np.int8, "shap/seq": np.float32, "projected_shap/seq": np.float32}
CONVERGENCE = ("convergence/gap", "convergence/difference")


class ContributionWriter:
    """Appends contributions to the datasets of an open file."""

    def __init__(self, handle: h5py.File, length: int) -> None:
        self._scores = {
            name: growing_dataset(handle, name, (4, length), kind, chunk_rows=CHUNK_ROWS)
            for name, kind in SCORES.items()
        }
        self._convergence = [
            handle.create_dataset(name, shape=(0,), maxshape=(None,), dtype=np.float32) for name in CONVERGENCE
        ]

    def append(self, codes: np.ndarray, hypothetical: np.ndarray, gap: np.ndarray, difference: np.ndarray) -> None:
        """Add the next sequences: codes (n, L), hypothetical contributions (n, 4, L), and how well they add up (n,)."""
        encoded = one_hot(torch.from_numpy(np.ascontiguousarray(codes))).numpy()
        for dataset, values in zip(
            [*self._scores.values(), *self._convergence],
            [encoded, hypothetical, hypothetical * encoded, gap, difference],
            strict=True,
        ):
            append_rows(dataset, values)


@contextmanager
def write_contributions(
    path: str | os.PathLike[str],
    coordinates: Mapping[str, np.ndarray],
    *,
    length: int,
    attributes: Mapping[str, str | int],
) -> Iterator[ContributionWriter]:
    """Open a contribution file for writing; it appears under `path` only if the block succeeds.

    Parameters
    ----------
    path
        The HDF5 to write.
    coordinates
        Datasets of the group ``coords`` by name, one entry a sequence.
    length
        Bases of a sequence.
    attributes
        What the file says of its making: ``head``, ``part`` and others.
    """
    with new_hdf5(path) as handle:
        handle.attrs.update(attributes)
        for name, values in coordinates.items():
            kind = h5py.string_dtype() if values.dtype.kind in "OU" else values.dtype
            handle.create_dataset(f"coords/{name}", data=values, dtype=kind, maxshape=(None,), compression="gzip")
        yield ContributionWriter(handle, length)


@contextmanager
def open_contributions(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Open a contribution file of this or of the official program for reading.

    Raises
    ------
    InputError
        No such file, not HDF5, or without sequences and scores of one shape.
    """
    existing(path, "contributions of 'bpflow contributions' (HDF5)")
    with ExitStack() as stack:
        try:
            handle = stack.enter_context(h5py.File(path, "r"))
        except OSError as error:
            raise InputError(
                f"not HDF5, or damaged ({error})",
                where=str(path),
                expected="contributions of 'bpflow contributions'",
                mend=DAMAGED,
            ) from None
        shapes = [getattr(handle.get(name), "shape", None) for name in ("raw/seq", "shap/seq")]
        if shapes[0] is None or shapes[0] != shapes[1] or len(shapes[0]) != 3 or shapes[0][1] != 4:
            raise InputError(
                f"raw/seq of shape {shapes[0]} and shap/seq of shape {shapes[1]}",
                where=str(path),
                expected="both of shape (N, 4, L), as 'bpflow contributions' writes them",
            )
        yield handle


def projected_blocks(handle: h5py.File) -> Iterator[np.ndarray]:
    """Blocks (n, L) of the contributions of the bases that are there, in order."""
    scores = handle["projected_shap/seq"]
    for first in range(0, len(scores), BLOCK):
        yield scores[first : first + BLOCK].sum(axis=1)


def join_files(paths: Sequence[str], output: str | os.PathLike[str]) -> None:
    """Join the parts of one list of sequences, given in any order.

    Raises
    ------
    InputError
        A part is missing, or a file is of another model, head or list, or of the official program.
    """
    with ExitStack() as stack:
        handles = [stack.enter_context(_open_whole(path)) for path in paths]
        parts = [Part.parse(str(handle.attrs.get("part", "1/1"))) for handle in handles]
        for handle, path in zip(handles, paths, strict=True):
            _require_same(handles[0], handle, paths[0], path, ignored={"part"})
        ordered = [handles[index] for index in in_order(parts, paths)]
        with new_hdf5(output) as target:
            target.attrs.update({**ordered[0].attrs, "part": "1/1"})
            for name in _dataset_names(ordered[0]):
                _copy(target, name, ordered)


def average_files(paths: Sequence[str], output: str | os.PathLike[str]) -> None:
    """The mean over folds of contributions to the same head at the same sequences, with their standard deviation.

    Of how well contributions add up, the largest gap and the mean difference are kept.

    Raises
    ------
    InputError
        Files of different sequences, regions or heads, or of the official program.
    """
    with ExitStack() as stack:
        handles = [stack.enter_context(_open_whole(path)) for path in paths]
        for handle, path in zip(handles, paths, strict=True):
            _require_same(handles[0], handle, paths[0], path, ignored={"model", "model_sha256", "seed"})
            _require_same_regions(handles[0], handle, paths[0], path)
        first = handles[0]
        with new_hdf5(output) as target:
            target.attrs.update({name: first.attrs[name] for name in first.attrs if not name.startswith("model")})
            target.attrs["folds"] = len(handles)
            target.attrs["model_sha256"] = ",".join(str(handle.attrs.get("model_sha256", "")) for handle in handles)
            for name in _dataset_names(first):
                if name == "raw/seq" or name.startswith("coords/"):
                    _copy(target, name, [first])
            _average(target, "shap/seq", handles, np.mean)
            _average(target, "projected_shap/seq", handles, np.mean)
            _average(target, CONVERGENCE[0], handles, np.max)
            _average(target, CONVERGENCE[1], handles, np.mean)
            _spread(target, handles)


@contextmanager
def _open_whole(path: str) -> Iterator[h5py.File]:
    """Open a file that has all that is written here; one of the official program lacks some."""
    with open_contributions(path) as handle:
        for name in (*SCORES, *CONVERGENCE):
            if name not in handle:
                raise InputError(f"no {name}", where=path, expected="contributions of 'bpflow contributions'")
        yield handle


def _dataset_names(handle: h5py.File) -> list[str]:
    names: list[str] = []
    handle.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def _empty_like(target: h5py.File, name: str, model: h5py.Dataset) -> h5py.Dataset:
    if model.ndim > 1:
        return growing_dataset(target, name, model.shape[1:], model.dtype, chunk_rows=CHUNK_ROWS)
    return target.create_dataset(name, shape=(0,), maxshape=(None,), dtype=model.dtype)


def _copy(target: h5py.File, name: str, sources: Sequence[h5py.File]) -> None:
    """Write one after another what the sources hold under `name`, in blocks."""
    dataset = _empty_like(target, name, sources[0][name])
    for source in sources:
        for first in range(0, len(source[name]), BLOCK):
            append_rows(dataset, source[name][first : first + BLOCK])


def _average(target: h5py.File, name: str, handles: Sequence[h5py.File], combine: Callable[..., np.ndarray]) -> None:
    model = handles[0][name]
    dataset = _empty_like(target, name, model)
    for first in range(0, len(model), BLOCK):
        blocks = [handle[name][first : first + BLOCK] for handle in handles]
        append_rows(dataset, combine(blocks, axis=0))


def _spread(target: h5py.File, handles: Sequence[h5py.File]) -> None:
    dataset = growing_dataset(
        target, "projected_shap/spread", handles[0]["raw/seq"].shape[2:], np.float32, chunk_rows=CHUNK_ROWS
    )
    for blocks in zip(*map(projected_blocks, handles), strict=True):
        append_rows(dataset, np.std(blocks, axis=0))


def _require_same(first: h5py.File, other: h5py.File, first_path: str, path: str, ignored: set[str]) -> None:
    ours, theirs = (
        {key: str(value) for key, value in handle.attrs.items() if key not in ignored} for handle in (first, other)
    )
    if ours != theirs:
        key = next(key for key in sorted({*ours, *theirs}) if ours.get(key) != theirs.get(key))
        raise InputError(
            f"{key} is {theirs.get(key, 'not said')}",
            where=str(path),
            expected=f"{ours.get(key, 'nothing')}, as in {first_path}",
            mend="Give files that were made with the same options",
        )


def _require_same_regions(first: h5py.File, other: h5py.File, first_path: str, path: str) -> None:
    names = [[name for name in _dataset_names(handle) if name.startswith("coords/")] for handle in (first, other)]
    if not _same_values(first, other, ["raw/seq"]):
        found = "other sequences"
    elif names[0] != names[1] or not _same_values(first, other, names[0]):
        found = "other regions"
    else:
        return
    raise InputError(
        found, where=str(path), expected=f"those of {first_path}, in the same order",
        mend="Compute the contributions of every fold at the same regions",
    )  # fmt: skip


def _same_values(first: h5py.File, other: h5py.File, names: Sequence[str]) -> bool:
    return all(
        first[name].shape == other[name].shape
        and all(
            np.array_equal(first[name][start : start + BLOCK], other[name][start : start + BLOCK])
            for start in range(0, len(first[name]), BLOCK)
        )
        for name in names
    )
