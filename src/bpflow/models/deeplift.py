"""DeepLIFT multipliers of a BPNet by the rescale rule, averaged over references as DeepSHAP does.

A BPNet is linear but for its ReLUs, so one pass forward and one back give all multipliers (Shrikumar et al. 2017).
Between an input's pre-activation x and a reference's r, a ReLU's multiplier is (relu(x) - relu(r)) / (x - r). That is
max(x, r) / abs(x - r) held within 0 and 1, in which nothing cancels. The official program does the same through
automatic differentiation, with the input run again beside every reference; here its activations are computed once.

Targets are the log counts, and for the profile the logits z less their mean, weighted. The official program's weight of
a logit is the mean of the input's and the reference's probability: its rule for a product shares between both factors,
and a stopped gradient drops the share of the probabilities. Of strands with a profile and a count each, the target is
their mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from bpflow.errors import InputError
from bpflow.models.base import ProfileModel
from bpflow.models.bpnet import BPNet
from bpflow.models.convolution import cropped, input_gradient, padded
from bpflow.models.outputs import Output
from bpflow.models.task_view import TaskView
from bpflow.models.tower import Tower

__all__ = ["HEADS", "Attribution", "Head", "attribute"]

Head = Literal["counts", "profile"]
HEADS: tuple[Head, ...] = get_args(Head)
# On a CPU, activations of so few references at once stay in its caches.
CPU_PIECE = 5
# Keeps the quotient of a multiplier defined where input and reference agree; it is then the ReLU's gradient.
SMALLEST = 1e-30


@dataclass(frozen=True)
class Attribution:
    """Contributions to one target.

    Attributes
    ----------
    hypothetical
        (N, channels, L): what each base would contribute at each position, the mean over references. Times the one-hot
        sequence, it is the contribution of the base that is there.
    explained
        (N, R): the sum of an input's contributions against each reference.
    difference
        (N, R): the target's value for the input less that for the reference, which `explained` should equal.
    """

    hypothetical: Tensor
    explained: Tensor
    difference: Tensor


@dataclass(frozen=True)
class _Pass:
    """One pass forward: what goes into the ReLUs, (n, F, length) a layer, and what was predicted."""

    before_relus: list[Tensor]
    output: Output


@torch.no_grad()
def attribute(
    model: ProfileModel, one_hot: Tensor, references: Tensor, heads: Sequence[Head], *, piece: int = CPU_PIECE
) -> dict[Head, Attribution]:
    """Contributions of (N, channels, L) sequences against R references each, for one or both heads.

    Parameters
    ----------
    model
        A BPNet of one task or a view of one: also a bias model, or the accessibility part of a ChromBPNet.
    one_hot
        (N, channels, L) float32, on the model's device.
    references
        (N, R, channels, L), of any type.
    heads
        ``counts``, ``profile`` or both, which share the passes forward.
    piece
        References computed at once. The result does not depend on what else is in the batch.

    Raises
    ------
    InputError
        The model is no BPNet, shapes disagree, or a head is unknown.
    """
    bpnet = _checked(model, one_hot, references, heads)
    n, r = references.shape[:2]
    results = {
        head: Attribution(torch.zeros_like(one_hot), one_hot.new_empty(n, r), one_hot.new_empty(n, r)) for head in heads
    }
    for row in range(n):
        ours = _forward(bpnet, _channels_last(one_hot[row : row + 1]))
        for first in range(0, r, piece):
            columns = slice(first, min(first + piece, r))
            theirs = _channels_last(references[row, columns].to(one_hot))
            for head, multipliers, difference in _multipliers(bpnet, ours, theirs, heads):
                result = results[head]
                at_reference = (multipliers * theirs).sum(1, keepdim=True)
                result.hypothetical[row] += (multipliers - at_reference).sum(0) / r
                at_input = (multipliers * one_hot[row]).sum((1, 2))
                result.explained[row, columns] = at_input - at_reference.sum((1, 2))
                result.difference[row, columns] = difference
    return results


def _checked(model: ProfileModel, one_hot: Tensor, references: Tensor, heads: Sequence[Head]) -> BPNet:
    # Strands that were joined are explained as they are: each with a profile and a count.
    model = model.model if isinstance(model, TaskView) else model
    if not isinstance(model, BPNet):
        raise InputError(
            f"a model of kind {model.config.kind!r}",
            where="contributions",
            expected="a BPNet, whose outputs are linear but for its ReLUs",
            mend="Give one part of a ChromBPNet: its .accessibility for corrected contributions, or its .bias",
        )
    if len(model.config.tasks) > 1:
        raise InputError(
            f"a model of the tasks {', '.join(model.config.tasks)}",
            where="contributions",
            expected="one task",
            mend="Choose one by bpflow.models.chosen_task, or --task",
        )
    if unknown := set(heads) - set(HEADS):
        raise InputError(f"the head {min(unknown)!r}", where="contributions", expected=" or ".join(HEADS))
    shape = len(one_hot), model.config.channels, model.config.input_length
    if tuple(one_hot.shape) != shape:
        raise InputError(f"sequences of shape {tuple(one_hot.shape)}", where="contributions", expected=f"{shape}")
    n, *rest = shape
    if references.dim() != 4 or references.shape[0] != n or list(references.shape[2:]) != rest:
        raise InputError(
            f"references of shape {tuple(references.shape)}",
            where="contributions",
            expected=f"({n}, R, {', '.join(map(str, rest))})",
        )
    if not references.shape[1]:
        raise InputError("no references", where="contributions", expected="one or more for each sequence")
    return model


def _forward(model: BPNet, one_hot: Tensor) -> _Pass:
    before_relus = []
    h = one_hot
    for number, layer in enumerate(model.tower.layers):
        x = layer(model.tower.seen(h, layer))
        before_relus.append(x)
        h = x.relu() if number == 0 else x.relu().add_(cropped(h, x.shape[2]))
    return _Pass(before_relus, model.heads(h))


def _multipliers(
    model: BPNet, ours: _Pass, references: Tensor, heads: Sequence[Head]
) -> Iterator[tuple[Head, Tensor, Tensor]]:
    """Multipliers (r, channels, L) of one input against r references, and the target's differences (r,)."""
    theirs = _forward(model, references)
    width = theirs.before_relus[-1].shape[2]
    slopes = [_slope(x, r) for x, r in zip(ours.before_relus, theirs.before_relus, strict=True)]
    for head in heads:
        if head == "counts":
            weights = model.counts.weight.mean(0) / width
            at_tower = _channels_last(weights.view(1, -1, 1).expand(len(references), -1, width))
            difference = (ours.output.log_counts - theirs.output.log_counts).reshape(len(references), -1).mean(1)
        else:
            outputs = model.config.outputs
            at_logits, difference = _profile_target(
                *(each.output.profile_logits.reshape(-1, outputs.groups, outputs.width) for each in (ours, theirs))
            )
            seen = input_gradient(outputs.by_track(at_logits), model.profile.weight)
            at_tower = cropped(seen, width) if seen.shape[2] > width else padded(seen, width)
        yield head, _backward(model.tower, at_tower, slopes), difference


def _slope(x: Tensor, reference: Tensor) -> Tensor:
    """Multipliers of a ReLU between x (1, F, length) and each reference (r, F, length), which is overwritten."""
    larger = torch.maximum(x, reference)
    apart = torch.sub(reference, x, out=reference).abs_().clamp_min_(SMALLEST)
    return larger.div_(apart).clamp_(0, 1)


def _profile_target(logits: Tensor, reference_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of the logits (r, groups, W), and the target's differences (r,), each the mean over groups."""
    weights = (logits.softmax(2) + reference_logits.softmax(2)) / 2
    apart = logits - reference_logits
    difference = (weights * (apart - apart.mean(2, keepdim=True))).sum(2).mean(1)
    return (weights - weights.mean(2, keepdim=True)) / weights.shape[1], difference


def _backward(tower: Tower, multipliers: Tensor, slopes: list[Tensor]) -> Tensor:
    for number, layer in reversed(list(enumerate(tower.layers))):
        below = input_gradient(multipliers * slopes[number], layer.weight, dilation=layer.dilation)
        if number:
            cropped(below, multipliers.shape[2]).add_(multipliers)
        # What lies beyond a window whose length is kept are zeros.
        multipliers = cropped(below, below.shape[2] - layer.reach) if tower.same else below
    return multipliers


def _channels_last(x: Tensor) -> Tensor:
    """The same values in the layout that the convolutions want."""
    return x.transpose(1, 2).contiguous().transpose(1, 2)
