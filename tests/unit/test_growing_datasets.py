"""HDF5 datasets that rows are appended to."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from bpflow.growing_datasets import append_rows, growing_dataset


@pytest.mark.parametrize("row", [(), (3,), (4, 2)])
def test_blocks_stand_one_after_another(tmp_path, row):
    values = np.random.default_rng(0).normal(size=(7, *row)).astype(np.float32)
    with h5py.File(tmp_path / "a.h5", "w") as handle:
        dataset = growing_dataset(handle, "group/values", row, np.float32, chunk_rows=2)
        assert dataset.shape == (0, *row)
        for block in (values[:3], values[3:3], values[3:]):
            append_rows(dataset, block)
    with h5py.File(tmp_path / "a.h5") as handle:
        written = handle["group/values"]
        assert (written.dtype, written.chunks, written.compression) == (np.float32, (2, *row), "gzip")
        np.testing.assert_array_equal(written[:], values)
