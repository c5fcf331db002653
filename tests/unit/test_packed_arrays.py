"""Arrays packed into JSON come back."""

from __future__ import annotations

import numpy as np
import pytest

from bpflow.packed_arrays import pack, unpack


@pytest.mark.parametrize(
    ("values", "kind"), [([0, 255], "u1"), ([3, 256], "u2"), ([0, 70_000, 1], "u4"), ([], "u1")], ids=str
)
def test_integers_come_back_in_the_narrowest_type(values, kind):
    packed = pack(np.array(values, dtype=np.int64))
    assert packed["dtype"] == kind
    assert unpack(packed).tolist() == values


def test_numbers_keep_three_digits_and_what_is_missing():
    values = np.array([0.0, -0.00123456, 1234.5, np.nan, 0.3333333], dtype=np.float32)
    packed = pack(values)
    assert packed["dtype"] == "f2"
    np.testing.assert_allclose(unpack(packed), values, rtol=5e-4)
    assert len(packed["data"]) <= 4 * (2 * len(values) + 2) / 3
