"""New HDF5 files on disks with room and without."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest

from bpflow.growing_datasets import append_rows, growing_dataset
from bpflow.new_hdf5 import new_hdf5, new_stream

TOO_MUCH = """
import sys
import numpy as np
from bpflow.growing_datasets import append_rows, growing_dataset
from bpflow.new_hdf5 import new_hdf5
try:
    with new_hdf5(sys.argv[1]) as handle:
        dataset = growing_dataset(handle, "values", (1000,), np.float64, chunk_rows=8)
        for _ in range(40):
            append_rows(dataset, np.random.default_rng(0).random((8, 1000)))
except OSError as error:
    print(error.strerror, error.filename)
"""


def write(path, rows):
    with new_hdf5(path) as handle:
        handle.attrs["kind"] = "test"
        dataset = growing_dataset(handle, "group/values", (3,), np.float32, chunk_rows=4)
        for first in range(0, len(rows), 5):
            append_rows(dataset, rows[first : first + 5])


def test_what_is_written_is_read_and_equal_content_is_equal_bytes(tmp_path):
    rows = np.random.default_rng(1).random((23, 3)).astype(np.float32)
    write(tmp_path / "a.h5", rows)
    write(tmp_path / "b.h5", rows)
    with h5py.File(tmp_path / "a.h5") as handle:
        np.testing.assert_array_equal(handle["group/values"][:], rows)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_a_library_s_own_file_goes_through_the_stream(tmp_path):
    with new_stream(tmp_path / "a.h5") as stream, h5py.File(stream, "w") as handle:
        handle["x"] = np.arange(5)
    with h5py.File(tmp_path / "a.h5") as handle:
        assert handle["x"][:].tolist() == [0, 1, 2, 3, 4]


def test_an_error_of_the_block_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), new_hdf5(tmp_path / "a.h5") as handle:
        handle["absent"]
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_and_no_crash(tmp_path):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    path = tmp_path / "a.h5"
    command = [sys.executable, "-c", TOO_MUCH, path]
    done = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"File too large {path}\n"), done.stderr
    assert list(tmp_path.iterdir()) == []
