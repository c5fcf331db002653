"""New HDF5 files, whose failure is an error like that of any other file: HDF5 itself crashes where a write fails."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import h5py

from bpflow.files import atomic_path

__all__ = ["new_hdf5", "new_stream"]


@contextmanager
def new_hdf5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Open a new HDF5 file for writing; it appears under `path` only if the block and all writing succeed.

    Errors as :func:`new_stream`.
    """
    with new_stream(path) as stream, h5py.File(stream, "w", libver=("earliest", "v110")) as handle:
        yield handle


@contextmanager
def new_stream(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """What :func:`new_hdf5` writes to, for libraries that make HDF5 files of their own.

    Raises
    ------
    OSError
        At the end of the block: what the first write that failed met, such as a full disk.
    """
    with atomic_path(path) as temporary, _Stream(temporary, "w+b") as stream:
        try:
            yield stream  # type: ignore[misc]
        finally:
            # What HDF5 makes of the gaps in its file says less.
            if stream.failure is not None:
                raise stream.failure


class _Stream(io.FileIO):
    """A file that keeps its first failure for later and forgets what cannot be written."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        written = 0
        while written < len(view) and self.failure is None:
            written += self._kept(super().write, view[written:]) or 0
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        return self._kept(super().truncate, size) or 0

    def _kept(self, act: Callable[[Any], int], what: Any) -> int | None:
        try:
            return act(what)
        except OSError as error:
            self.failure = self.failure or error
            return None
