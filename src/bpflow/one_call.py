"""A model by its path, and its predictions of strings of DNA in one call."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch

from bpflow.bin_prediction import predict_bins
from bpflow.checkpoints import load_model
from bpflow.devices import resolve_device, resolve_precision
from bpflow.errors import InputError
from bpflow.models import ChromBPNet, ProfileModel
from bpflow.models.outputs import Outputs
from bpflow.prediction import predict_on_device
from bpflow.sequences import checked_codes

__all__ = [
    "SYSTEMS",
    "BinsOfStrings",
    "ChromBPNetOfStrings",
    "OfStrings",
    "Predicted",
    "PredictedBins",
    "ProfilesOfStrings",
    "load",
]

Scale = Literal["exp", "expm1"]
SCALES = {"exp": torch.exp, "expm1": torch.expm1}
# What the one track of a part of a ChromBPNet is, by what 'bpflow train' calls the part.
VIEWS = {"bias": "bias", "chrombpnet_nobias": "corrected"}


class Predicted(NamedTuple):
    """What a model of profiles and counts predicts of N sequences, all float32.

    Attributes
    ----------
    profile_logits
        (N, O, T): of each of T tracks, unnormalised log probabilities of where in the O bases of the output window
        reads fall.
    log_counts
        (N, G): ln(1 + reads) of each of G groups. A group is what one softmax and one count are of: a track, or both
        strands of a task, as in ProCapNet.
    track
        (N, O, T): reads expected at each base, probabilities times the scale of the log counts.
    track_names
        T names: of tasks and strands ("Oct4.plus", "plus"), or "with_bias", "corrected" or "bias"; "" of a track
        that has none.
    """

    profile_logits: np.ndarray
    log_counts: np.ndarray
    track: np.ndarray
    track_names: tuple[str, ...]


class PredictedBins(NamedTuple):
    """What a Basenji2 predicts of N sequences.

    Attributes
    ----------
    track
        (N, bins, T) float32: expected coverage of each bin in each of T tracks.
    track_names
        T names; "" where the file knows none.
    """

    track: np.ndarray
    track_names: tuple[str, ...]


class OfStrings:
    """A model that takes strings of DNA; see :func:`load`.

    Attributes
    ----------
    model
        The model itself, in evaluation mode on its device.
    metadata
        What its file says of it; ``model`` is the system, or the part of a ChromBPNet.
    device, precision
        Where and in which number format it computes.
    """

    def __init__(
        self, model: ProfileModel, metadata: dict[str, Any], device: torch.device, precision: torch.dtype
    ) -> None:
        self.model, self.metadata = model.to(device).eval(), metadata
        self.device, self.precision = device, precision

    @property
    def input_length(self) -> int:
        """Bases that each sequence must have."""
        return int(self.model.config.input_length)

    def codes(self, sequences: str | Sequence[str]) -> torch.Tensor:
        """The (N, input_length) uint8 codes of one sequence or several.

        Raises
        ------
        InputError
            No sequence, one of another length, or a letter that is no DNA; the first such sequence is named by its
            number, from 1.
        """
        given = [sequences] if isinstance(sequences, str) else list(sequences)
        others = [type(sequence).__name__ for sequence in given if not isinstance(sequence, str)]
        if others or not given:
            found = others[0] if others else "no sequence"
            raise InputError(found, where="sequences", expected="a string of DNA, or a list of one or more")
        return torch.from_numpy(
            np.stack(
                [checked_codes(str(number), text, self.input_length) for number, text in enumerate(given, start=1)]
            )
        )


class ProfilesOfStrings(OfStrings):
    """A BPNet, a ProCapNet, or one part of a ChromBPNet."""

    # What the log counts are scaled by where nothing is asked for.
    usual: ClassVar[dict[str, Scale]] = {"bpnet": "exp"}

    def __call__(
        self, sequences: str | Sequence[str], *, scale: Scale | None = None, batch_size: int = 64
    ) -> Predicted:
        """Predict from sequences of exactly the input length.

        Parameters
        ----------
        sequences
            A string, or several; upper and lower case, N and other IUPAC letters for an unknown base.
        scale
            ``exp`` or ``expm1``: the track is the probabilities times exp(log counts), or times exp(log counts) - 1,
            which inverts the target ln(1 + reads) and may so be a little below 0. Without it BPNet's is ``exp``, as
            its authors and MultiMolecule write it, and all others' ``expm1``.
        batch_size
            Sequences computed at once.

        Raises
        ------
        InputError
            A sequence of another length or with a letter that is no DNA; another scale.
        """
        system = str(self.metadata.get("model", self.model.config.kind))
        names = self.model.config.outputs.track_names
        named = (VIEWS.get(system, ""),) if names == ("",) else names
        return self._predicted(self.model, sequences, scale or self.usual.get(system, "expm1"), batch_size, named)

    def _predicted(
        self,
        model: ProfileModel,
        sequences: str | Sequence[str],
        scale: str,
        batch_size: int,
        track_names: tuple[str, ...],
    ) -> Predicted:
        if scale not in SCALES:
            raise InputError(f"the scale {scale!r}", expected=f"one of {', '.join(SCALES)}")
        if batch_size < 1:
            raise InputError(f"a batch of {batch_size} sequences", expected="1 or more")
        batches = [
            predict_on_device(model, codes, device=self.device, precision=self.precision)
            for codes in self.codes(sequences).split(batch_size)
        ]
        logits, log_counts = (torch.cat(parts).float().cpu() for parts in zip(*batches, strict=True))
        return _laid_out(logits, log_counts, _outputs(model), scale, track_names)


class ChromBPNetOfStrings(ProfilesOfStrings):
    """A whole ChromBPNet, which predicts with the enzyme's bias or without it."""

    def __call__(
        self,
        sequences: str | Sequence[str],
        *,
        bias: bool = True,
        scale: Scale | None = None,
        batch_size: int = 64,
    ) -> Predicted:
        """Predict from sequences of exactly the input length.

        Parameters
        ----------
        sequences
            As in :class:`ProfilesOfStrings`.
        bias
            True for what is observed, which still holds the enzyme's bias, from both parts together (the track
            "with_bias"); False for the accessibility part alone (the track "corrected").
        scale
            ``expm1``, or ``exp`` as the official program and MultiMolecule 0.2.2 write it.
        batch_size
            Sequences computed at once.
        """
        whole: Any = self.model
        part, name = (whole, "with_bias") if bias else (whole.accessibility, "corrected")
        return self._predicted(part, sequences, scale or "expm1", batch_size, (name,))


class BinsOfStrings(OfStrings):
    """A Basenji2."""

    def __call__(
        self, sequences: str | Sequence[str], *, shifts: Sequence[int] = (0,), batch_size: int = 4
    ) -> PredictedBins:
        """Predict from sequences of exactly the input length.

        Parameters
        ----------
        sequences
            As in :class:`ProfilesOfStrings`.
        shifts
            Bases to move the sequences by; the mean over them is predicted.
        batch_size
            Sequences computed at once.
        """
        if batch_size < 1:
            raise InputError(f"a batch of {batch_size} sequences", expected="1 or more")
        model: Any = self.model
        options: dict[str, Any] = {"device": self.device, "precision": self.precision, "shifts": shifts}
        found = [
            predict_bins(model, codes.numpy(), **options).cpu() for codes in self.codes(sequences).split(batch_size)
        ]
        names = self.metadata.get("targets", {}).get("identifiers") or [""] * model.config.targets
        return PredictedBins(torch.cat(found).numpy(), tuple(names))


# By the kind of model; another system has a line here, and a class whose call gives outputs of its own.
SYSTEMS: dict[str, type[OfStrings]] = {
    "basenji2": BinsOfStrings,
    "bpnet": ProfilesOfStrings,
    "chrombpnet": ChromBPNetOfStrings,
    "procapnet": ProfilesOfStrings,
}


def load(path: str | os.PathLike[str], *, device: str = "auto", precision: str = "float32") -> Any:
    """Load a model of any format that bpflow reads, to be called with strings of DNA.

    Parameters
    ----------
    path
        A ``.safetensors`` of bpflow, a MultiMolecule folder, an official, BPNet's or Basenji2's ``.h5``, or
        ProCapNet's weights.
    device
        ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
    precision
        ``float32``, ``bfloat16`` or ``auto``, of the convolutions.

    Returns
    -------
    ProfilesOfStrings, ChromBPNetOfStrings or BinsOfStrings
        By the model's kind, one of :data:`SYSTEMS`.

    Raises
    ------
    InputError
        No model, or a damaged one.
    DeviceError
        A device or precision that this machine does not have.

    Examples
    --------
    >>> model = load("bpnet")  # doctest: +SKIP
    >>> model("ACGT" * 250).profile_logits.shape  # doctest: +SKIP
    (1, 1000, 8)
    """
    found = resolve_device(device)
    # By default PyTorch rounds what GPUs convolve to 10 bits.
    torch.backends.cudnn.allow_tf32 = False
    number_format = resolve_precision(precision, found)
    model, metadata = load_model(path)
    kind = model.config.kind
    if kind not in SYSTEMS:
        raise InputError(f"a model of kind {kind!r}", where=str(path), expected=f"one of {', '.join(SYSTEMS)}")
    return SYSTEMS[kind](model, metadata, found, number_format)


def _outputs(model: ProfileModel) -> Outputs:
    """How the outputs of a model are laid out; those of a ChromBPNet are those of its parts."""
    tower: Any = model.accessibility if isinstance(model, ChromBPNet) else model
    return tower.config.outputs


def _laid_out(
    logits: torch.Tensor, log_counts: torch.Tensor, outputs: Outputs, scale: str, track_names: tuple[str, ...]
) -> Predicted:
    """Tracks side by side, as columns, from what the model gives group by group."""
    grouped = logits.reshape(len(logits), outputs.groups, outputs.width)
    log_counts = log_counts.reshape(len(logits), outputs.groups)
    expected = grouped.softmax(2) * SCALES[scale](log_counts).unsqueeze(2)
    profiles, tracks = (outputs.by_track(part).transpose(1, 2).contiguous().numpy() for part in (grouped, expected))
    return Predicted(profiles, log_counts.numpy(), tracks, track_names)
