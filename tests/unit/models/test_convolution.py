"""The convolutions written for speed against the library's own, in values and in all gradients."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from bpflow.models.convolution import Convolution, convolve, cropped, relu_convolution

SHAPES = [
    pytest.param(4, 8, 21, 1, id="stem, unrolled"),
    pytest.param(4, 8, 33, 1, id="wide stem, tap by tap"),
    pytest.param(8, 8, 3, 16, id="dilated"),
    pytest.param(6, 10, 5, 2, id="other sizes"),
    pytest.param(8, 1, 75, 1, id="profile head"),
    pytest.param(8, 1, 3, 2, id="one output, dilated"),
]


def tensors(channels, filters, kernel, *, channels_last=True):
    random = torch.Generator().manual_seed(3)
    x = torch.randn(3, 150, channels, generator=random)
    x = x.transpose(1, 2) if channels_last else x.transpose(1, 2).contiguous()
    weight = torch.randn(filters, channels, kernel, generator=random)
    bias = torch.randn(filters, generator=random)
    return [tensor.requires_grad_() for tensor in (x, weight, bias)]


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize(("channels", "filters", "kernel", "dilation"), SHAPES)
def test_convolution_equals_the_library_in_values_and_gradients(channels, filters, kernel, dilation, channels_last):
    x, weight, bias = tensors(channels, filters, kernel, channels_last=channels_last)
    ours = convolve(x, weight, bias, dilation=dilation)
    theirs = functional.conv1d(x.double(), weight.double(), bias.double(), dilation=dilation)
    torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-4)
    upstream = torch.randn(theirs.shape, generator=torch.Generator().manual_seed(4))
    found = torch.autograd.grad(ours, (x, weight, bias), upstream)
    expected = torch.autograd.grad(theirs, (x, weight, bias), upstream.double())
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("residual", [True, False])
def test_fused_block_equals_its_parts(residual):
    x, weight, bias = tensors(8, 8, 3)
    fused = relu_convolution(x, weight, bias, dilation=4, residual=residual)
    y = functional.relu(functional.conv1d(x, weight, bias, dilation=4))
    parts = y + x[..., 4:-4] if residual else y
    torch.testing.assert_close(fused, parts, rtol=1e-5, atol=1e-5)
    upstream = torch.randn(parts.shape, generator=torch.Generator().manual_seed(4))
    for one, other in zip(
        torch.autograd.grad(fused, (x, weight, bias), upstream),
        torch.autograd.grad(parts, (x, weight, bias), upstream),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)


def test_bfloat16_runs_the_library_kernels_and_stays_close():
    x, weight, bias = (tensor.detach() for tensor in tensors(8, 8, 3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = relu_convolution(x, weight, bias, dilation=2, residual=True)
        single = convolve(x, weight[:1], bias[:1])
    assert single.dtype == torch.bfloat16
    exact = relu_convolution(x, weight, bias, dilation=2, residual=True)
    assert (low - exact).abs().max() / exact.abs().max() < 0.02


def test_crop_keeps_the_centre():
    x = torch.arange(10.0).view(1, 1, 10)
    assert cropped(x, 4).flatten().tolist() == [3, 4, 5, 6]


def test_module_says_its_sizes():
    assert "4, 8, kernel=3, dilation=2" in repr(Convolution(4, 8, 3, dilation=2))
