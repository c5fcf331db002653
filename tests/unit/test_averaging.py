from __future__ import annotations

import pytest
import torch
from torch import nn

from bpflow.averaging import RunningAverage


def set_all(model, value):
    with torch.no_grad():
        for weights in model.parameters():
            weights.fill_(value)


def test_steady_weights_are_their_own_average():
    model = nn.Linear(3, 1)
    average = RunningAverage(model, 10)
    set_all(model, 2.0)
    for _ in range(200):
        average.update()
    assert torch.allclose(average.model.weight, torch.full((1, 3), 2.0))
    assert model.weight.requires_grad
    assert not average.model.weight.requires_grad


def test_a_step_fades_over_the_span():
    model = nn.Linear(1, 1)
    average = RunningAverage(model, 50)
    set_all(model, 0.0)
    for _ in range(1000):
        average.update()
    set_all(model, 1.0)
    for _ in range(50):
        average.update()
    assert average.model.bias.item() == pytest.approx(1 - (1 - 1 / 50) ** 50, abs=1e-6)


def test_early_steps_soon_forget_the_first_weights():
    model = nn.Linear(1, 1)
    set_all(model, 100.0)
    average = RunningAverage(model, 1e6)
    set_all(model, 0.0)
    for _ in range(20):
        average.update()
    assert abs(average.model.bias.item()) < 1e-3


def test_frozen_weights_are_left_alone():
    model = nn.Linear(1, 1)
    model.bias.requires_grad_(False)
    average = RunningAverage(model, 5)
    set_all(model, 3.0)
    before = average.model.bias.item()
    average.update()
    assert average.model.bias.item() == before


def test_statistics_are_averaged_with_the_weights_and_counters_taken_over():
    model = nn.BatchNorm1d(2)
    average = RunningAverage(model, 50)
    model.running_mean.fill_(1.0)
    model.num_batches_tracked.fill_(7)
    average.update()
    share = 9 / 10
    assert average.model.running_mean.tolist() == pytest.approx([share, share])
    assert average.model.num_batches_tracked.item() == 7
