from __future__ import annotations

import numpy as np
import pytest
import torch

from bpflow.bin_metrics import TrackSums
from bpflow.losses import poisson_losses


@pytest.fixture
def example():
    random = np.random.default_rng(2)
    observed = random.gamma(1, 3, (5, 40, 3))
    predicted = observed * 0.6 + random.gamma(1, 1, (5, 40, 3))
    observed[:, :, 1] *= 100
    return predicted, observed


def sums(predicted, observed, pieces=1):
    result = TrackSums(predicted.shape[2])
    for p, y in zip(np.array_split(predicted, pieces), np.array_split(observed, pieces), strict=True):
        result.add(torch.tensor(p), torch.tensor(y))
    return result


@pytest.mark.parametrize("pieces", [1, 3])
def test_metrics_equal_numpys_over_all_windows_and_bins(example, pieces):
    predicted, observed = example
    found = sums(predicted, observed, pieces)
    for track in range(3):
        p, y = predicted[..., track].ravel(), observed[..., track].ravel()
        assert found.pearson()[track].item() == pytest.approx(np.corrcoef(p, y)[0, 1], rel=1e-9)
        expected = 1 - np.square(y - p).sum() / np.square(y - y.mean()).sum()
        assert found.r_squared()[track].item() == pytest.approx(expected, rel=1e-9)
        assert found.poisson()[track].item() == pytest.approx(np.mean(p - y * np.log(p + 1e-7)), rel=1e-9)


def test_constant_predictions_correlate_with_nothing(example):
    predicted, observed = example
    predicted[..., 0] = observed[..., 0].mean()
    observed[..., 2] = 3
    found = sums(predicted, observed)
    assert found.pearson()[[0, 2]].tolist() == [0, 0]
    assert found.r_squared()[0].item() == pytest.approx(0, abs=1e-12)
    assert found.r_squared()[2].item() == 0


def reference(predicted, observed):
    return np.mean(predicted - observed * np.log(predicted + 1e-7))


def test_the_poisson_loss_equals_float64_and_is_the_sum_of_its_parts(example):
    predicted, observed = example
    found = poisson_losses(torch.tensor(predicted, dtype=torch.float32), torch.tensor(observed, dtype=torch.float16))
    assert found.total.dtype == torch.float32
    assert found.total.item() == pytest.approx(reference(predicted, observed.astype(np.float16)), rel=1e-5)
    assert found.total.item() == pytest.approx(found.profile.item() + found.counts.item(), rel=1e-6)
    # The total's part is that of one bin as wide as the window.
    whole = reference(predicted.sum(1), observed.sum(1)) / 40
    assert found.counts.item() == pytest.approx(whole, rel=1e-3)


def test_predictions_of_0_have_finite_losses_and_gradients():
    predicted = torch.zeros(1, 4, 2, requires_grad=True)
    losses = poisson_losses(predicted, torch.tensor([[[1.0, 0]] * 4]))
    losses.total.backward()
    assert all(torch.isfinite(loss) for loss in losses)
    assert torch.isfinite(predicted.grad).all()
    # Without counts, each prediction costs itself.
    np.testing.assert_allclose(predicted.grad[..., 1], 1 / 8)


def test_a_window_without_counts_costs_what_is_predicted():
    predicted = torch.rand(2, 6, 3, generator=torch.Generator().manual_seed(1))
    assert poisson_losses(predicted, torch.zeros(2, 6, 3)).total.item() == pytest.approx(predicted.mean().item())
