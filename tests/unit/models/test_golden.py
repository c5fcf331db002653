"""The official program's predictions with the official program's weights."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch

from bpflow.losses import multinomial_nll
from bpflow.metrics import jensen_shannon, normalised_jsd
from bpflow.models import BPNet, BPNetConfig, ChromBPNet
from bpflow.prediction import predict_codes
from bpflow.sequences import read_sequences

# Both programs compute in float32: agreement is judged relative to the largest value.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def golden(shared_data):
    return shared_data / "golden" / "chrombpnet-1.0.1"


@pytest.fixture(scope="module")
def expected(golden):
    with np.load(golden / "predictions.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def codes(golden):
    return np.stack([row for _, row in read_sequences(golden / "sequences.fa", 2114)])


def read_tower(group, prefix, *, filters, layers):
    """A BPNet with the weights of Keras layers: kernels are (width, in, out)."""
    model = BPNet(BPNetConfig(filters=filters, layers=layers))
    heads = "bpnet_" if prefix else ""
    modules = {f"{prefix}bpnet_1st_conv": model.tower.stem, f"{prefix}{heads}prof_out_precrop": model.profile}
    modules |= {f"{prefix}bpnet_{i}conv": layer for i, layer in enumerate(model.tower.dilated, start=1)}
    modules[f"{prefix}{heads}logcount_predictions"] = model.counts
    with torch.no_grad():
        for name, module in modules.items():
            weights = group[f"{name}/{name}"] if f"{name}/{name}" in group else group[name]
            kernel = torch.from_numpy(weights["kernel:0"][:])
            module.weight.copy_(kernel.permute(2, 1, 0) if kernel.ndim == 3 else kernel.t())
            module.bias.copy_(torch.from_numpy(weights["bias:0"][:]))
    return model.eval()


@pytest.fixture(scope="module")
def models(golden):
    with h5py.File(golden / "bias.h5") as handle:
        bias = read_tower(handle["model_weights"], "", filters=8, layers=4)
    with h5py.File(golden / "chrombpnet_nobias.h5") as handle:
        nobias = read_tower(handle["model_weights"], "wo_bias_", filters=12, layers=8)
    with h5py.File(golden / "chrombpnet.h5") as handle:
        weights = handle["model_weights"]
        combined = ChromBPNet(
            read_tower(weights["model_wo_bias"], "wo_bias_", filters=12, layers=8),
            read_tower(weights["model"], "", filters=8, layers=4),
        ).eval()
    return {"bias": bias, "chrombpnet_nobias": nobias, "chrombpnet": combined}


@pytest.mark.parametrize("name", ["bias", "chrombpnet_nobias", "chrombpnet"])
def test_predictions_equal_the_official_ones(models, codes, expected, name):
    found = predict_codes(models[name], codes, batch_size=5)
    for ours, theirs in (
        (found.profile_logits, expected[f"{name}_profile_logits"]),
        (found.log_counts, expected[f"{name}_log_counts"][:, 0]),
    ):
        assert np.abs(ours - theirs).max() <= TOLERANCE * np.abs(theirs).max()


def test_profile_loss_equals_the_official_one(expected):
    logits, counts = (torch.from_numpy(expected[key]) for key in ("chrombpnet_profile_logits", "observed_counts"))
    assert multinomial_nll(logits, counts).item() == pytest.approx(float(expected["multinomial_nll_mean"]), rel=1e-6)


def test_profile_metrics_equal_the_official_ones(expected):
    counts, profiles = expected["observed_counts"], expected["metric_probabilities"]
    np.testing.assert_allclose(jensen_shannon(counts, profiles), expected["jsd"], rtol=1e-7, equal_nan=True)
    np.testing.assert_allclose(
        normalised_jsd(counts, profiles), expected["jsd_normalised"], rtol=0, atol=1e-7, equal_nan=True
    )
    assert np.isnan(jensen_shannon(counts, profiles)[5])
