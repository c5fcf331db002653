"""What the page says a sample shares, and has otherwise than the run."""

from __future__ import annotations

import pytest

from bpflow.report.sheet import explained_views, sheet_section

CONFIG = {
    "contributions": {"views": ["corrected"], "parts": 2},
    "sheet": [
        {"name": "A", "peak_set": None, "bias_from": None, "train": "all", "config": {}},
        {
            "name": "B",
            "peak_set": "blood",
            "bias_from": "A",
            "train": "all",
            "config": {"training": {"epochs": 3}, "contributions": {"views": []}},
        },
    ],
}


@pytest.mark.parametrize(
    ("config", "sample", "views"),
    [
        (CONFIG, "A", ["corrected"]),
        (CONFIG, "B", []),
        (None, "A", ("corrected", "bias")),
        ({}, "A", ("corrected", "bias")),
    ],
)
def test_explained_views(config, sample, views):
    assert explained_views(config, sample) == views


def test_what_is_shared_and_otherwise_is_told():
    section = sheet_section(CONFIG, "B", "s1")
    facts = dict(section.blocks[0].items)
    assert facts == {
        "Peaks are the consensus of the samples of the set": "blood",
        "Bias models are those of the sample": "A",
        "training.epochs, otherwise than the run": "3",
        "contributions.views, otherwise than the run": "—",
    }


@pytest.mark.parametrize("config", [CONFIG, None])
def test_an_ordinary_sample_has_no_such_section(config):
    assert sheet_section(config, "A", "s0") is None
