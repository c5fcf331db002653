"""Predictions of other programs with those programs' weights: the official chrombpnet, and MultiMolecule's."""

from __future__ import annotations

import numpy as np
import pysam
import pytest
import torch

import bpflow
from bpflow import metrics
from bpflow.formats.keras import read_keras
from bpflow.losses import multinomial_nll
from bpflow.metrics import jensen_shannon, normalised_jsd
from bpflow.prediction import predict_codes
from bpflow.sequences import read_sequences

# All programs compute in float32: agreement is judged relative to the largest value, for chrombpnet absolutely too.
TOLERANCE = 1e-5
ABSOLUTE = 1e-4


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


@pytest.fixture(scope="module")
def models(golden):
    return {name: read_keras(golden / f"{name}.h5").model for name in ("bias", "chrombpnet_nobias", "chrombpnet")}


@pytest.mark.parametrize("name", ["bias", "chrombpnet_nobias", "chrombpnet"])
def test_predictions_equal_the_official_ones(models, codes, expected, name):
    found = predict_codes(models[name], codes, batch_size=5)
    for ours, theirs in (
        (found.profile_logits, expected[f"{name}_profile_logits"]),
        (found.log_counts, expected[f"{name}_log_counts"][:, 0]),
    ):
        assert len(ours) == 12
        assert np.abs(ours - theirs).max() <= min(ABSOLUTE, TOLERANCE * np.abs(theirs).max())


@pytest.mark.parametrize(
    ("system", "columns", "groups", "options"),
    [("bpnet", 8, 8, {}), ("procapnet", 2, 1, {}), ("chrombpnet", 1, 1, {"scale": "exp"})],
)
def test_predictions_equal_those_of_multimolecule(shared_data, system, columns, groups, options):
    folder = shared_data / "golden" / "multimolecule-0.2.2" / system
    model = bpflow.load(folder, device="cpu")
    sequences = [record.sequence for record in pysam.FastxFile(str(folder / "sequences.fa"))]
    found = model(sequences, **options)
    with np.load(folder / "predictions.npz") as expected:
        assert found.profile_logits.shape == found.track.shape == (len(sequences), 1000, columns)
        assert found.log_counts.shape == (len(sequences), groups)
        for name in ("profile_logits", "log_counts", "track"):
            ours, theirs = getattr(found, name), expected[name]
            assert np.abs(ours - theirs).max() <= TOLERANCE * np.abs(theirs).max(), name


def test_profile_loss_equals_the_official_one(expected):
    logits, counts = (torch.from_numpy(expected[key]) for key in ("chrombpnet_profile_logits", "observed_counts"))
    official = float(expected["multinomial_nll_mean"])
    assert multinomial_nll(logits, counts).item() == pytest.approx(official, rel=1e-6)
    rows = metrics.multinomial_nll(torch.log_softmax(logits.double(), dim=1).numpy(), counts.numpy())
    assert rows.mean() == pytest.approx(official, rel=1e-6)
    assert rows[5] == 0


def test_profile_metrics_equal_the_official_ones(expected):
    counts, profiles = expected["observed_counts"], expected["metric_probabilities"]
    np.testing.assert_allclose(jensen_shannon(counts, profiles), expected["jsd"], rtol=1e-7, equal_nan=True)
    np.testing.assert_allclose(
        normalised_jsd(counts, profiles), expected["jsd_normalised"], rtol=0, atol=1e-7, equal_nan=True
    )
    assert np.isnan(jensen_shannon(counts, profiles)[5])
