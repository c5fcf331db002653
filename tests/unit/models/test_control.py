"""The control of the published BPNet, against its formula position by position in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bpflow.errors import InputError
from bpflow.models import BPNet, BPNetConfig
from bpflow.models.control import Control
from bpflow.models.encoding import one_hot
from bpflow.models.outputs import Output, Outputs

LENGTH = 120


@pytest.fixture
def control():
    made = Control(2)
    made.initialise(torch.Generator().manual_seed(1))
    return made


def counts(seed=0, n=3):
    return torch.from_numpy(np.random.default_rng(seed).poisson(0.5, (n, 2, LENGTH)).astype(np.int32))


@pytest.mark.parametrize("shared", [True, False])
def test_what_is_added_equals_the_formula(control, shared):
    outputs = Outputs(("a", "b"), 2, shared, LENGTH)
    before = outputs.laid_out(torch.randn(3, 4, LENGTH), torch.randn(3, outputs.groups))
    given = counts()
    found = control(before, given, outputs)
    added = outputs.by_track(found.profile_logits - before.profile_logits).detach().numpy()
    profile, sizes = control.profile.detach().numpy().astype(float), control.counts.detach().numpy().astype(float)
    tracks = given.numpy().astype(float)
    both = tracks.sum(1)
    # TensorFlow's padding of an even width has the larger half behind.
    box = np.array([[row[max(at - 24, 0) : at + 26].sum() for at in range(LENGTH)] for row in both])
    for task in range(2):
        expected = profile[task, 0] * tracks[:, 0] + profile[task, 1] * tracks[:, 1] + profile[task, 2] * box
        for strand in range(2):
            np.testing.assert_allclose(added[:, 2 * task + strand], expected, atol=2e-4)
    logs = np.log1p(tracks.sum(2)) @ sizes.T
    each = outputs.groups // 2
    found_logs = (found.log_counts - before.log_counts).detach().numpy()
    np.testing.assert_allclose(found_logs, np.repeat(logs, each, axis=1), atol=1e-5)


def test_it_is_computed_in_float32_whatever_the_precision(control):
    outputs = Outputs(("a", "b"), 2, False, LENGTH)
    before = Output(torch.zeros(3, 4, LENGTH), torch.zeros(3, 4))
    expected = control(before, counts(), outputs)
    with torch.autocast("cpu", torch.bfloat16):
        found = control(before, counts(), outputs)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        assert torch.equal(one, other)


def published(control):
    config = BPNetConfig(**{**BPNetConfig.published().model_dump(), "layers": 3, "filters": 8, "control": control})
    return BPNet(config, torch.Generator().manual_seed(2)).eval()


def test_twenty_weights_more_of_which_zeros_make_no_difference():
    with_control, without = published(True), published(False)
    sizes = [sum(weights.numel() for weights in model.parameters()) for model in (with_control, without)]
    assert sizes[0] - sizes[1] == 20
    codes = torch.randint(0, 4, (2, 1000), dtype=torch.uint8, generator=torch.Generator().manual_seed(7))
    bare = with_control(one_hot(codes))
    for one, other in zip(bare, with_control(one_hot(codes), torch.zeros(2, 2, 1000)), strict=True):
        assert torch.equal(one, other)
    given = torch.ones(2, 2, 1000)
    assert not torch.allclose(bare.profile_logits, with_control(one_hot(codes), given).profile_logits)
    with pytest.raises(InputError, match="a control track"):
        without(one_hot(codes), given)


def test_the_control_learns():
    model = published(True).train()
    output = model(one_hot(torch.zeros(2, 1000, dtype=torch.uint8)), counts(n=2).repeat(1, 1, 9)[..., :1000])
    (output.profile_logits.square().mean() + output.log_counts.square().mean()).backward()
    assert model.control.profile.grad.abs().min() > 0
    assert model.control.counts.grad.abs().min() > 0
