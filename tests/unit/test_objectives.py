from __future__ import annotations

import math

import torch

from bpflow.batches import DeviceBatch
from bpflow.losses import losses
from bpflow.models.outputs import Output
from bpflow.objectives import ProfileObjective
from bpflow.world import World


def test_a_profile_model_lowers_its_two_losses_under_the_batch_mask():
    output = Output(torch.randn(3, 2, 20), torch.randn(3, 2))
    counts, mask = torch.randint(0, 4, (3, 2, 20)), torch.rand(3, 2, 20) < 0.5
    batch = DeviceBatch(torch.zeros(3, 40, dtype=torch.uint8), counts, 3, mask)
    objective = ProfileObjective(7.0)
    assert objective.losses(output, batch) == losses(output, counts, 7.0, mask)
    unmasked = batch._replace(mask=None)
    assert objective.losses(output, unmasked) == losses(output, counts, 7.0)
    assert objective.losses(output, batch).profile != objective.losses(output, unmasked).profile


def test_the_best_epoch_is_the_one_of_lowest_loss():
    objective = ProfileObjective(1.0)
    assert objective.chosen_by(3.5, World()) == 3.5
    assert math.isinf(objective.chosen_by(math.inf, World()))
