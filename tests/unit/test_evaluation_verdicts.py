"""Verdicts on shares and on the official rules: where they change, and when the data do not tell."""

from __future__ import annotations

import math

import pytest

from bpflow.evaluation_verdicts import verdicts
from bpflow.verdicts import OFFICIAL_ADVICE, STAGES


def yardstick(share: float, *, ceiling: float = 0.9, error: float = 0.02) -> dict[str, float]:
    return {"value": share * ceiling, "ceiling": ceiling, "share": share, "standard_error": error}


def group(*, counts: dict[str, float] | None = None, profile: dict[str, float] | None = None) -> dict:
    return {"pearsonr": counts or yardstick(0.9), "median_jsd": profile or yardstick(0.9)}


def judged(kind: str, key: str, **groups: dict) -> dict:
    (found,) = [item for item in verdicts(groups, kind) if item["key"] == key]
    return found


@pytest.mark.parametrize(("share", "grade"), [(0.51, "good"), (0.4, "check"), (0.29, "fail"), (-0.4, "fail")])
def test_shares_of_chrombpnet(share, grade):
    counts = judged("chrombpnet", "counts_peaks", peaks=group(counts=yardstick(share)))
    profile = judged("chrombpnet", "profile_peaks", peaks=group(profile=yardstick(share)))
    for item in (counts, profile):
        assert item["verdict"] == grade
        assert item["value"] == pytest.approx(share)


@pytest.mark.parametrize(("share", "grade"), [(0.31, "good"), (0.2, "check"), (0.09, "fail"), (-0.1, "fail")])
def test_share_of_the_bias_model(share, grade):
    found = judged("bias", "bias_profile_nonpeaks", nonpeaks=group(profile=yardstick(share)))
    assert found["verdict"] == grade


@pytest.mark.parametrize(
    ("key", "where", "r", "grade"),
    [
        ("bias_counts_peaks", "peaks", 0.2, "good"),
        ("bias_counts_peaks", "peaks", -0.29, "good"),
        ("bias_counts_peaks", "peaks", -0.31, "check"),
        ("bias_counts_peaks", "peaks", -0.51, "fail"),
        ("bias_counts_nonpeaks", "nonpeaks", 0.05, "good"),
        ("bias_counts_nonpeaks", "nonpeaks", -0.05, "check"),
        ("bias_counts_nonpeaks", "nonpeaks", -0.5, "fail"),
    ],
)
def test_official_rules_of_the_bias_model_need_no_ceiling(key, where, r, grade):
    counts = {"value": r, "ceiling": math.nan, "share": math.nan, "standard_error": math.nan}
    found = judged("bias", key, **{where: group(counts=counts)})
    assert found["verdict"] == grade
    assert found["value"] == pytest.approx(r)
    assert found["source"] == OFFICIAL_ADVICE


@pytest.mark.parametrize(
    "untold",
    [yardstick(0.9, error=0.2), yardstick(math.nan), yardstick(0.9, error=math.nan)],
    ids=["imprecise", "no ceiling", "no error"],
)
def test_what_the_data_do_not_tell_is_neither_good_nor_bad(untold):
    for kind, key, groups in (
        ("chrombpnet", "counts_peaks", {"peaks": group(counts=untold)}),
        ("chrombpnet", "profile_peaks", {"peaks": group(profile=untold)}),
        ("bias", "bias_profile_nonpeaks", {"nonpeaks": group(profile=untold)}),
    ):
        found = judged(kind, key, **groups)
        assert found["verdict"] == "check"
        assert found["value"] is None
        assert "do not tell" in found["advice"]


def test_counts_that_are_mostly_noise_are_not_called_good():
    shallow = yardstick(0.9, ceiling=0.7)
    assert judged("chrombpnet", "counts_peaks", peaks=group(counts=shallow))["verdict"] == "check"
    assert judged("chrombpnet", "counts_peaks", peaks=group(counts=yardstick(0.9, ceiling=0.72)))["verdict"] == "good"


def test_each_model_is_judged_by_the_groups_there_are():
    both = {"peaks": group(), "nonpeaks": group()}
    keys = {kind: [item["key"] for item in verdicts(both, kind)] for kind in ("bias", "chrombpnet")}
    assert keys == {
        "bias": ["bias_counts_peaks", "bias_counts_nonpeaks", "bias_profile_nonpeaks"],
        "chrombpnet": ["counts_peaks", "profile_peaks"],
    }
    assert set(keys["bias"]) <= set(STAGES["bias"])
    assert set(keys["chrombpnet"]) <= set(STAGES["model"])
    assert verdicts({"nonpeaks": group()}, "chrombpnet") == []
    assert verdicts({}, "bias") == []
