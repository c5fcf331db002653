"""The emulation that the benchmarks train with: forward the same as PyTorch's bfloat16, backward of its accuracy."""

from __future__ import annotations

import torch
from emulated_bfloat16 import emulated

from bpflow.models import BPNet, BPNetConfig
from bpflow.models.encoding import one_hot


def computed(model, x, *, autocast=False):
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        logits, log_counts = model(x)
    (logits.float().square().mean() + log_counts.float().square().mean()).backward()
    gradients = torch.cat([weights.grad.reshape(-1) for weights in model.parameters()])
    return torch.cat([logits.detach().float().reshape(-1), log_counts.detach().float()]), gradients


def test_the_emulation_rounds_where_bfloat16_does():
    config = BPNetConfig(input_length=300, output_length=100, filters=16, layers=3)
    model = BPNet(config, torch.Generator().manual_seed(2)).train()
    x = one_hot(torch.randint(0, 4, (8, 300), generator=torch.Generator().manual_seed(3)).to(torch.uint8))
    exact, real = computed(model, x), computed(model, x, autocast=True)
    with emulated():
        found = computed(model, x)
    assert all(torch.equal(one, other) for one, other in zip(computed(model, x), exact, strict=True))
    assert torch.allclose(found[0], real[0], rtol=0, atol=1e-6)
    assert not torch.allclose(found[0], exact[0], rtol=0, atol=1e-4)
    # Without units for it, PyTorch adds gradients up in other steps: errors are of one size, but not equal.
    error, expected = ((gradients - exact[1]).norm() for gradients in (found[1], real[1]))
    assert 0.5 < error / expected < 2
