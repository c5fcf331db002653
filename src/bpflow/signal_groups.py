"""Several tracks as one signal: the strands and tasks that a model predicts together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bpflow.genome import Genome
from bpflow.signal import SignalTrack

__all__ = ["Signal", "SignalGroups", "open_strands"]


class Signal(Protocol):
    """What windows of counts are gathered from: one track, or groups of them."""

    @property
    def paths(self) -> tuple[str, ...]:
        """What each group was read from."""
        ...

    def windows(self, global_starts: np.ndarray, width: int, reverse: np.ndarray | None = None) -> np.ndarray:
        """Counts (N, width), or those of groups."""
        ...

    def sums(self, global_starts: np.ndarray, width: int) -> np.ndarray:
        """Totals (N,), or (N, groups)."""
        ...


@dataclass(frozen=True)
class SignalGroups:
    """Tracks in groups of one or two strands.

    Attributes
    ----------
    tracks
        C tracks, tasks one after the other, plus before minus.
    groups
        G, how many groups the tracks form, each of neighbours; a divisor of C.
    partners
        Which track each one becomes on the other strand of the sequence.
    """

    tracks: tuple[SignalTrack, ...]
    groups: int
    partners: tuple[int, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """What each group was read from, G texts; the files of strands have a comma between."""
        each = len(self.tracks) // self.groups
        files = [track.path for track in self.tracks]
        return tuple(", ".join(files[first : first + each]) for first in range(0, len(files), each))

    def windows(self, global_starts: np.ndarray, width: int, reverse: np.ndarray | None = None) -> np.ndarray:
        """Counts in windows of equal width.

        Parameters
        ----------
        global_starts
            (N,) starts, as ``Genome.global_positions``.
        width
            Bases of a window.
        reverse
            (N,) bool: windows to read on the other strand, from their end to their start, each track its partner's.

        Returns
        -------
        ndarray
            (N, G, W) int32, the tracks of a group one after the other, so W = width * C / G; (N, W) of one group.
        """
        tracks = np.stack([track.windows(global_starts, width) for track in self.tracks], axis=1)
        if reverse is not None and reverse.any():
            tracks[reverse] = tracks[reverse][:, list(self.partners), ::-1]
        grouped = tracks.reshape(len(tracks), self.groups, width * len(self.tracks) // self.groups)
        return grouped[:, 0] if self.groups == 1 else grouped

    def sums(self, global_starts: np.ndarray, width: int) -> np.ndarray:
        """Totals of each group in windows of equal width, (N, G) int64; (N,) of one group."""
        sums = np.stack([track.sums(global_starts, width) for track in self.tracks], axis=1)
        grouped = sums.reshape(len(sums), self.groups, len(self.tracks) // self.groups).sum(axis=2)
        return grouped[:, 0] if self.groups == 1 else grouped


def open_strands(paths: Sequence[str | os.PathLike[str]], genome: Genome) -> Signal:
    """Open one bigWig, or those of the plus and the minus strand as one group, of which counts may be below 0.

    Raises
    ------
    InputError
        As of :meth:`bpflow.signal.SignalTrack.open`.
    """
    tracks = tuple(SignalTrack.open(path, genome, absolute=len(paths) > 1) for path in paths)
    return tracks[0] if len(tracks) == 1 else SignalGroups(tracks, 1, tuple(reversed(range(len(tracks)))))
