"""Files for genome browsers: a hub and a session whose every path leads to a file."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from bpflow.cli import main
from bpflow.report.browser_tracks import find_groups
from bpflow.report.palette import ROLES

SAMPLES = ["K562 & <b>", "a.b", "a-b"]
BIGWIGS = [
    "signal/insertions.bw",
    *(
        f"tracks/{how}/{name}.bw"
        for how in ("crossfit", "mean")
        for name in ("observed", "with_bias", "bias", "corrected")
    ),
    *(f"mean/contributions/{view}/{head}.bw" for view in ("corrected", "bias") for head in ("counts", "profile")),
]
REGIONS = ["peaks/peaks.narrowPeak"]
REGIONS += [
    f"mean/motifs/{view}/{head}/instances.bed.gz" for view in ("corrected", "bias") for head in ("counts", "profile")
]


@pytest.fixture
def results(tmp_path) -> Path:
    """A tree whose files exist, which is all that is asked of them."""
    for sample in SAMPLES:
        for name in BIGWIGS + REGIONS:
            path = tmp_path / "results" / sample / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    (tmp_path / "genome.fa").write_text(">chr1\nACGTNACGTT\n>chr2\nGGCC\n")
    return tmp_path / "results"


def write(results: Path, *options: str, folder: str = "browser", samples=tuple(SAMPLES)) -> Path:
    output = results / folder
    words = ["hub", "--results", str(results), "--samples", *samples, "--genome", str(results.parent / "genome.fa")]
    main([*words, "--output-dir", str(output), *options])
    return output


def stanzas(path: Path) -> list[dict[str, str]]:
    parts = path.read_text().strip().split("\n\n")
    return [dict(line.split(" ", 1) for line in part.splitlines()) for part in parts]


@pytest.mark.parametrize("folder", ["browser", "deep/er"])
def test_each_stanza_of_the_hub_is_sound(results, folder):
    output = write(results, "--genome-name", "hg38", "--email", "a@b.org", "--title", "Two\nwords", folder=folder)
    hub, genome, *tracks = stanzas(output / "hub.txt")
    assert hub == {
        "hub": "bpflow", "shortLabel": "Two words", "longLabel": "Two words", "useOneFile": "on", "email": "a@b.org",
    }  # fmt: skip
    assert genome == {"genome": "hg38"}
    names = [track["track"] for track in tracks]
    assert len(set(names)) == len(names)
    for place, track in enumerate(tracks):
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", track["track"])
        assert len(track["shortLabel"]) <= 17
        assert len(track["longLabel"]) <= 80
        if "parent" in track:
            assert track["parent"].split()[0] in names[:place]
        if "bigDataUrl" in track:
            assert " " not in track["bigDataUrl"]
            assert track["type"] == "bigWig"
            assert (output / unquote(track["bigDataUrl"])).is_file()
            assert track["bigDataUrl"].endswith(".bw")
            assert all(0 <= int(part) < 256 for part in track["color"].split(","))
    # observed.bw of the mean is the same as that of crossfit.
    shown = [track for track in tracks if "bigDataUrl" in track]
    assert len(shown) == len(SAMPLES) * (len(BIGWIGS) - 1)
    assert all(track["autoScale"] == "group" for track in tracks if "compositeTrack" in track)


def test_each_track_of_the_session_is_there(results):
    output = write(results, "--genome-name", "hg38")
    root = ElementTree.fromstring((output / "igv_session.xml").read_bytes())
    assert root.tag == "Session"
    assert (root.get("genome"), root.get("locus")) == ("hg38", "chr1:1-10")
    paths = [resource.get("path") for resource in root.iter("Resource")]
    tracks = list(root.iter("Track"))
    assert [track.get("id") for track in tracks] == paths
    assert len(set(paths)) == len(paths) == len(SAMPLES) * (len(BIGWIGS) - 1 + len(REGIONS))
    assert all(not Path(path).is_absolute() and (output / path).is_file() for path in paths)
    assert {resource.get("type") for resource in root.iter("Resource")} == {"bw", "narrowPeak", "bed"}
    assert tracks[0].get("name").startswith("K562 & <b> insertions: ")
    groups = {track.get("id"): track.get("autoscaleGroup") for track in tracks}
    first = "../K562 & <b>/tracks/crossfit/"
    assert groups[f"{first}bias.bw"] == groups[f"{first}corrected.bw"] is not None
    assert groups[f"{first}bias.bw"] != groups["../a.b/tracks/crossfit/bias.bw"]
    assert groups["../a.b/peaks/peaks.narrowPeak"] is None


def test_a_genome_without_a_name_brings_its_sequence(results):
    output = write(results)
    _, genome, *_ = stanzas(output / "hub.txt")
    assert genome == {
        "genome": "genome", "twoBitPath": "genome.2bit", "organism": "genome", "defaultPos": "chr1:1-10",
    }  # fmt: skip
    assert (output / "genome.2bit").stat().st_size > 0
    assert ElementTree.fromstring((output / "igv_session.xml").read_bytes()).get("genome") == "genome.2bit"
    assert not (write(results, "--genome-name", "hg38", folder="named") / "genome.2bit").exists()


def test_what_is_not_there_is_not_named(results):
    for path in (results / "a.b").rglob("*.bw"):
        path.unlink()
    groups = find_groups(results, ["a.b"])
    assert {group.word.split("_")[0] for group in groups} == {"peaks", "motifs"}
    hub = (write(results, "--genome-name", "hg38", samples=("a.b", "a-b")) / "hub.txt").read_text()
    assert "a.b" not in hub


def test_colours_are_the_report_s(results):
    crossfit = next(group for group in find_groups(results, ["a.b"]) if group.word == "crossfit")
    assert [track.colour for track in crossfit.tracks] == [
        ROLES[name].light for name in ("observed", "with_bias", "bias", "corrected")
    ]
    assert crossfit.tracks[3].rgb == "0,114,178"


def test_a_tree_without_tracks_is_told(results, capsys):
    with pytest.raises(SystemExit) as caught:
        write(results, samples=("nobody",))
    assert caught.value.code == 2
    assert "no tracks of nobody" in capsys.readouterr().err
