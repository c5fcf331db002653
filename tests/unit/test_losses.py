from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multinomial

from bpflow.losses import counts_loss, losses, multinomial_nll
from bpflow.models.outputs import Output


@pytest.fixture
def example():
    random = np.random.default_rng(5)
    logits = random.normal(0, 3, (4, 60))
    counts = random.poisson(2, (4, 60))
    counts[2] = 0
    return logits, counts


def reference(logits, counts):
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return -np.mean([multinomial.logpmf(x, x.sum(), p) for x, p in zip(counts, probabilities, strict=True)])


def test_multinomial_nll_equals_scipy_in_float64(example):
    logits, counts = example
    found = multinomial_nll(torch.tensor(logits, dtype=torch.float32), torch.tensor(counts))
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(reference(logits, counts), rel=1e-5)


def test_an_empty_region_contributes_nothing_and_has_a_finite_gradient():
    logits = torch.randn(1, 50, generator=torch.Generator().manual_seed(1)).requires_grad_()
    loss = multinomial_nll(logits, torch.zeros(1, 50))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_many_counts_stay_accurate():
    random = np.random.default_rng(1)
    logits = random.normal(0, 1, (1, 1000))
    counts = random.multinomial(100_000, np.full(1000, 1e-3), 1)
    found = multinomial_nll(torch.tensor(logits, dtype=torch.float32), torch.tensor(counts)).item()
    assert found == pytest.approx(reference(logits, counts), rel=1e-4)


def test_losses_are_float32_for_bfloat16_predictions(example):
    logits, counts = (torch.tensor(array) for array in example)
    found = losses(Output(logits.bfloat16(), torch.zeros(4, dtype=torch.bfloat16)), counts, 2.0)
    assert all(loss.dtype == torch.float32 for loss in found)
    assert found.total.item() == pytest.approx(found.profile.item() + 2 * found.counts.item(), rel=1e-6)


def test_counts_loss_is_the_squared_error_of_log_totals():
    counts = torch.tensor([[1, 2], [0, 0]])
    found = counts_loss(torch.tensor([1.0, 0.5]), counts)
    assert found.item() == pytest.approx(((1 - np.log(4)) ** 2 + 0.25) / 2, rel=1e-6)
