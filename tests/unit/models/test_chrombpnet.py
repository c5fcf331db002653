from __future__ import annotations

import pytest
import torch

from bpflow.errors import InputError
from bpflow.models import BPNet, BPNetConfig, ChromBPNet, build
from bpflow.models.encoding import one_hot

LENGTHS = {"input_length": 300, "output_length": 100}


def combined(seed=1):
    random = torch.Generator().manual_seed(seed)
    return ChromBPNet(
        BPNet(BPNetConfig(**LENGTHS, filters=8, layers=3), random),
        BPNet(BPNetConfig(**LENGTHS, filters=4, layers=2), random),
    )


def sequences(number=3):
    return one_hot(torch.randint(0, 4, (number, 300), dtype=torch.uint8, generator=torch.Generator().manual_seed(7)))


def test_logits_add_and_counts_add_before_the_logarithm():
    model, x = combined().eval(), sequences()
    corrected, bias, both = model.accessibility(x), model.bias(x), model(x)
    torch.testing.assert_close(both.profile_logits, corrected.profile_logits + bias.profile_logits)
    torch.testing.assert_close(both.log_counts.exp(), corrected.log_counts.exp() + bias.log_counts.exp())


def test_parts_are_the_parts():
    model, x = combined().eval(), sequences()
    parts = model.parts(x)
    for part, alone in zip(parts, (model(x), model.accessibility(x), model.bias(x)), strict=True):
        for one, other in zip(part, alone, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_a_bias_without_counts_leaves_the_corrected_counts():
    model, x = combined().eval(), sequences()
    with torch.no_grad():
        model.bias.counts.bias.fill_(-1e4)
    assert torch.equal(model(x).log_counts, model.accessibility(x).log_counts)


def test_only_the_accessibility_part_trains():
    model = combined().train()
    assert not model.bias.training
    assert model.accessibility.training
    output = model(sequences())
    (output.profile_logits.square().mean() + output.log_counts.sum()).backward()
    assert all(weights.grad is None for weights in model.bias.parameters())
    assert all(weights.grad is not None for weights in model.accessibility.parameters())


def test_gradients_of_the_input_pass_through_both_parts():
    model, x = combined().eval(), sequences().requires_grad_()
    (gradient,) = torch.autograd.grad(model(x).profile_logits[:, 50].sum(), x)
    separate = [
        torch.autograd.grad(part(x).profile_logits[:, 50].sum(), x)[0] for part in (model.accessibility, model.bias)
    ]
    torch.testing.assert_close(gradient, separate[0] + separate[1], rtol=1e-4, atol=1e-6)
    assert separate[1].abs().max() > 0


def test_official_number_of_parameters():
    model = ChromBPNet(BPNet(BPNetConfig()), BPNet(BPNetConfig(filters=128, layers=4)))
    assert sum(weights.numel() for weights in model.parameters()) == 6_595_716
    assert sum(weights.numel() for weights in model.parameters() if weights.requires_grad) == 6_377_986


def test_rebuilds_from_its_configuration():
    model = combined()
    again = build(model.config.model_dump())
    assert again.config == model.config
    again.load_state_dict(model.state_dict())


def test_parts_of_different_channels_are_refused():
    with pytest.raises(InputError, match="n_channel is True for the bias"):
        ChromBPNet(
            BPNet(BPNetConfig(**LENGTHS, filters=4, layers=2)),
            BPNet(BPNetConfig(**LENGTHS, filters=4, layers=2, n_channel=True)),
        )


def test_parts_of_different_lengths_are_refused():
    with pytest.raises(InputError, match="output_length"):
        ChromBPNet(
            BPNet(BPNetConfig(**LENGTHS, filters=4, layers=2)),
            BPNet(BPNetConfig(input_length=300, output_length=80, filters=4, layers=2)),
        )


@pytest.mark.parametrize("options", [{"strands": 2}, {"tasks": ("a", "b")}])
def test_parts_of_several_tracks_are_refused(options):
    one, several = (BPNet(BPNetConfig(**LENGTHS, filters=4, layers=2, **more)) for more in ({}, options))
    with pytest.raises(InputError, match="2 tracks of the bias model"):
        ChromBPNet(one, several)
    with pytest.raises(InputError, match="2 tracks of the accessibility model"):
        ChromBPNet(several, one)
