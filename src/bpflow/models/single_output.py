"""Valid convolutions of one output channel as matrix products, which suit a CPU better than kernels for many channels.

All taps are multiplied with all positions; outputs are sums along the diagonals of what comes out.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["channels_last", "convolve", "input_gradient", "is_single_output"]


def is_single_output(weight: Tensor, dilation: int) -> bool:
    """Whether this module knows the convolution by a weight (F, C, k): one output, undilated."""
    return weight.shape[0] == 1 and dilation == 1


def convolve(x: Tensor, weight: Tensor, bias: Tensor, kind: torch.dtype) -> Tensor:
    """Valid convolution of (N, C, L) with (1, C, k), to (N, 1, L - k + 1) in float32.

    Products are computed in `kind`, and added up in float32.
    """
    return _SingleOutput.apply(x, weight, bias, kind)


def input_gradient(gradient: Tensor, weight: Tensor) -> Tensor:
    """Gradient for the input: (N, 1, length) to (N, C, length + k - 1)."""
    return _input_gradient(_outputs_seen(gradient[:, 0], weight.shape[2]), weight)


def channels_last(x: Tensor) -> Tensor:
    """(N, C, L) as (N, L, C), contiguous; no copy when it is laid out so already."""
    return x.transpose(1, 2).contiguous()


class _SingleOutput(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, kind: torch.dtype) -> Tensor:
        ctx.kinds = x.dtype, weight.dtype
        x, weight = x.to(kind), weight.to(kind)
        ctx.save_for_backward(x, weight)
        kernel = weight.shape[2]
        products = torch.matmul(channels_last(x), weight[0])
        examples, positions, _ = products.shape
        diagonals = products.as_strided(
            (examples, positions - kernel + 1, kernel), (positions * kernel, kernel, kernel + 1)
        )
        return (diagonals.sum(2, dtype=torch.float32) + bias).unsqueeze(1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of_x = of_weight = of_bias = None
        windows = _outputs_seen(gradient[:, 0].to(weight.dtype), weight.shape[2])
        if ctx.needs_input_grad[0]:
            of_x = _input_gradient(windows, weight).to(ctx.kinds[0])
        if ctx.needs_input_grad[1]:
            products = torch.bmm(channels_last(x).transpose(1, 2), windows)
            of_weight = products.sum(0).flip(1).unsqueeze(0).to(ctx.kinds[1])
        if ctx.needs_input_grad[2]:
            of_bias = gradient.sum().view(1)
        return of_x, of_weight, of_bias, None


def _outputs_seen(gradient: Tensor, kernel: int) -> Tensor:
    """(n, i, j): the gradient at output i - (kernel - 1) + j; those outputs see input i, last tap first."""
    return functional.pad(gradient, (kernel - 1, kernel - 1)).unfold(1, kernel, 1)


def _input_gradient(windows: Tensor, weight: Tensor) -> Tensor:
    of_x = torch.matmul(windows.reshape(-1, weight.shape[2]), weight[0].flip(1).t())
    return of_x.view(*windows.shape[:2], -1).transpose(1, 2)
