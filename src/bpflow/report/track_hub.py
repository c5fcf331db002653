"""A track hub for the UCSC Genome Browser: one text file that names bigWigs beside it.

Settings are those of UCSC's trackDb document: one file (``useOneFile on``), a superTrack a sample, and in it a
composite for each group of tracks, whose ``autoScale group`` draws them on one scale.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from bpflow.report.browser_tracks import TrackGroup

__all__ = ["HubGenome", "hub_text"]


class HubGenome(NamedTuple):
    """The genome of a hub.

    Attributes
    ----------
    name
        What UCSC calls it; of one that it does not have, any word.
    two_bit
        The 2bit file of one that UCSC does not have, seen from the hub.
    place
        Where the browser opens, such as ``chr1:1-1000``.
    """

    name: str
    two_bit: str | None
    place: str


def hub_text(
    title: str, groups: Sequence[TrackGroup], genome: HubGenome, located: Callable[[Path], str], *, email: str | None
) -> str:
    """The hub as text.

    Parameters
    ----------
    title
        What the hub is called.
    groups
        Tracks; those that are no bigWigs are left out, since UCSC reads no text files from hubs.
    genome
        What they are tracks of.
    located
        From a track's path to the same path seen from the hub.
    email
        Whom to ask about it; public hubs must name somebody.
    """
    stanzas = [
        {
            "hub": "bpflow",
            "shortLabel": _line(title)[:17],
            "longLabel": _line(title)[:80],
            "useOneFile": "on",
            **({"email": email} if email else {}),
        },
        {"genome": genome.name, **_own_sequence(genome)},
    ]
    shown = [group for group in groups if any(track.is_bigwig for track in group.tracks)]
    for number, (sample, own) in enumerate(groupby(shown, lambda group: group.sample), start=1):
        parent = f"s{number}_{re.sub(r'[^A-Za-z0-9]', '_', sample)}"
        stanzas.append(
            {"track": parent, "superTrack": "on show", "shortLabel": sample[:17], "longLabel": f"Sample {sample}"[:80]}
        )
        for group in own:
            stanzas += _group_stanzas(group, parent, located)
    return "\n\n".join("\n".join(f"{key} {value}" for key, value in stanza.items()) for stanza in stanzas) + "\n"


def _own_sequence(genome: HubGenome) -> dict[str, str]:
    if genome.two_bit is None:
        return {}
    return {"twoBitPath": genome.two_bit, "organism": genome.name, "defaultPos": genome.place}


def _group_stanzas(group: TrackGroup, parent: str, located: Callable[[Path], str]) -> list[dict[str, str]]:
    name = f"{parent}_{group.word}"
    composite = {
        "track": name,
        "parent": parent,
        "compositeTrack": "on",
        "type": "bigWig",
        "shortLabel": group.short,
        "longLabel": group.long,
        "visibility": "hide" if group.word == "mean" else "full",
        "autoScale": "group",
        "maxHeightPixels": "100:40:8",
    }
    bigwigs = [track for track in group.tracks if track.is_bigwig]
    return [composite] + [
        {
            "track": f"{name}_{place}",
            "parent": f"{name} on",
            "bigDataUrl": quote(located(track.path)),
            "shortLabel": track.short,
            "longLabel": track.long,
            "type": "bigWig",
            "color": track.rgb,
            "altColor": track.rgb,
        }
        for place, track in enumerate(bigwigs, start=1)
    ]


def _line(text: str) -> str:
    return " ".join(text.split())
