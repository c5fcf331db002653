"""What a profile model returns, and how several tasks and strands are laid out in it."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field
from torch import Tensor

__all__ = ["STRANDS", "Length", "Output", "Outputs", "Tasks"]

STRANDS = ("plus", "minus")
# What a model file may ask for, so that one that is damaged asks for no more than a machine has.
Length = Annotated[int, Field(gt=0, le=1 << 24)]
Tasks = Annotated[tuple[str, ...], Field(min_length=1, max_length=1 << 12)]


class Output(NamedTuple):
    """Predictions of a batch, in float32; with a dimension of G groups where there are several.

    Attributes
    ----------
    profile_logits
        (N, W) or (N, G, W) unnormalised log probabilities of where reads fall.
    log_counts
        (N,) or (N, G) predicted ln(1 + reads in the output window).
    """

    profile_logits: Tensor
    log_counts: Tensor


class Outputs(NamedTuple):
    """How tasks and strands are laid out.

    A track is one strand of one task, in the order of tasks and then plus, minus. A group is what one multinomial and
    one count are of: a track, or both strands of a task one after the other. So W is O or 2 O.

    Attributes
    ----------
    names
        Of the tasks.
    strands
        1 or 2.
    shared
        Whether both strands of a task are one group.
    length
        O, bases of the output window.
    """

    names: tuple[str, ...]
    strands: int
    shared: bool
    length: int

    @property
    def tasks(self) -> int:
        """How many tasks there are."""
        return len(self.names)

    @property
    def tracks(self) -> int:
        """How many tracks there are."""
        return self.tasks * self.strands

    @property
    def groups(self) -> int:
        """How many groups there are, G."""
        return self.tasks if self.shared else self.tracks

    @property
    def width(self) -> int:
        """Positions of a group, W."""
        return self.length * self.tracks // self.groups

    @property
    def track_names(self) -> tuple[str, ...]:
        """Of each track: the task's name, its strand, or both with a dot between; "" if there is one track."""
        strands = STRANDS if self.strands == 2 else ("",)
        return tuple(".".join(filter(None, (task, strand))) for task in self.names for strand in strands)

    @property
    def group_names(self) -> tuple[str, ...]:
        """Of each group: the task's name if strands are shared, else the track's."""
        return self.names if self.shared else self.track_names

    @property
    def partners(self) -> tuple[int, ...]:
        """Which track each one becomes on the other strand of the sequence."""
        return tuple(track + 1 - 2 * (track % 2) if self.strands == 2 else track for track in range(self.tracks))

    def groups_of(self, task: str) -> slice:
        """The groups of a task, by its name."""
        each = self.groups // self.tasks
        first = self.names.index(task) * each
        return slice(first, first + each)

    def laid_out(self, logits: Tensor, log_counts: Tensor) -> Output:
        """From logits (N, tracks, O) and log counts (N, G) to an Output."""
        grouped = logits.reshape(len(logits), self.groups, self.width)
        if self.groups == 1:
            return Output(grouped.squeeze(1), log_counts.squeeze(1))
        return Output(grouped, log_counts)

    def by_track(self, profile: Tensor) -> Tensor:
        """Profiles (N, W) or (N, G, W) as (N, tracks, O)."""
        return profile.reshape(len(profile), self.tracks, self.length)
