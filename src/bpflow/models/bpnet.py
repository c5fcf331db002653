"""BPNet: one tower, profile and count heads, for any number of tasks and one or two strands.

The bias model and the accessibility part of ChromBPNet have one profile and one count; ProCapNet's strands share one
multinomial and one count; the first BPNet, of several factors, has a profile and a count for each strand of each task.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from bpflow.errors import InputError
from bpflow.models.base import Configuration, ProfileModel
from bpflow.models.control import Control
from bpflow.models.convolution import Convolution, cropped, padded
from bpflow.models.initial_weights import glorot_uniform_
from bpflow.models.outputs import Length, Output, Outputs, Tasks
from bpflow.models.tower import Tower, tower_lengths

__all__ = ["BPNet", "BPNetConfig", "ProCapNet", "ProCapNetConfig"]

# What a model file may ask for, so that one that is damaged asks for no more than a machine has.
Width = Annotated[int, Field(gt=0, le=1 << 12)]
Layers = Annotated[int, Field(gt=0, le=20)]


class BPNetConfig(Configuration):
    """Sizes of a :class:`BPNet`; the defaults are those of ChromBPNet's accessibility part.

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
    tasks
        Names of what is predicted; a model of one thing need not name it.
    strands
        1, or 2: plus and minus.
    shared_strands
        Whether both strands of a task are one multinomial with one count, or each is one with its own.
    same
        Whether zeros at both ends keep lengths through the tower. A window's ends then act on the whole of it.
    control
        Whether a control track on both strands may be given with the sequence, whose shape and size are added.
    """

    kind: Literal["bpnet", "procapnet"] = "bpnet"
    input_length: Length = 2114
    output_length: Length = 1000
    filters: Width = 512
    layers: Layers = 8
    first_kernel: Width = 21
    dilated_kernel: Width = 3
    profile_kernel: Width = 75
    n_channel: bool = False
    tasks: Tasks = ("",)
    strands: Literal[1, 2] = 1
    shared_strands: bool = True
    same: bool = False
    control: bool = False

    @classmethod
    def published(cls) -> BPNetConfig:
        """Sizes of the first BPNet (Avsec et al. 2021), of four factors in mouse stem cells."""
        return cls(
            input_length=1000, output_length=1000, filters=64, layers=9, first_kernel=25, profile_kernel=25,
            tasks=("Oct4", "Sox2", "Nanog", "Klf4"), strands=2, shared_strands=False, same=True,
        )  # fmt: skip

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
        if len(set(self.tasks)) < len(self.tasks) or (len(self.tasks) > 1 and "" in self.tasks):
            raise InputError(
                ", ".join(map(repr, self.tasks)), where="model setting tasks", expected="a name of its own for each"
            )
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
    def outputs(self) -> Outputs:
        """What is predicted, and how it is laid out."""
        return Outputs(self.tasks, self.strands, self.shared_strands, self.output_length)

    @property
    def lengths(self) -> list[int]:
        """Lengths after the stem and after each dilated layer."""
        if self.same:
            return [self.input_length] * (self.layers + 1)
        return tower_lengths(
            self.input_length, self.layers, first_kernel=self.first_kernel, dilated_kernel=self.dilated_kernel
        )

    @property
    def minimum_input_length(self) -> int:
        """The shortest input for which the profile head still reaches the output length."""
        head = 0 if self.same else self.profile_kernel - 1
        return self.output_length + head + (self.input_length - self.lengths[-1])

    @property
    def gigaflops(self) -> float:
        """Arithmetic of one example's forward pass, in 10^9 operations (a multiply-add counts as two)."""
        first, *dilated = self.lengths
        stem = self.channels * self.first_kernel * self.filters * first
        layers = self.dilated_kernel * self.filters**2 * sum(dilated)
        profile = self.profile_kernel * self.filters * self.output_length * self.outputs.tracks
        return 2e-9 * (stem + layers + profile)


class ProCapNetConfig(BPNetConfig):
    """Sizes of a :class:`ProCapNet`; the defaults are the published ones (Cochran et al. 2024)."""

    kind: Literal["procapnet"] = "procapnet"
    strands: Literal[1, 2] = 2


class BPNet(ProfileModel):
    """Sequence to profiles and counts (Avsec et al. 2021).

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
            same=config.same,
        )
        self.profile = Convolution(config.filters, config.outputs.tracks, config.profile_kernel)
        self.counts = nn.Linear(config.filters, config.outputs.groups)
        if config.control:
            self.control = Control(len(config.tasks))
        self.initialise(generator)

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw new weights as Keras does by default: Glorot uniform kernels, zero biases."""
        # Heads of several tasks are computed at once and drawn one by one, since Glorot's bound goes by their widths.
        apart = {self.profile: self.config.strands, self.counts: self.config.outputs.groups // len(self.config.tasks)}
        for module in self.modules():
            if isinstance(module, Convolution | nn.Linear):
                for weight in module.weight.detach().split(apart.get(module, len(module.weight))):
                    glorot_uniform_(weight, generator)
                nn.init.zeros_(module.bias)
        if self.config.control:
            self.control.initialise(generator)

    def forward(self, one_hot: Tensor, control: Tensor | None = None) -> Output:
        """Predict from (N, channels, input_length).

        Parameters
        ----------
        one_hot
            The sequences.
        control
            (N, 2, output_length) counts of the control on the plus and minus strand, of a model that has one. Without
            it there is none, which is the same as zeros.

        Returns
        -------
        Output
            Profile logits (N, W) and log counts (N,) of a model with one group of outputs, (N, G, W) and (N, G) of
            others; see :class:`bpflow.models.outputs.Outputs`.
        """
        self._check_shape(one_hot)
        output = self.heads(self.tower(one_hot))
        if control is None:
            return output
        if not self.config.control:
            raise InputError("a control track", where="BPNet", expected="a model that was made for one")
        return self.control(output, control, self.config.outputs)

    def heads(self, h: Tensor) -> Output:
        """Predict from what the tower gives, (N, filters, length)."""
        # Cropping before the profile convolution gives the same numbers as after it, for less work.
        logits = self.profile(self.before_profile(h))
        # Counts pool all positions. Heads are summed in float32, whatever the tower's precision is.
        pooled = h.mean(2, dtype=torch.float32)
        with torch.autocast(h.device.type, enabled=False):
            log_counts = self.counts(pooled)
        return self.config.outputs.laid_out(logits.float(), log_counts)

    def before_profile(self, h: Tensor) -> Tensor:
        """The part of the tower's output that the profile convolution runs over, with zeros if lengths are kept."""
        seen = self.config.output_length + self.profile.reach
        if h.shape[2] >= seen:
            return cropped(h, seen)
        return padded(h, seen)

    def _check_shape(self, one_hot: Tensor) -> None:
        if one_hot.dim() != 3 or tuple(one_hot.shape[1:]) != (self.config.channels, self.config.input_length):
            raise InputError(
                f"input of shape {tuple(one_hot.shape)}",
                where="BPNet",
                expected=f"(N, {self.config.channels}, {self.config.input_length})",
            )


class ProCapNet(BPNet):
    """Initiation of transcription on both strands (Cochran et al. 2024): a BPNet whose strands share a count.

    Valid convolutions give what the original's padded and cropped ones do, since the crop takes all that saw padding.
    """

    config: ProCapNetConfig
