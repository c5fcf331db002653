"""BPNet: one tower, a profile head and a count head: the bias model, and the accessibility part of ChromBPNet."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from bpflow.errors import InputError
from bpflow.models.base import Configuration, ProfileModel
from bpflow.models.convolution import Convolution, cropped
from bpflow.models.outputs import Output
from bpflow.models.tower import Tower, tower_lengths

__all__ = ["BPNet", "BPNetConfig", "glorot_uniform_"]

# What a model file may ask for, so that one that is damaged asks for no more than a machine has.
Length = Annotated[int, Field(gt=0, le=1 << 24)]
Width = Annotated[int, Field(gt=0, le=1 << 12)]
Layers = Annotated[int, Field(gt=0, le=20)]


class BPNetConfig(Configuration):
    """Sizes of a :class:`BPNet`.

    Attributes
    ----------
    input_length, output_length
        Bases seen and bases predicted; both even, the windows share their centre.
    filters, layers
        Channels of the tower and number of dilated layers; layer i has dilation 2^i.
    first_kernel, dilated_kernel, profile_kernel
        Odd kernel widths.
    n_channel
        Whether unknown bases have an input channel of their own, after A C G T; else they are columns of zeros.
    """

    kind: Literal["bpnet"] = "bpnet"
    input_length: Length = 2114
    output_length: Length = 1000
    filters: Width = 512
    layers: Layers = 8
    first_kernel: Width = 21
    dilated_kernel: Width = 3
    profile_kernel: Width = 75
    n_channel: bool = False

    def __init__(self, /, **values: Any) -> None:
        super().__init__(**values)
        self._check()

    def _check(self) -> None:
        for key in ("input_length", "output_length"):
            if getattr(self, key) % 2:
                raise InputError(
                    str(getattr(self, key)), where=f"model setting {key}", expected="an even number of bases"
                )
        for key in ("first_kernel", "dilated_kernel", "profile_kernel"):
            if getattr(self, key) % 2 == 0:
                raise InputError(str(getattr(self, key)), where=f"model setting {key}", expected="an odd width")
        if self.input_length < self.minimum_input_length:
            raise InputError(
                f"{self.input_length} bases are too few for {self.layers} dilated layers "
                f"and {self.output_length} output bases",
                where="model setting input_length",
                expected=f"{self.minimum_input_length} or more",
                mend="Give a longer input, a shorter output or fewer layers",
            )

    @property
    def channels(self) -> int:
        """Channels of the input."""
        return 5 if self.n_channel else 4

    @property
    def lengths(self) -> list[int]:
        """Lengths after the stem and after each dilated layer."""
        return tower_lengths(
            self.input_length, self.layers, first_kernel=self.first_kernel, dilated_kernel=self.dilated_kernel
        )

    @property
    def minimum_input_length(self) -> int:
        """The shortest input for which the profile head still reaches the output length."""
        return self.output_length + (self.profile_kernel - 1) + (self.input_length - self.lengths[-1])

    @property
    def gigaflops(self) -> float:
        """Arithmetic of one example's forward pass, in 10^9 operations (a multiply-add counts as two)."""
        first, *dilated = self.lengths
        stem = self.channels * self.first_kernel * self.filters * first
        layers = self.dilated_kernel * self.filters**2 * sum(dilated)
        profile = self.profile_kernel * self.filters * self.output_length
        return 2e-9 * (stem + layers + profile)


class BPNet(ProfileModel):
    """Sequence to profile and counts (Avsec et al. 2021, as ChromBPNet uses it: valid convolutions, one count).

    Parameters
    ----------
    config
        Sizes.
    generator
        Source of the first weights; torch's own generator if none is given.
    """

    def __init__(self, config: BPNetConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.tower = Tower(
            config.filters,
            config.layers,
            channels=config.channels,
            first_kernel=config.first_kernel,
            dilated_kernel=config.dilated_kernel,
        )
        self.profile = Convolution(config.filters, 1, config.profile_kernel)
        self.counts = nn.Linear(config.filters, 1)
        self.initialise(generator)

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw new weights as Keras does by default: Glorot uniform kernels, zero biases."""
        for module in self.modules():
            if isinstance(module, Convolution | nn.Linear):
                glorot_uniform_(module.weight, generator)
                nn.init.zeros_(module.bias)

    def forward(self, one_hot: Tensor) -> Output:
        """Predict from (N, channels, input_length): profile logits (N, output_length) and log counts (N,)."""
        self._check_shape(one_hot)
        return self.heads(self.tower(one_hot))

    def heads(self, h: Tensor) -> Output:
        """Predict from what the tower gives, (N, filters, length)."""
        # Cropping before the profile convolution gives the same numbers as after it, for less work.
        centre = cropped(h, self.config.output_length + self.config.profile_kernel - 1)
        logits = self.profile(centre).squeeze(1)
        # Counts pool all positions. Heads are summed in float32, whatever the tower's precision is.
        pooled = h.mean(2, dtype=torch.float32)
        with torch.autocast(h.device.type, enabled=False):
            log_counts = self.counts(pooled).squeeze(1)
        return Output(logits.float(), log_counts)

    def _check_shape(self, one_hot: Tensor) -> None:
        if one_hot.dim() != 3 or tuple(one_hot.shape[1:]) != (self.config.channels, self.config.input_length):
            raise InputError(
                f"input of shape {tuple(one_hot.shape)}",
                where="BPNet",
                expected=f"(N, {self.config.channels}, {self.config.input_length})",
            )


def glorot_uniform_(weight: Tensor, generator: torch.Generator | None = None) -> None:
    """Fill with uniform draws in +-sqrt(6 / (fan_in + fan_out)), with Keras's fans: channels times kernel width."""
    out_channels, in_channels = weight.shape[:2]
    limit = math.sqrt(6.0 / ((in_channels + out_channels) * weight[0, 0].numel()))
    with torch.no_grad():
        weight.uniform_(-limit, limit, generator=generator)
