"""Basenji2: coverage of many tracks in bins along a long sequence (Kelley 2020)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from bpflow.errors import InputError
from bpflow.models.base import Configuration, ProfileModel
from bpflow.models.convolution import cropped
from bpflow.models.initial_weights import he_normal_

__all__ = ["Basenji2", "Basenji2Config", "dilations", "tower_widths"]

Width = Annotated[int, Field(gt=0, le=1 << 12)]
EPSILON = 1e-3
# Of Keras 0.9: the share of the old mean that is kept, where torch names that of the new one.
MOMENTUM = 0.1


def tower_widths(first: int = 339, factor: float = 1.1776, layers: int = 6) -> tuple[int, ...]:
    """Filters of the tower's convolutions, each `factor` times the one before: 339, 399, 470, 554, 652, 768."""
    return tuple(round(first * factor**layer) for layer in range(layers))


def dilations(layers: int, rate: float = 1.5) -> list[int]:
    """Dilation of each block: from 1 on, times `rate` and rounded, halves to the even number."""
    found = [1]
    while len(found) < layers:
        found.append(round(found[-1] * rate))
    return found


class Basenji2Config(Configuration):
    """Sizes of a :class:`Basenji2`; by default those of the published human model.

    Attributes
    ----------
    input_length
        Bases seen, a multiple of the bin width.
    targets
        Tracks predicted.
    crop_bins
        Bins left out of the prediction on each side.
    stem_filters, stem_kernel
        Channels and odd kernel width of the first convolution.
    tower_filters, tower_kernel
        Channels of the convolutions after it, and their odd kernel width. The stem and each of them halve the length,
        so a bin is 2^(1 + their number) bases wide.
    bottleneck, dilated_layers, dilated_kernel
        Channels within, number and odd kernel width of the dilated blocks.
    dropout, head_dropout
        Share of values that training sets to 0 at the end of each dilated block, and of the head.
    head_filters
        Channels of the head.
    n_channel
        Whether unknown bases have an input channel of their own, after A C G T; else they are columns of zeros.
    """

    kind: Literal["basenji2"] = "basenji2"
    input_length: Annotated[int, Field(gt=0, le=1 << 24)] = 131_072
    targets: Annotated[int, Field(gt=0, le=1 << 16)] = 5313
    crop_bins: Annotated[int, Field(ge=0, le=1 << 16)] = 64
    stem_filters: Width = 288
    stem_kernel: Width = 15
    tower_filters: Annotated[tuple[Width, ...], Field(max_length=12)] = tower_widths()
    tower_kernel: Width = 5
    bottleneck: Width = 384
    dilated_layers: Annotated[int, Field(ge=0, le=20)] = 11
    dilated_kernel: Width = 3
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    head_filters: Width = 1536
    head_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    n_channel: bool = False

    def __init__(self, /, **values: Any) -> None:
        super().__init__(**values)
        for key in ("stem_kernel", "tower_kernel", "dilated_kernel"):
            if getattr(self, key) % 2 == 0:
                raise InputError(str(getattr(self, key)), where=f"model setting {key}", expected="an odd width")
        if self.input_length % self.bin_width or self.bins < 1:
            raise InputError(
                f"{self.input_length} bases",
                where="model setting input_length",
                expected=f"a multiple of the bin width, {self.bin_width}, with more than {2 * self.crop_bins} bins",
                mend="Give a longer input, fewer bins to crop or fewer layers of the tower",
            )

    @property
    def channels(self) -> int:
        """Channels of the input."""
        return 5 if self.n_channel else 4

    @property
    def bin_width(self) -> int:
        """Bases of a bin."""
        return 2 ** (1 + len(self.tower_filters))

    @property
    def bins(self) -> int:
        """Bins predicted."""
        return self.input_length // self.bin_width - 2 * self.crop_bins

    @property
    def output_length(self) -> int:
        """Bases that the predicted bins cover, in the middle of the input."""
        return self.bins * self.bin_width

    @property
    def trunk_filters(self) -> int:
        """Channels of the residual stream."""
        return (self.stem_filters, *self.tower_filters)[-1]

    @property
    def gigaflops(self) -> float:
        """Arithmetic of one example's forward pass, in 10^9 operations (a multiply-add counts as two)."""
        length = self.input_length
        products = self.channels * self.stem_filters * self.stem_kernel * length
        below = self.stem_filters
        for filters in self.tower_filters:
            length //= 2
            products += below * filters * self.tower_kernel * length
            below = filters
        length //= 2
        products += self.dilated_layers * (self.dilated_kernel + 1) * below * self.bottleneck * length
        products += (below + self.targets) * self.head_filters * self.bins
        return 2e-9 * products


class Basenji2(ProfileModel):
    """Sequence to the expected coverage of each target in each bin.

    Parameters
    ----------
    config
        Sizes.
    generator
        Source of the first weights; torch's own generator if none is given.
    """

    def __init__(self, config: Basenji2Config, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        widths = (config.stem_filters, *config.tower_filters)
        self.stem = ConvolutionBlock(config.channels, config.stem_filters, config.stem_kernel)
        self.tower = nn.ModuleList(
            ConvolutionBlock(below, filters, config.tower_kernel)
            for below, filters in zip(widths[:-1], config.tower_filters, strict=True)
        )
        self.blocks = nn.ModuleList(
            DilatedBlock(config.trunk_filters, config.bottleneck, config.dilated_kernel, dilation, config.dropout)
            for dilation in dilations(config.dilated_layers)[: config.dilated_layers]
        )
        self.head = ConvolutionBlock(config.trunk_filters, config.head_filters, 1, dropout=config.head_dropout)
        self.targets = nn.Linear(config.head_filters, config.targets)
        self.initialise(generator)

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw new weights: He normal kernels, zero biases, scales of 1; a dilated block begins as the identity.

        In the published program's present version scales come out random; these are the ones it meant.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                he_normal_(module.weight, generator)
        nn.init.zeros_(self.targets.bias)
        for block in self.blocks:
            nn.init.zeros_(block.wide.norm.weight)  # type: ignore[union-attr, arg-type]

    def forward(self, one_hot: Tensor) -> Tensor:
        """Predict (N, bins, targets) coverage, float32 and above 0, from (N, channels, input_length)."""
        return functional.softplus(self.logits(one_hot))

    def logits(self, one_hot: Tensor) -> Tensor:
        """What softplus makes coverage of, (N, bins, targets) float32."""
        shape = (self.config.channels, self.config.input_length)
        if one_hot.dim() != 3 or tuple(one_hot.shape[1:]) != shape:
            raise InputError(
                f"input of shape {tuple(one_hot.shape)}", where="Basenji2", expected=f"(N, {shape[0]}, {shape[1]})"
            )
        h = _halved(self.stem(one_hot.contiguous()))
        for layer in self.tower:
            h = _halved(layer(h))
        for block in self.blocks:
            h = block(h)
        h = _gelu(self.head(cropped(h, self.config.bins)))
        # What the loss takes the logarithm of is computed in float32, whatever the trunk's precision is.
        with torch.autocast(h.device.type, enabled=False):
            return self.targets(h.transpose(1, 2).float())


class ConvolutionBlock(nn.Module):
    """GELU, a convolution without a bias that keeps the length, batch normalisation, dropout: in this order."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, dilation: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        padding = (kernel - 1) // 2 * dilation
        self.convolution = nn.Conv1d(in_channels, out_channels, kernel, dilation=dilation, padding=padding, bias=False)
        self.norm = nn.BatchNorm1d(out_channels, eps=EPSILON, momentum=MOMENTUM)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, L) to (N, F, L)."""
        return self.dropout(self.norm(self.convolution(_gelu(x))))


class DilatedBlock(nn.Module):
    """A dilated convolution to few channels, one of width 1 back to all of them, and the input added."""

    def __init__(self, channels: int, bottleneck: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.narrow = ConvolutionBlock(channels, bottleneck, kernel, dilation=dilation)
        self.wide = ConvolutionBlock(bottleneck, channels, 1, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, L) to (N, C, L)."""
        return x + self.wide(self.narrow(x))


def _gelu(x: Tensor) -> Tensor:
    return functional.gelu(x, approximate="tanh")


def _halved(x: Tensor) -> Tensor:
    return functional.max_pool1d(x, 2)
