"""The mutagenesis file: rows in their order, and nothing left of what failed."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from bpflow.mutagenesis import Effects
from bpflow.mutagenesis_file import write_mutagenesis


def test_rows_come_in_their_order(tmp_path):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (20, 5)).astype(np.uint8)
    found = [Effects(*rng.random((2, 4, 5), dtype=np.float32), float(row)) for row in range(20)]
    names = {"name": np.array([f"s{row}" for row in range(20)], dtype=object)}
    with write_mutagenesis(tmp_path / "m.h5", names, number=20, width=5, attributes={"width": 5}) as add:
        for row, effect in zip(codes, found, strict=True):
            add(row, effect)
    with h5py.File(tmp_path / "m.h5") as handle:
        np.testing.assert_array_equal(handle["sequence"][:], codes)
        np.testing.assert_array_equal(handle["jsd"][:], [effect.jsd for effect in found])
        np.testing.assert_array_equal(handle["log2_fold_counts"][:], [effect.log2_fold_counts for effect in found])
        assert handle["log_counts"][:].tolist() == list(range(20))
        assert handle["coords/name"].asstr()[3] == "s3"
        assert handle.attrs["width"] == 5


def test_a_failure_leaves_no_file(tmp_path):
    with (
        pytest.raises(RuntimeError, match="stopped"),
        write_mutagenesis(tmp_path / "m.h5", {}, number=1, width=5, attributes={}),
    ):
        raise RuntimeError("stopped")
    assert not list(tmp_path.iterdir())
