from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from bpflow.batches import DeviceBatch
from bpflow.models import BPNet, BPNetConfig
from bpflow.objectives import ProfileObjective
from bpflow.optimiser import KerasAdam
from bpflow.stepping import Stepper, TooLittleMemoryError
from bpflow.world import World

SIZES = BPNetConfig(input_length=200, output_length=80, filters=8, layers=2)


@pytest.fixture
def batch():
    random = np.random.default_rng(2)
    codes = torch.from_numpy(random.integers(0, 4, (12, 200)).astype(np.uint8))
    return DeviceBatch(codes, torch.from_numpy(random.poisson(1.0, (12, 80)).astype(np.int32)), 12)


class LittleMemory(BPNet):
    """Refuses more than so many examples at once, as an allocator does."""

    most = 3

    def forward(self, one_hot):
        if len(one_hot) > self.most:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory")
        return super().forward(one_hot)


def stepper_of(model):
    return Stepper(
        KerasAdam(model.parameters()), ProfileObjective(2.0), device=torch.device("cpu"), precision=torch.float32
    )


def network(kind=BPNet):
    return kind(SIZES, torch.Generator().manual_seed(1)).train()


def test_a_batch_that_does_not_fit_is_split_and_gives_the_same_step(batch, caplog):
    plain, tight = network(), network(LittleMemory)
    sums = stepper_of(plain).update(plain, batch)[0]
    split = stepper_of(tight)
    with caplog.at_level(logging.WARNING, "bpflow"):
        found = split.update(tight, batch)[0]
    assert split.piece == 3
    assert "3 examples at a time" in caplog.text
    assert torch.allclose(found, sums, rtol=1e-5)
    for one, other in zip(plain.parameters(), tight.parameters(), strict=True):
        # Adam would make much of rounding where a gradient is zero, as that of the profile's bias.
        assert torch.allclose(one.grad, other.grad, atol=1e-4, rtol=1e-4)
    # Losses are computed in the smaller pieces from then on.
    caplog.clear()
    assert torch.allclose(split.losses(tight.eval(), batch), stepper_of(plain).losses(plain.eval(), batch), rtol=1e-4)
    assert not caplog.text


def test_not_even_one_example_fits(batch):
    model = network(LittleMemory)
    model.most = 0
    with pytest.raises(TooLittleMemoryError, match="too little memory for one example"):
        stepper_of(model).update(model, batch)


def test_other_failures_are_not_taken_for_a_lack_of_memory(batch):
    model = network()
    model.counts.weight.data = torch.zeros(1, 5)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        stepper_of(model).update(model, batch)


def test_a_process_without_examples_takes_the_step_of_the_others(batch):
    class Pair(World):
        """The other process has all examples, whose gradients are ones."""

        def add_up(self, tensors):
            for tensor in tensors:
                tensor += 1

    model = network()
    before = [weights.detach().clone() for weights in model.parameters()]
    stepper = stepper_of(model)
    stepper.world = Pair(1, 2)
    sums, flags = stepper.update(model, DeviceBatch(batch.codes[:0], batch.counts[:0], 1), 1.0)
    assert sums.tolist() == [1, 1, 1]
    assert flags == 2
    # A first step of Adam is the learning rate long.
    for weights, old in zip(model.parameters(), before, strict=True):
        assert torch.allclose(weights, old - 1e-3, atol=1e-6)
