from __future__ import annotations

import math

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


def reference_nll(logits, counts, mask):
    """Of one example and group, in float64: logits are chosen before their softmax, and other reads are not counted."""
    logits, counts = logits[mask], counts[mask]
    if not len(logits):
        return 0.0
    n, log_probabilities = counts.sum(), logits - np.logaddexp.reduce(logits)
    constant = math.lgamma(n + 1) - sum(math.lgamma(count + 1) for count in counts)
    return -(constant + float((counts * log_probabilities).sum()))


@pytest.fixture
def grouped():
    """Logits, counts and masks of 5 examples of 3 groups; masks of some rows are all or nothing."""
    random = np.random.default_rng(6)
    logits, counts = random.normal(0, 2, (5, 3, 40)), random.poisson(0.7, (5, 3, 40))
    mask = random.random((5, 3, 40)) < 0.6
    mask[0, 1], mask[2], mask[3, 0] = False, False, True
    counts[1, 2] = 0
    return logits, counts, mask


def test_masked_losses_equal_those_of_the_unmasked_positions_alone(grouped):
    logits, counts, mask = grouped
    given = torch.tensor(logits, dtype=torch.float32, requires_grad=True)
    found = multinomial_nll(given, torch.tensor(counts), torch.tensor(mask))
    rows = [(example, group) for example in range(5) for group in range(3)]
    expected = sum(reference_nll(logits[row], counts[row], mask[row]) for row in rows) / 5
    assert found.item() == pytest.approx(expected, rel=1e-5)
    found.backward()
    assert given.grad.isfinite().all()
    assert not given.grad[~torch.tensor(mask)].any()
    # The gradient of an example by itself, a fifth of the mean's.
    for row in rows:
        if mask[row].any():
            seen, reads = logits[row][mask[row]], counts[row][mask[row]]
            shares = np.exp(seen - np.logaddexp.reduce(seen))
            np.testing.assert_allclose(
                given.grad[row].numpy()[mask[row]], (reads.sum() * shares - reads) / 5, atol=1e-5
            )


def test_a_mask_of_everything_changes_nothing_and_one_of_nothing_leaves_zero(grouped):
    logits, counts, mask = (torch.tensor(part) for part in grouped)
    whole = multinomial_nll(logits, counts)
    assert multinomial_nll(logits, counts, torch.ones_like(mask)).item() == pytest.approx(whole.item(), rel=1e-6)
    leaf = logits.float().requires_grad_()
    nothing = multinomial_nll(leaf, counts, torch.zeros_like(mask))
    nothing.backward()
    assert nothing.item() == 0
    assert not leaf.grad.any()


def test_masks_of_extreme_logits_stay_finite():
    logits = torch.tensor([[1e4, -1e4, 3.0], [-1e4, 0.0, 1e4]], requires_grad=True)
    counts, mask = torch.tensor([[5, 1, 2], [1, 4, 3]]), torch.tensor([[False, True, True], [True, True, False]])
    found = multinomial_nll(logits, counts, mask)
    found.backward()
    assert found.isfinite()
    assert logits.grad.isfinite().all()


def test_losses_of_groups_are_sums_over_them_and_counts_know_no_mask(grouped):
    logits, counts, mask = grouped
    logs = np.random.default_rng(7).normal(2, 1, (5, 3))
    output = Output(torch.tensor(logits), torch.tensor(logs))
    found = losses(output, torch.tensor(counts), 4.0, torch.tensor(mask))
    squares = np.square(logs - np.log1p(counts.sum(2))).sum(1).mean()
    assert found.counts.item() == pytest.approx(squares, rel=1e-5)
    assert found.total.item() == pytest.approx(found.profile.item() + 4 * squares, rel=1e-5)


def test_the_published_loss_of_a_bpnet():
    """Over tasks and strands the sum of profile losses, and 10 times the mean over strands of squared errors."""
    random = np.random.default_rng(8)
    tasks, strands, examples = 3, 2, 4
    logits, counts = random.normal(0, 1, (examples, 6, 30)), random.poisson(0.6, (examples, 6, 30))
    logs = random.normal(2, 1, (examples, 6))
    expected = 0.0
    for task in range(tasks):
        tracks = range(strands * task, strands * task + strands)
        everywhere = np.ones(30, dtype=bool)
        expected += (
            sum(
                reference_nll(logits[i, track], counts[i, track], everywhere)
                for i in range(examples)
                for track in tracks
            )
            / examples
        )
        errors = [(logs[i, track] - np.log1p(counts[i, track].sum())) ** 2 for i in range(examples) for track in tracks]
        expected += 10 * np.mean(errors)
    output = Output(torch.tensor(logits), torch.tensor(logs))
    assert losses(output, torch.tensor(counts), 10 / strands).total.item() == pytest.approx(expected, rel=1e-5)


def test_the_published_loss_of_a_procapnet():
    """One multinomial over both strands' mappable bases, and 100 times the squared error of all ends' logarithm."""
    random = np.random.default_rng(9)
    logits, counts, logs = random.normal(0, 1, (4, 60)), random.poisson(0.6, (4, 60)), random.normal(2, 1, 4)
    mask = np.tile(random.random((4, 30)) < 0.7, 2)
    profile = np.mean([reference_nll(*rows) for rows in zip(logits, counts, mask, strict=True)])
    expected = profile + 100 * np.mean(np.square(logs - np.log1p(counts.sum(1))))
    output = Output(torch.tensor(logits), torch.tensor(logs))
    found = losses(output, torch.tensor(counts), 100.0, torch.tensor(mask))
    assert found.total.item() == pytest.approx(expected, rel=1e-5)
