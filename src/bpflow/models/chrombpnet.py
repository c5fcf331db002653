"""ChromBPNet: an accessibility model and a frozen model of the enzyme's bias, added."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from bpflow.errors import InputError
from bpflow.models.base import Configuration, ProfileModel
from bpflow.models.bpnet import BPNet, BPNetConfig
from bpflow.models.outputs import Output, Outputs

__all__ = ["ChromBPNet", "ChromBPNetConfig", "Parts"]


class ChromBPNetConfig(Configuration):
    """Sizes of both parts."""

    kind: Literal["chrombpnet"] = "chrombpnet"
    accessibility: BPNetConfig
    bias: BPNetConfig

    def __init__(self, /, **values: Any) -> None:
        super().__init__(**values)
        for part, config in (("accessibility", self.accessibility), ("bias", self.bias)):
            if config.outputs.tracks > 1:
                raise InputError(
                    f"{config.outputs.tracks} tracks of the {part} model", where="ChromBPNet", expected="one"
                )
        for key in ("input_length", "output_length", "n_channel"):
            of_accessibility, of_bias = getattr(self.accessibility, key), getattr(self.bias, key)
            if of_accessibility != of_bias:
                raise InputError(
                    f"{key} is {of_bias} for the bias model and {of_accessibility} for the accessibility model",
                    where="ChromBPNet",
                    expected="the same for both",
                    mend="Train the bias model with the input and output of the ChromBPNet",
                )

    @property
    def channels(self) -> int:
        """Channels of the input."""
        return self.accessibility.channels

    @property
    def input_length(self) -> int:
        """Bases seen."""
        return self.accessibility.input_length

    @property
    def output_length(self) -> int:
        """Bases predicted."""
        return self.accessibility.output_length

    @property
    def outputs(self) -> Outputs:
        """What is predicted, and how it is laid out."""
        return self.accessibility.outputs

    @property
    def gigaflops(self) -> float:
        """Arithmetic of one example's forward pass, in 10^9 operations."""
        return self.accessibility.gigaflops + self.bias.gigaflops


class Parts(NamedTuple):
    """The three predictions of a ChromBPNet from one pass."""

    with_bias: Output
    corrected: Output
    bias: Output


class ChromBPNet(ProfileModel):
    """Profile logits of both parts are added; log counts are ln(e^a + e^b).

    Parameters
    ----------
    accessibility
        The part that is trained; alone it gives the bias-corrected prediction.
    bias
        The scaled bias model; it is frozen here.
    """

    def __init__(self, accessibility: BPNet, bias: BPNet) -> None:
        super().__init__()
        self.config = ChromBPNetConfig(accessibility=accessibility.config, bias=bias.config)
        self.accessibility = accessibility
        self.bias = bias.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> ChromBPNet:
        """Switch the accessibility part; the bias part stays in evaluation mode."""
        super().train(mode)
        self.bias.eval()
        return self

    def forward(self, one_hot: Tensor) -> Output:
        """Predict what is observed, bias included, from (N, channels, input_length)."""
        return self.parts(one_hot).with_bias

    def parts(self, one_hot: Tensor) -> Parts:
        """Predict with bias, corrected and bias alone in one pass."""
        corrected = self.accessibility(one_hot)
        # The frozen part needs a graph only where the input's own gradient is asked for (attribution).
        with torch.set_grad_enabled(torch.is_grad_enabled() and one_hot.requires_grad):
            bias = self.bias(one_hot)
        with_bias = Output(
            corrected.profile_logits + bias.profile_logits, torch.logaddexp(corrected.log_counts, bias.log_counts)
        )
        return Parts(with_bias, corrected, bias)
