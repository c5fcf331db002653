"""One task of a model by itself, and its strands as one profile with one count, whatever the model's layout is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bpflow.errors import InputError
from bpflow.models.base import ProfileModel
from bpflow.models.bpnet import BPNet
from bpflow.models.outputs import Output, Outputs

__all__ = ["TaskView", "chosen_task", "joined", "named_task", "one_task"]

# A strand that is predicted to have no read at all keeps a part of the profile too small to matter.
LEAST = 1e-6


@dataclass(frozen=True)
class TaskConfig:
    """Sizes of a :class:`TaskView`."""

    kind: str
    channels: int
    input_length: int
    outputs: Outputs
    gigaflops: float

    @property
    def output_length(self) -> int:
        """Bases predicted."""
        return self.outputs.length


class TaskView(ProfileModel):
    """A task whose strands have a profile and a count each, as one group: profile logits (N, 2 O), log counts (N,).

    Parameters
    ----------
    model
        A model of one task or several.
    task
        The task's name.
    """

    def __init__(self, model: ProfileModel, task: str) -> None:
        super().__init__()
        of = model.config
        alone = of.outputs._replace(names=(task,), shared=True)
        self.config = TaskConfig(of.kind, of.channels, of.input_length, alone, of.gigaflops)
        self.model, self.groups = model, of.outputs.groups_of(task)

    def forward(self, one_hot: Tensor) -> Output:
        """Predict from (N, channels, input_length)."""
        output = self.model(one_hot)
        if output.log_counts.dim() == 1:
            return output
        logits, log_counts = (part[:, self.groups] for part in output)
        if log_counts.shape[1] == 1:
            return Output(logits.squeeze(1), log_counts.squeeze(1))
        return joined(Output(logits, log_counts))


def joined(output: Output) -> Output:
    """From (N, G, W) profiles and (N, G) counts of strands to one profile and one count of all.

    The total is the sum of what is expected of each strand, exp(log counts) - 1, and a strand's part of the profile is
    its part of that.
    """
    if output.log_counts.dim() == 1:
        return output
    expected = torch.expm1(output.log_counts).clamp_min(LEAST)
    logits = torch.log_softmax(output.profile_logits, dim=2) + expected.log().unsqueeze(2)
    return Output(logits.flatten(1), torch.log1p(expected.sum(1)))


def one_task(model: BPNet, task: str) -> BPNet:
    """The model with the heads of one task alone; weights are shared with the whole model."""
    config, outputs = model.config, model.config.outputs
    if len(config.tasks) == 1:
        return model
    number = config.tasks.index(task)
    tracks = slice(number * config.strands, (number + 1) * config.strands)
    groups = outputs.groups_of(task)
    with torch.device("meta"):
        single = BPNet(config.model_copy(update={"tasks": (task,), "control": False}))
    single.tower = model.tower
    for own, whole, rows in ((single.profile, model.profile, tracks), (single.counts, model.counts, groups)):
        own.weight, own.bias = (nn.Parameter(part.detach()[rows]) for part in (whole.weight, whole.bias))
    return single.train(model.training)


def chosen_task(model: ProfileModel, task: str | None) -> ProfileModel:
    """One task of a model, in the layout that all steps after training know: (N, W) and (N,).

    Parameters
    ----------
    model
        Any profile model.
    task
        Its name; not needed where there is one.

    Raises
    ------
    InputError
        There is no such task, or there are several and none is named.
    """
    name = named_task(model, task)
    if model.config.outputs.groups == 1:
        return model
    single = one_task(model, name) if isinstance(model, BPNet) else model
    return single if single.config.outputs.groups == 1 else TaskView(single, name)


def named_task(model: ProfileModel, task: str | None) -> str:
    """The task that is asked for, or the only one; raises :class:`bpflow.errors.InputError` as :func:`chosen_task`."""
    names = model.config.outputs.names
    if (task is None and len(names) > 1) or (task is not None and task not in names):
        raise InputError(
            "no task" if task is None else f"the task {task!r}",
            where="--task",
            expected=f"one of {', '.join(names)}" if any(names) else "none: the model has a single one without a name",
        )
    return names[0] if task is None else task
