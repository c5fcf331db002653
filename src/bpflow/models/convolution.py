"""Valid one-dimensional convolutions in the layout and by the kernels that suit each device.

Tensors are (N, C, L) to the caller; in memory the channel is the fastest axis (channels-last). Convolutions run as
2-D ones of height 1, for which PyTorch has channels-last kernels. On a CPU a single-output convolution is a matrix
product summed along its diagonals, and in float32 gradients of the weights are sums of matrix products, one a tap:
both are several times faster there than the library's kernels for these shapes, and equal to rounding. ReLUs are
computed by the kernel of the convolution that they follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bpflow.models import single_output
from bpflow.models.single_output import channels_last

__all__ = [
    "Convolution",
    "convolve",
    "cropped",
    "input_gradient",
    "packed_for_prediction",
    "padded",
    "relu_convolution",
]

# Up to this many weights an output channel, one product over unrolled windows beats one product a tap.
UNROLL_LIMIT = 128
# From so many channels on, other ways are faster on a CPU: in float32 products tap by tap, in bfloat16 explicit zeros.
WIDE = 512
# Of the inputs that a layout of weights is chosen for; others are computed as well.
TYPICAL_LENGTH = 2000


class Convolution(nn.Module):
    """A valid 1-D convolution with a bias.

    Parameters
    ----------
    in_channels, out_channels, kernel
        Sizes; the weight is (out_channels, in_channels, kernel).
    dilation
        Distance between taps.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, dilation: int = 1) -> None:
        super().__init__()
        self.dilation = dilation
        self.weight = nn.Parameter(torch.zeros(out_channels, in_channels, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self._packed: tuple[Tensor, Tensor] | None = None

    @property
    def reach(self) -> int:
        """Positions that the output is shorter than the input: (kernel - 1) * dilation."""
        return (self.weight.shape[2] - 1) * self.dilation

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, L) to (N, F, L - (kernel - 1) * dilation)."""
        return convolve(x, self.weight, self.bias, dilation=self.dilation)

    def activated(self, x: Tensor, *, residual: bool = False) -> Tensor:
        """As :func:`relu_convolution`."""
        weight, bias = self._packed or (self.weight, self.bias)
        return relu_convolution(x, weight, bias, dilation=self.dilation, residual=residual)

    def pack(self) -> None:
        """Keep the weights in bfloat16 and in the layout of the CPU's kernels for :meth:`activated`, until unpacked.

        They do not follow the parameters, and have no gradients.
        """
        weight, bias = (tensor.detach().bfloat16() for tensor in (self.weight, self.bias))
        seen = [1, weight.shape[1], 1, TYPICAL_LENGTH + self.reach]
        packed = torch.ops.mkldnn._reorder_convolution_weight(weight.unsqueeze(2), *_geometry(self.dilation), seen)
        self._packed = packed, bias

    def unpack(self) -> None:
        """Compute from the parameters again."""
        self._packed = None

    def extra_repr(self) -> str:
        """Sizes, for printing a model."""
        out_channels, in_channels, kernel = self.weight.shape
        return f"{in_channels}, {out_channels}, kernel={kernel}, dilation={self.dilation}"


def convolve(x: Tensor, weight: Tensor, bias: Tensor, *, dilation: int = 1) -> Tensor:
    """Valid convolution of (N, C, L) with (F, C, k), by the fastest way for the device and precision."""
    kind = _fused_type(x)
    if kind is not None and single_output.is_single_output(weight, dilation):
        return single_output.convolve(x, weight, bias, kind)
    if kind == torch.float32:
        return _CpuConvolution.apply(x, weight, bias, dilation)
    return _library_convolution(x, weight, bias, dilation)


def relu_convolution(x: Tensor, weight: Tensor, bias: Tensor, *, dilation: int = 1, residual: bool = False) -> Tensor:
    """ReLU of a valid convolution; with `residual`, plus the input cropped symmetrically to the same length.

    One fused step: fewer passes over memory than its parts, the same numbers.
    (N, C, L) to (N, F, L - (k - 1) * dilation), in the type that convolutions are computed in.
    """
    if torch.is_grad_enabled() and (kind := _fused_type(x)) is not None:
        return _CpuReluConvolution.apply(x, weight, bias, dilation, residual, kind)
    y = _rectified_convolution(x, weight, bias, dilation)
    if not residual:
        return y
    centre = cropped(x, y.shape[2]).to(y.dtype)
    # In place where no gradient needs the sign of y: memory that is taken anew costs more than the sum.
    return y + centre if torch.is_grad_enabled() else y.add_(centre)


@contextmanager
def packed_for_prediction(
    layers: Iterable[Convolution], device: torch.device, precision: torch.dtype
) -> Iterator[None]:
    """Within the block, activations of `layers` are computed from weights that were laid out once.

    Else a CPU with kernels for bfloat16 lays them out for each call. The numbers are the same. On other devices and in
    other precisions nothing is done.
    """
    packs = device.type == "cpu" and precision == torch.bfloat16 and torch.backends.mkldnn.is_available()
    packed = list(layers) if packs and torch.ops.mkldnn._is_mkldnn_bf16_supported() else []
    try:
        for layer in packed:
            layer.pack()
        yield
    finally:
        for layer in packed:
            layer.unpack()


def input_gradient(gradient: Tensor, weight: Tensor, *, dilation: int = 1) -> Tensor:
    """Gradient of a valid convolution for its input: (N, F, length) to (N, C, length + (k - 1) * dilation).

    Under :func:`torch.inference_mode` too, where nothing is recorded.
    """
    if _fused_type(gradient) == torch.float32 and single_output.is_single_output(weight, dilation):
        return single_output.input_gradient(gradient, weight)
    return _full_convolution(gradient, weight, dilation)


def cropped(x: Tensor, length: int) -> Tensor:
    """The centre of (N, C, L), as a view (N, C, length)."""
    crop = (x.shape[2] - length) // 2
    return x[..., crop : crop + length]


def padded(x: Tensor, length: int) -> Tensor:
    """(N, C, L) with zeros on both sides, (N, C, length), in the layout that the convolutions want."""
    result = x.new_zeros(len(x), length, x.shape[1]).transpose(1, 2)
    cropped(result, x.shape[2]).copy_(x)
    return result


def _fused_type(x: Tensor) -> torch.dtype | None:
    """The type that steps of our own compute `x` in; None where the library does: on other devices and in float64."""
    if x.device.type != "cpu" or x.dtype == torch.float64:
        return None
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


def _rectified_convolution(x: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
    """ReLU of a valid convolution, in one kernel where nothing is recorded for gradients."""
    kind = _fused_type(x)
    if kind is None or torch.is_grad_enabled():
        return functional.relu_(_library_convolution(x, weight, bias, dilation))
    x, bias = x.to(kind), bias.to(kind)
    if not weight.is_mkldnn:
        weight = weight.to(kind)
        if weight.shape[1] >= WIDE and kind == torch.float32:
            return functional.relu_(_summed_products(x, weight, bias, dilation))
        if not torch.backends.mkldnn.is_available():
            return functional.relu_(_library_convolution(x, weight, bias, dilation))
        weight = weight.unsqueeze(2)
    # What torch.compile, too, makes of the two on a CPU.
    y = torch.ops.mkldnn._convolution_pointwise(x.unsqueeze(2), weight, bias, *_geometry(dilation), "relu", [], "")
    return y.squeeze(2)


def _geometry(dilation: int) -> tuple[list[int], list[int], list[int], int]:
    """Padding, stride, dilation and groups of a 2-D convolution of height 1."""
    return [0, 0], [1, 1], [1, dilation], 1


def _summed_products(x: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
    """One matrix product a tap and example, added up in place."""
    inputs, taps = channels_last(x), weight.permute(2, 1, 0).contiguous()
    length = inputs.shape[1] - (len(taps) - 1) * dilation
    rows = x.new_empty(len(inputs), length, weight.shape[0])
    for example, result in zip(inputs, rows, strict=True):
        torch.addmm(bias, example[:length], taps[0], out=result)
        for number, tap in enumerate(taps[1:], start=1):
            result.addmm_(example[number * dilation : number * dilation + length], tap)
    return rows.transpose(1, 2)


def _library_convolution(x: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, padding: int = 0) -> Tensor:
    y = functional.conv2d(x.unsqueeze(2), weight.unsqueeze(2), bias, dilation=(1, dilation), padding=(0, padding))
    return y.squeeze(2)


class _CpuConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
        ctx.dilation = dilation
        ctx.save_for_backward(x, weight)
        return _library_convolution(x, weight, bias, dilation)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        return *_gradients(x, weight, gradient, ctx.dilation, ctx.needs_input_grad), None


class _CpuReluConvolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, dilation: int, residual: bool, kind: torch.dtype
    ) -> Tensor:
        ctx.dilation, ctx.residual = dilation, residual
        ctx.kinds = x.dtype, weight.dtype, bias.dtype
        x, weight, bias = (tensor.to(kind) for tensor in (x, weight, bias))
        y = _rectified_convolution(x, weight, bias, dilation)
        ctx.save_for_backward(x, weight, y)
        return y + cropped(x, y.shape[2]) if residual else y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, y = ctx.saved_tensors
        inner = torch.ops.aten.threshold_backward(gradient, y, 0)
        gradients_of = _gradients if x.dtype == torch.float32 else _library_gradients
        of_x, *others = gradients_of(x, weight, inner, ctx.dilation, ctx.needs_input_grad[:3])
        if of_x is not None and ctx.residual:
            cropped(of_x, y.shape[2]).add_(gradient)
        of_inputs = zip((of_x, *others), ctx.kinds, strict=True)
        return *(None if each is None else each.to(kind) for each, kind in of_inputs), None, None, None


def _gradients(
    x: Tensor, weight: Tensor, gradient: Tensor, dilation: int, needed: tuple[bool, ...]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Gradients of a valid convolution for its input, weight and bias, each only if `needed`."""
    rows = channels_last(gradient)
    kernel, length = weight.shape[2], rows.shape[1]
    of_x = of_weight = of_bias = None
    if needed[0]:
        of_x = _full_convolution(rows.transpose(1, 2), weight, dilation)
    if needed[1]:
        inputs = channels_last(x)
        examples, _, channels = inputs.shape
        if dilation == 1 and kernel * channels <= UNROLL_LIMIT:
            windows = inputs.view(examples, -1).unfold(1, kernel * channels, channels)
            products = torch.bmm(windows.transpose(1, 2), rows).sum(0)
            of_weight = products.view(kernel, channels, -1).permute(2, 1, 0)
        else:
            taps = [inputs[:, k * dilation : k * dilation + length].transpose(1, 2) for k in range(kernel)]
            of_weight = torch.stack([torch.bmm(tap, rows).sum(0) for tap in taps]).permute(2, 1, 0)
    if needed[2]:
        of_bias = rows.sum((0, 1))
    return of_x, of_weight, of_bias


def _full_convolution(gradient: Tensor, weight: Tensor, dilation: int) -> Tensor:
    """The gradient of a valid convolution for its input: a full convolution with the mirrored kernel."""
    return _library_convolution(gradient, _mirrored(weight), None, dilation, padding=(weight.shape[2] - 1) * dilation)


def _mirrored(weight: Tensor) -> Tensor:
    """The kernel (C, F, k) of the gradient for the input of a convolution with (F, C, k)."""
    return weight.flip(2).transpose(0, 1)


def _library_gradients(
    x: Tensor, weight: Tensor, gradient: Tensor, dilation: int, needed: tuple[bool, ...]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """As :func:`_gradients`, by the library's kernels."""
    of_x, reach, length = None, (weight.shape[2] - 1) * dilation, gradient.shape[2]
    if needed[0] and weight.shape[0] >= WIDE and 4 * reach < length:
        # Kernels for wide layers are slower at zeros that are meant than at zeros that are there.
        of_x = _library_convolution(padded(gradient, length + 2 * reach), _mirrored(weight), None, dilation)
        needed = (False, *needed[1:])
    by_library, of_weight, of_bias = torch.ops.aten.convolution_backward(
        gradient.unsqueeze(2),
        x.unsqueeze(2),
        weight.unsqueeze(2),
        [weight.shape[0]],
        [1, 1],
        [0, 0],
        [1, dilation],
        False,
        [0, 0],
        1,
        list(needed),
    )
    if by_library is not None:
        of_x = by_library.squeeze(2)
    return of_x, None if of_weight is None else of_weight.squeeze(2), of_bias
