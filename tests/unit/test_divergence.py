from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bpflow.datasets import TrainingSet, Windows, validation_set
from bpflow.divergence import diagnosis, flat_loss, require_varying_counts
from bpflow.errors import InputError
from bpflow.losses import losses
from bpflow.models.outputs import Output
from bpflow.signal_groups import SignalGroups
from unit import simulated

NONE = np.zeros(0, dtype=np.int64)
CENTERS = np.arange(100, 1900, 50)


def windows(signal):
    return Windows(np.zeros(2000, dtype=np.uint8), simulated.signal_track(signal), 60, 20)


def test_the_flat_loss_is_that_of_a_flat_profile_and_the_mean_count():
    made = windows(np.random.default_rng(3).poisson(0.4, 2000))
    counts = torch.from_numpy(made.gather(CENTERS, np.zeros(len(CENTERS), dtype=bool)).counts)
    mean = torch.log1p(counts.sum(1).float()).mean().expand(len(counts))
    expected = losses(Output(torch.zeros(len(counts), 20), mean), counts, 3.0).total.item()
    epoch = validation_set(NONE, CENTERS, negative_ratio=1, seed=1)
    assert flat_loss(made, epoch, 3.0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("value", [0, 2])
def test_counts_that_never_vary_are_refused_with_what_they_are(value):
    made = windows(np.full(2000, value, dtype=np.int32))
    with pytest.raises(InputError, match=rf"all 36 training windows hold exactly {20 * value} insertions"):
        require_varying_counts(made, TrainingSet(NONE, CENTERS))


def test_counts_that_vary_are_accepted():
    signal = np.zeros(2000, dtype=np.int32)
    signal[100] = 1
    require_varying_counts(windows(signal), TrainingSet(NONE, CENTERS))


def groups(*signals, number):
    tracks = tuple(simulated.signal_track(signal, f"{row}.bw") for row, signal in enumerate(signals))
    return Windows(np.zeros(2000, dtype=np.uint8), SignalGroups(tracks, number, (1, 0)), 60, 20)


@pytest.mark.parametrize("number", [1, 2])
def test_the_flat_loss_of_strands_is_that_of_their_groups(number):
    made = groups(*np.random.default_rng(3).poisson(0.4, (2, 2000)), number=number)
    counts = torch.from_numpy(made.gather(CENTERS, np.zeros(len(CENTERS), dtype=bool)).counts)
    logs = torch.log1p(counts.sum(-1).float()).mean(0).expand(counts.shape[:-1])
    expected = losses(Output(torch.zeros(counts.shape), logs), counts, 3.0).total.item()
    epoch = validation_set(NONE, CENTERS, negative_ratio=1, seed=1)
    assert flat_loss(made, epoch, 3.0) == pytest.approx(expected, rel=1e-5)


def test_a_strand_without_ends_is_refused_by_its_file_where_it_has_a_count():
    signal = np.random.default_rng(3).poisson(0.4, 2000)
    with pytest.raises(InputError, match=r"^1\.bw: all 36 training windows hold exactly 0 insertions"):
        require_varying_counts(groups(signal, np.zeros(2000, dtype=int), number=2), TrainingSet(NONE, CENTERS))
    require_varying_counts(groups(signal, np.zeros(2000, dtype=int), number=1), TrainingSet(NONE, CENTERS))


@pytest.mark.parametrize(
    ("means", "batches", "expected"),
    [
        ((9.0, 5.0, 2.0), 50, None),
        ((math.nan, 5.0, math.nan), 1, "the counts loss is no finite number"),
        ((math.inf, math.inf, math.inf), 1, "the profile and counts loss is no finite number"),
        # A first prediction may be far off; ten batches on, the model should be on its way.
        ((5000.0, 3.0, 2500.0), 9, None),
        ((5000.0, 3.0, 2500.0), 10, "the loss exploded: 5e+03 (profile 3, counts 2.5e+03)"),
    ],
)
def test_what_is_said_of_losses(means, batches, expected):
    found = diagnosis(torch.nn.Linear(2, 1), means, flat=10.0, batches=batches)
    assert found is None if expected is None else expected in found


def test_the_diagnosis_names_what_became_of_the_weights():
    model = torch.nn.Linear(2, 1)
    model.weight.data[:] = torch.tensor([[3e5, 0.0]])
    assert "the largest is 3e+05 in weight" in diagnosis(model, (math.nan,) * 3, flat=1.0, batches=1)
    model.bias.data[:] = math.nan
    assert "1 of 2 weights hold numbers that are not finite, bias first" in diagnosis(
        model, (math.nan,) * 3, flat=1.0, batches=1
    )
