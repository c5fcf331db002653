"""The tower that all profile models share: a wide stem, then dilated convolutions with residual sums."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bpflow.models.convolution import Convolution, cropped, padded

__all__ = ["Tower", "tower_lengths"]


def tower_lengths(input_length: int, layers: int, *, first_kernel: int = 21, dilated_kernel: int = 3) -> list[int]:
    """Lengths after the stem and after each dilated layer, where all convolutions are valid."""
    lengths = [input_length - (first_kernel - 1)]
    for layer in range(1, layers + 1):
        lengths.append(lengths[-1] - (dilated_kernel - 1) * 2**layer)
    return lengths


class Tower(nn.Module):
    """h = ReLU(conv(x)); then for layer i = 1..D: h = ReLU(conv(h), dilation 2^i) + h.

    The residual sum comes after the ReLU. There is no normalisation and no dropout. Valid convolutions shorten what
    they see, and the sum takes its centre; with `same`, zeros on both sides keep every length.

    Parameters
    ----------
    filters
        Channels of every layer.
    layers
        Number D of dilated layers.
    channels
        Channels of the input.
    first_kernel, dilated_kernel
        Odd kernel widths.
    same
        Pad with zeros, so that the output is as long as the input.
    """

    def __init__(
        self,
        filters: int,
        layers: int,
        *,
        channels: int = 4,
        first_kernel: int = 21,
        dilated_kernel: int = 3,
        same: bool = False,
    ) -> None:
        super().__init__()
        self.same = same
        self.stem = Convolution(channels, filters, first_kernel)
        self.dilated = nn.ModuleList(
            Convolution(filters, filters, dilated_kernel, dilation=2**layer) for layer in range(1, layers + 1)
        )
        # One module an activation, so that attribution methods can hook each one.
        self.activations = nn.ModuleList(nn.ReLU() for _ in range(layers + 1))

    def forward(self, one_hot: Tensor) -> Tensor:
        """(N, channels, L) to (N, filters, length of the last layer)."""
        if not torch.is_grad_enabled() or self.training:
            return self._fused(one_hot)
        h = self.activations[0](self.stem(self.seen(one_hot, self.stem)))
        for convolution, activation in zip(self.layers[1:], self.activations[1:], strict=True):
            y = activation(convolution(self.seen(h, convolution)))
            h = y + cropped(h, y.shape[2])
        return h

    @property
    def layers(self) -> list[Convolution]:
        """The stem and the dilated layers, in order."""
        return [self.stem, *(layer for layer in self.dilated if isinstance(layer, Convolution))]

    def seen(self, x: Tensor, layer: Convolution) -> Tensor:
        """What a layer's convolution runs over: `x`, with zeros on both sides where lengths are kept."""
        return padded(x, x.shape[2] + layer.reach) if self.same else x

    def _fused(self, one_hot: Tensor) -> Tensor:
        """The same numbers with fewer passes over memory; activation modules are not called."""
        h = self.stem.activated(self.seen(one_hot, self.stem))
        for layer in self.layers[1:]:
            h = layer.activated(self.seen(h, layer), residual=True)
        return h
