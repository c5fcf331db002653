"""Run a command of bpflow with the arithmetic of bfloat16 units, on a machine that has none.

python benchmarks/emulated_bfloat16.py train bias ... --precision float32

Such units multiply bfloat16 numbers exactly and add the products up in float32. So rounding what goes into and comes
out of each convolution, forward and backward, gives what they compute, but for the order of sums. It is as slow as
float32, where the library's own emulation takes twelve times as long.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from bpflow.cli import main
from bpflow.models import convolution, single_output

EXACT = convolution.convolve


class Rounded(torch.autograd.Function):
    """Rounds numbers to bfloat16 on their way forward, and their gradients on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Values, of any shape."""
        return x.bfloat16().float()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Gradients, of the same shape."""
        return gradient.bfloat16().float()


def convolve(x: Tensor, weight: Tensor, bias: Tensor, *, dilation: int = 1) -> Tensor:
    """In place of :func:`bpflow.models.convolution.convolve`."""
    if single_output.is_single_output(weight, dilation):
        # So little work that PyTorch's own emulation does it.
        return single_output.convolve(x, weight, bias, torch.bfloat16)
    exact = EXACT(*map(Rounded.apply, (x, weight, bias)), dilation=dilation)
    return Rounded.apply(exact)


def relu_convolution(x: Tensor, weight: Tensor, bias: Tensor, *, dilation: int = 1, residual: bool = False) -> Tensor:
    """In place of :func:`bpflow.models.convolution.relu_convolution`."""
    y = convolve(x, weight, bias, dilation=dilation).relu()
    return Rounded.apply(y + convolution.cropped(x, y.shape[2])) if residual else y


@contextmanager
def emulated() -> Iterator[None]:
    """Let all models compute so within the block."""
    names = ("convolve", "relu_convolution")
    before = {name: getattr(convolution, name) for name in names}
    for name in names:
        setattr(convolution, name, globals()[name])
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(convolution, name, function)


if __name__ == "__main__":
    with emulated():
        main(sys.argv[1:])
