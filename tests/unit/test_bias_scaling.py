from __future__ import annotations

import numpy as np
import pytest
import torch

from bpflow.bias_scaling import scale_bias
from bpflow.errors import InputError
from bpflow.models import BPNet, BPNetConfig, ChromBPNet
from bpflow.prediction import predict_codes
from unit import simulated

CONFIG = BPNetConfig(input_length=300, output_length=100, filters=4, layers=2)


@pytest.fixture
def signal(genome):
    random = np.random.default_rng(3)
    return simulated.signal_track(random.poisson(0.2, genome.array.size))


@pytest.fixture
def model():
    return BPNet(CONFIG, torch.Generator().manual_seed(2)).eval()


def test_scaling_makes_the_mean_error_zero_and_keeps_the_rest(model, genome, signal):
    centers = np.arange(1000, 50_000, 700)
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    codes = genome.windows(centers - 150, 300)
    profile = predict_codes(model, codes).profile_logits
    scaling = scale_bias(model, genome, signal, centers)
    after = predict_codes(model, codes)
    insertions = simulated.every_base(signal, genome.array.size)
    observed = np.log1p([insertions[c - 50 : c + 50].sum() for c in centers])
    assert np.mean(observed - after.log_counts) == pytest.approx(0, abs=1e-5)
    assert scaling.delta == pytest.approx(scaling.observed_mean - scaling.predicted_mean)
    assert scaling.observed_mean == pytest.approx(observed.mean())
    assert scaling.regions == len(centers)
    assert abs(scaling.delta) > 0.5
    np.testing.assert_array_equal(after.profile_logits, profile)
    changed = [name for name, weights in model.state_dict().items() if not torch.equal(weights, before[name])]
    assert changed == ["counts.bias"]


def test_no_regions_are_refused(model, genome, signal):
    with pytest.raises(InputError, match="no region"):
        scale_bias(model, genome, signal, np.zeros(0, dtype=np.int64))


def test_only_a_bias_model_is_scaled(model, genome, signal):
    with pytest.raises(InputError, match="ChromBPNet"):
        scale_bias(ChromBPNet(BPNet(CONFIG), model), genome, signal, np.array([1000]))
