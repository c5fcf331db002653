"""The files of a run that a genome browser can show, with labels, colours and common scales."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bpflow.report.palette import ROLES
from bpflow.report.track_labels import COMBINED, CONTRIBUTIONS, TRACKS

__all__ = ["BrowserTrack", "TrackGroup", "find_groups"]

REGIONS = ROLES["peaks"].light
MEASURED = "Measured"


class BrowserTrack(NamedTuple):
    """One file.

    Attributes
    ----------
    path
        Seen from the results' folder.
    short, long
        Labels of at most 17 and 80 letters.
    colour
        As ``#rrggbb``.
    """

    path: Path
    short: str
    long: str
    colour: str

    @property
    def is_bigwig(self) -> bool:
        """Whether the file is a bigWig; others are regions as text."""
        return self.path.suffix == ".bw"

    @property
    def rgb(self) -> str:
        """The colour as ``red,green,blue``."""
        return ",".join(str(int(self.colour[place : place + 2], 16)) for place in (1, 3, 5))


class TrackGroup(NamedTuple):
    """Tracks of one sample that share a scale; `word` names the group in letters and underscores."""

    sample: str
    word: str
    short: str
    long: str
    tracks: Sequence[BrowserTrack]


def find_groups(results: str | os.PathLike[str], samples: Sequence[str]) -> list[TrackGroup]:
    """Groups of the tracks that there are, in the samples' order; groups without any are left out."""
    groups = []
    for sample in samples:
        for word, short, long, tracks in _groups(Path(sample)):
            found = [track for track in tracks if (Path(results) / track.path).is_file()]
            if found:
                groups.append(TrackGroup(sample, word, short, long, found))
    return groups


def _groups(sample: Path) -> Iterator[tuple[str, str, str, list[BrowserTrack]]]:
    long = "the insertions that were measured, over the whole genome"
    insertions = BrowserTrack(sample / "signal" / "insertions.bw", "insertions", long, ROLES["observed"].light)
    yield "measured", MEASURED, "What was measured", [insertions]
    peaks = BrowserTrack(sample / "peaks" / "peaks.narrowPeak", "peaks", "the peaks of the run", REGIONS)
    yield "peaks", "Peaks", "Where the models were trained", [peaks]
    for combine, text in COMBINED.items():
        prefix = "" if combine == "crossfit" else f"{combine} "
        tracks = [
            BrowserTrack(
                sample / "tracks" / combine / name, prefix + _words(name), long, ROLES[name.removesuffix(".bw")].light
            )
            for name, long in TRACKS.items()
            # The same in both, and one is enough.
            if combine == "crossfit" or name != "observed.bw"
        ]
        yield combine, combine.capitalize(), text, tracks
    for head in ("counts", "profile"):
        tracks = [
            BrowserTrack(
                sample / "mean" / "contributions" / view / f"{head}.bw",
                f"{view} {head}",
                long,
                ROLES["mark" if view == "corrected" else "bias"].light,
            )
            for (view, of), long in CONTRIBUTIONS.items()
            if of == head
        ]
        yield f"contributions_{head}", f"To {head}", f"What each base adds to the {head}", tracks
    for view, head in CONTRIBUTIONS:
        path = sample / "mean" / "motifs" / view / head / "instances.bed.gz"
        track = BrowserTrack(path, f"{view} {head}", f"motifs found in contributions to the {view} {head}", REGIONS)
        yield f"motifs_{view}_{head}", "Motifs", "Instances of motifs", [track]


def _words(name: str) -> str:
    return name.removesuffix(".bw").replace("_", " ")
