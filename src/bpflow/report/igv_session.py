"""A session for IGV, desktop and igv.js: an XML file that names tracks by paths relative to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

from bpflow.report.browser_tracks import TrackGroup

__all__ = ["session_xml"]


def session_xml(groups: Sequence[TrackGroup], genome: str, place: str, located: Callable[[Path], str]) -> bytes:
    """The session as XML in UTF-8.

    Parameters
    ----------
    groups
        Tracks; bigWigs of a group are scaled together.
    genome
        A genome that IGV knows by name, or the path of one seen from the session.
    place
        Where it opens, such as ``chr1:1-1000``.
    located
        From a track's path to the same path seen from the session.
    """
    scales = str(len(groups) + 1)
    root = ElementTree.Element("Session", genome=genome, locus=place, nextAutoscaleGroup=scales, version="8")
    resources = ElementTree.SubElement(root, "Resources")
    panel = ElementTree.SubElement(root, "Panel", name="DataPanel")
    for number, group in enumerate(groups, start=1):
        for track in group.tracks:
            path = located(track.path)
            ElementTree.SubElement(resources, "Resource", path=path, type=_type(track.path))
            name = f"{group.sample} {track.short}: {track.long}"
            shown = {"id": path, "name": name, "color": track.rgb, "altColor": track.rgb, "visible": "true"}
            if track.is_bigwig:
                # A group's scale holds only where the track's own is off.
                shown |= {"autoScale": "false", "autoscaleGroup": str(number), "height": "50"}
            ElementTree.SubElement(panel, "Track", shown)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def _type(path: Path) -> str:
    return {".bw": "bw", ".narrowPeak": "narrowPeak"}.get(path.suffix, "bed")
