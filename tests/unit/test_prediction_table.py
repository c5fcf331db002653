"""The table beside a prediction file."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bpflow.prediction_table import prediction_table, region_columns
from bpflow.regions import from_centers


def test_counts_invert_the_logarithm():
    names = pd.DataFrame({"name": ["a", "b"]})
    log_counts = np.log1p(np.float32([99, 0]))
    table = prediction_table(names, log_counts)
    assert table.columns.tolist() == ["name", "predicted_counts", "predicted_log_counts"]
    np.testing.assert_allclose(table["predicted_counts"], [99, 0], rtol=1e-5)
    official = prediction_table(names, log_counts, official_scale=True)
    np.testing.assert_allclose(official["predicted_counts"], [100, 1], rtol=1e-5)
    full = prediction_table(names, log_counts, deviation=np.float32([0.5, 1]), observed=np.array([7, 8]))
    assert full["sd_log_counts"].tolist() == [0.5, 1]
    assert full["observed_counts"].tolist() == [7, 8]


def test_regions_are_told_by_their_own_interval():
    frame = from_centers(["chr1", "chr2"], np.array([1000, 500]), 300).assign(name=["x", "y"], summit=[150, 10])
    columns = region_columns(frame.set_index(np.array([4, 9])), np.array([1, 0]))
    assert columns.to_dict("records") == [
        {"chrom": "chr1", "start": 850, "end": 1150, "center": 1000, "is_peak": 1, "name": "x"},
        {"chrom": "chr2", "start": 350, "end": 650, "center": 360, "is_peak": 0, "name": "y"},
    ]
    assert columns.index.tolist() == [0, 1]
