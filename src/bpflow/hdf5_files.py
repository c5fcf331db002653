"""Reading HDF5 that others wrote: what is damaged, lies elsewhere or claims more than is stored is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from bpflow.errors import InputError
from bpflow.files import DAMAGED, existing

__all__ = ["StoredFile", "is_hdf5", "opened_hdf5"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
# What h5py raises of damaged files, by where the damage is.
UNREADABLE = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)
# HDF5's usual filter, deflate, packs no tighter than 1 : 1032.
DENSEST = 1100
# HDF5's own code may crash or go round for ever in a damaged heap or tree, which only another process survives.
TRIAL = """
import resource, sys, h5py
resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32))
def look(name, item):
    dict(item.attrs)
    if isinstance(item, h5py.Dataset) and item.dtype.kind == "O" and item.shape is not None:
        item[()]
with h5py.File(sys.argv[1], "r") as handle:
    look("/", handle)
    handle.visititems(look)
"""
PATIENCE = 60


class StoredFile:
    """An open HDF5 file; whatever cannot be read of it is an `InputError` that names it.

    Parameters
    ----------
    handle
        The file, open for reading.
    path
        Its name.
    expected
        What should be in it.
    """

    def __init__(self, handle: h5py.File, path: str | os.PathLike[str], expected: str) -> None:
        self._handle, self._path, self._expected = handle, str(path), expected
        self._seen: set[h5py.Group] = set()

    def __contains__(self, name: str) -> bool:
        with self._refusing(name):
            return name in self._handle

    def attributes(self, name: str = "/") -> dict[str, Any]:
        """Attributes of the file itself, or of a group."""
        with self._refusing(f"an attribute of {name}"):
            return dict(self._handle[name].attrs)

    def dataset(self, name: str, *, dimensions: int | None = None, kinds: str | None = None) -> h5py.Dataset:
        """A dataset that lies in this file and is no larger than what is stored of it can be.

        Parameters
        ----------
        name
            Its place.
        dimensions, kinds
            How many dimensions it is to have, and which kinds of values (those of NumPy's dtypes), if that matters.
        """
        with self._refusing(name):
            item = self._handle
            for part in name.split("/"):
                if isinstance(item.get(part, getlink=True), h5py.ExternalLink):
                    raise self._error(f"{name} lies in another file")
                item = item[part]
            if not isinstance(item, h5py.Dataset) or item.shape is None:
                raise self._error(f"{name} holds no array")
            if item.external or item.is_virtual:
                raise self._error(f"{name} lies in another file")
            stored = min(item.id.get_storage_size(), os.path.getsize(self._path))
            if item.nbytes > DENSEST * stored:
                raise self._error(f"{name} claims {item.nbytes} bytes, of which {stored} are stored")
            if dimensions not in (None, item.ndim) or item.dtype.kind not in (kinds or item.dtype.kind):
                raise self._error(f"{name} is of shape {item.shape} and of the type {item.dtype}")
            return item

    def read(self, dataset: h5py.Dataset, rows: slice = slice(None)) -> np.ndarray:
        """Values of a dataset, or of some of its rows."""
        with self._refusing(dataset.name):
            return dataset[rows] if dataset.ndim else dataset[()]

    def texts(self, name: str) -> np.ndarray:
        """All texts of a dataset, (N,) objects."""
        dataset = self.dataset(name, dimensions=1)
        with self._refusing(name):
            return dataset.asstr()[:].astype(object)

    def tree(self, name: str) -> dict[str, Any]:
        """All that lies in a group: of a group its tree, of a dataset the dataset."""
        with self._refusing(name):
            group = self._handle[name]
            if not isinstance(group, h5py.Group):
                raise self._error(f"{name} is no group")
            # Names of one group may go round in a circle.
            if group in self._seen:
                raise self._error(f"{name} is another name of a group")
            self._seen.add(group)
            if any(isinstance(group.get(part, getlink=True), h5py.ExternalLink) for part in group):
                raise self._error(f"a part of {name} lies in another file")
            kinds = {str(part): group.get(part, getclass=True) for part in group}
        return {
            part: self.tree(f"{name}/{part}") if kind is h5py.Group else self.dataset(f"{name}/{part}")
            for part, kind in kinds.items()
        }

    @contextmanager
    def _refusing(self, name: str) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except UNREADABLE as error:
            raise self._error(f"{name} cannot be read ({_in_a_line(error)})") from None

    def _error(self, found: str) -> InputError:
        return InputError(found, where=self._path, expected=self._expected, mend=DAMAGED)


@contextmanager
def opened_hdf5(path: str | os.PathLike[str], expected: str) -> Iterator[StoredFile]:
    """Open an HDF5 file for reading.

    Raises
    ------
    InputError
        No such file, none of HDF5 or a damaged one.
    """
    existing(path, expected)
    try:
        if is_hdf5(path):
            _try(path)
        handle = h5py.File(path, "r")
    except UNREADABLE as error:
        raise InputError(
            f"not an HDF5 file, or a damaged one ({_in_a_line(error)})",
            where=str(path),
            expected=expected,
            mend=DAMAGED,
        ) from None
    with handle:
        yield StoredFile(handle, path, expected)


def _try(path: str | os.PathLike[str]) -> None:
    """Read names, attributes and texts in another process; raises an `OSError` where that crashes or does not end."""
    command = [sys.executable, "-c", TRIAL, os.path.abspath(path)]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False).returncode
    except subprocess.TimeoutExpired:
        raise OSError("HDF5 does not come to an end with it") from None
    # What h5py itself complains of is told where it is read.
    if ended < 0:
        raise OSError(f"HDF5 crashes on it, signal {-ended}")


def is_hdf5(path: str | os.PathLike[str]) -> bool:
    """Tell HDF5 files by their first bytes."""
    with open(path, "rb") as handle:
        return handle.read(len(SIGNATURE)) == SIGNATURE


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error.args[0] if error.args else error).split())
