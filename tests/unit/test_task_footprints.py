"""Footprints of tasks: what a made-up model answers to a motif is told by strand, place and counts."""

from __future__ import annotations

import numpy as np
import pytest

from bpflow.footprint_file import write_profiles
from bpflow.footprints import measure
from bpflow.genome import encode
from bpflow.inserts import Insert
from bpflow.task_footprints import VIEW, task_record
from bpflow.views import Tracks

LENGTH, OUTPUT = 60, 40
MOTIF = "GGATTAACGT"


def answering(codes):
    """Reads begin on the plus strand 8 bases before the motif and on the minus strand 8 behind it, 40 times as many."""
    site = encode(MOTIF)
    profile = np.full((len(codes), 2, OUTPUT), 1.0)
    counts = np.full(len(codes), 9.0)
    start = LENGTH // 2 - len(site) // 2
    for row, sequence in enumerate(codes):
        if (sequence[start : start + len(site)] == site).all():
            profile[row, 0, OUTPUT // 2 - 8] = profile[row, 1, OUTPUT // 2 + 8] = 100
            counts[row] = 399
    flat = profile.reshape(len(codes), -1)
    return {VIEW: Tracks(flat / flat.sum(axis=1, keepdims=True), counts)}


@pytest.fixture
def footprints():
    backgrounds = np.random.default_rng(1).integers(0, 4, (5, LENGTH)).astype(np.uint8)
    return measure(
        backgrounds, [Insert("site", MOTIF, "motif"), Insert("other", "CCCCCCCC", "motif")], answering, [VIEW]
    )


def test_strands_places_and_counts_are_told(footprints):
    site, other = task_record(footprints, task="a", strands=2, backgrounds=5)["motifs"]
    # The other direction of the sequence does not hold the motif in the middle, and is one half of the mean.
    assert site["strands"]["plus"]["place"] == -8
    assert site["strands"]["minus"]["place"] == 8
    assert site["log2_fold_counts"] == pytest.approx(np.log2((1 + (399 + 9) / 2) / 10))
    assert other["log2_fold_counts"] == 0
    assert sum(sum(strand["profile"]) for strand in site["strands"].values()) == pytest.approx(1)


def test_one_strand_has_no_name_of_a_strand(footprints):
    (site, _) = task_record(footprints, task="a", strands=1, backgrounds=5)["motifs"]
    assert list(site["strands"]) == ["both"]


def test_footprints_are_kept_whole(footprints, tmp_path):
    write_profiles(footprints, tmp_path / "f.h5", backgrounds=5)
    assert (tmp_path / "f.h5").stat().st_size > 0
