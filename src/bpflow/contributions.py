"""Contribution scores: how much each base of a sequence adds to the predicted counts and to the profile's shape.

DeepSHAP (Lundberg and Lee 2017): DeepLIFT against references, which here are dinucleotide shuffles of the sequence, as
in the official program; its weighting of the profile head is kept (:mod:`bpflow.models.deeplift`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bpflow.models import ProfileModel
from bpflow.models.deeplift import CPU_PIECE, HEADS, Head, attribute
from bpflow.models.encoding import one_hot as encode_one_hot
from bpflow.shuffles import dinucleotide_shuffles
from bpflow.verdicts import OWN_ADVICE, verdict

__all__ = ["HEADS", "Block", "Head", "deep_shap", "iterate_contributions", "judge_convergence"]


class Block(NamedTuple):
    """Contributions of some sequences.

    Attributes
    ----------
    codes
        (n, L) uint8 base codes.
    hypothetical
        (n, 4, L) float32 a head: what each base would contribute at each position.
    gap
        (n,) a head: the largest difference, over references, of what contributions sum to and what they should.
    difference
        (n,) a head: the mean size, over references, of what they should sum to.
    """

    codes: np.ndarray
    hypothetical: Mapping[Head, np.ndarray]
    gap: Mapping[Head, np.ndarray]
    difference: Mapping[Head, np.ndarray]


def deep_shap(model: ProfileModel, one_hot: Tensor | np.ndarray, references: Tensor | np.ndarray, head: Head) -> Tensor:
    """Hypothetical contributions of sequences against given references.

    Parameters
    ----------
    model
        A BPNet: a bias model, or the ``accessibility`` part of a ChromBPNet. It is computed where its weights are.
    one_hot
        (N, 4, L).
    references
        (N, R, 4, L): R reference sequences for each.
    head
        ``"counts"``, in natural-log counts, or ``"profile"``, in logits weighted by their probabilities.

    Returns
    -------
    Tensor
        (N, 4, L) on the model's device. Times `one_hot` they are the contributions of the bases that are there, which
        sum over the sequence to the output's difference from the references' mean, where all bases are known.

    Raises
    ------
    InputError
        The model is no BPNet, shapes disagree, or the head is unknown.
    """
    weight = next(model.parameters())
    sequences = torch.as_tensor(one_hot).to(device=weight.device, dtype=weight.dtype)
    pairs = torch.as_tensor(references).to(weight.device)
    return attribute(model, sequences, pairs, [head], piece=_piece(weight.device))[head].hypothetical


def iterate_contributions(
    model: ProfileModel,
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    heads: Sequence[Head],
    *,
    references: int = 20,
    device: torch.device | str = "cpu",
) -> Iterator[Block]:
    """Contributions of batches of sequences against their dinucleotide shuffles, in constant memory.

    Parameters
    ----------
    model
        A BPNet.
    batches
        Codes (n, L) uint8, and a seed for each sequence (n,).
    heads
        What to explain; both cost little more than one.
    references
        Shuffles of each sequence.
    device
        Where to compute, in float32.
    """
    device = torch.device(device)
    model.to(device).eval()
    channels = model.config.channels
    for codes, seeds in batches:
        shuffles = dinucleotide_shuffles(codes, references, seeds)
        inputs = encode_one_hot(torch.from_numpy(np.ascontiguousarray(codes)).to(device), channels)
        pairs = encode_one_hot(torch.from_numpy(shuffles).flatten(0, 1).to(device), channels)
        found = attribute(
            model, inputs, pairs.view(len(codes), references, *pairs.shape[1:]), heads, piece=_piece(device)
        )
        yield Block(
            codes,
            # An N channel is not among the four bases that contributions are of.
            {head: result.hypothetical[:, :4].cpu().numpy() for head, result in found.items()},
            {head: (one.explained - one.difference).abs().amax(1).cpu().numpy() for head, one in found.items()},
            {head: result.difference.abs().mean(1).cpu().numpy() for head, result in found.items()},
        )


def judge_convergence(what: str, head: str, gap: np.ndarray, difference: np.ndarray) -> dict[str, Any]:
    """Whether contributions sum to what they should.

    Parameters
    ----------
    what
        Whose contributions these are, for the verdict's name.
    head
        ``counts`` or ``profile``.
    gap, difference
        (N,) of all sequences, as of :class:`Block`.

    Returns
    -------
    dict
        largest_gap, typical_difference (the median), relative_gap, and a verdict.
    """
    largest, typical = float(gap.max()), float(np.median(difference))
    relative = largest / typical if typical else float("nan")
    item = verdict(
        f"additivity_{head}",
        f"Contributions to {what} {head} add up",
        relative,
        good=0.01,
        check=0.1,
        lower_is_better=True,
        threshold="largest difference between sum and prediction below 1 % of a typical prediction; up to 10 % needs a "
        "look",
        source=OWN_ADVICE,
        advice=(
            "The contributions of a sequence sum to its prediction, less that of its references.",
            "Some sums are off by rounding: predictions hardly differ from their references'. Look at the training.",
            "Sums do not match predictions: the model's values are too large or too alike for float32. Train it anew.",
        ),
    )
    return {"largest_gap": largest, "typical_difference": typical, "relative_gap": relative, "verdict": item}


def _piece(device: torch.device) -> int:
    """References computed at once."""
    return CPU_PIECE if device.type == "cpu" else 64
