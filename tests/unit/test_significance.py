"""Empirical p-values, q-values and quantiles, against counting and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from bpflow.significance import empirical_p, exceedances, q_by_exceedances, quantiles

# Few distinct values, so that there are ties.
values = st.lists(st.integers(0, 12), min_size=1, max_size=60).map(lambda items: np.array(items, dtype=float))


@given(values, values)
def test_exceedances_are_counted(observed, null):
    expected = [sum(each >= value for each in null) for value in observed]
    assert exceedances(observed, np.sort(null)).tolist() == expected
    p = empirical_p(exceedances(observed, np.sort(null)), len(null))
    assert p.tolist() == pytest.approx([(k + 1) / (len(null) + 1) for k in expected])
    assert (p > 0).all()


@given(values, values)
def test_q_values_are_those_of_scipy(observed, null):
    k, n = exceedances(observed, np.sort(null)), len(null)
    table = q_by_exceedances(np.bincount(k, minlength=n + 1))
    np.testing.assert_allclose(table[k], false_discovery_control(empirical_p(k, n)), rtol=1e-12)


@given(values, values)
def test_quantiles_are_shares(observed, among):
    expected = [np.mean(among <= value) for value in observed]
    np.testing.assert_allclose(quantiles(observed, np.sort(among)), expected)
