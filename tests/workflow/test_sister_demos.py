"""The demos of BPNet, ProCapNet and Basenji2 as `make demo MODEL=...` runs them: what was planted is found."""

from __future__ import annotations

import json
import re

import numpy as np
import pyBigWig
import pytest
from runs import Run

pytestmark = pytest.mark.slow

TASKS = {"procapnet": ["initiation"], "bpnet": ["alpha", "beta"]}


@pytest.fixture(scope="module", params=sorted(TASKS))
def demo(request, tmp_path_factory) -> tuple[str, Run]:
    run = Run(tmp_path_factory.mktemp(request.param), f"config/demo/config.{request.param}.yaml")
    run.snakemake()
    return request.param, run


def read(run: Run, name: str) -> dict:
    return json.loads((run.results / name).read_text())


def test_planted_places_are_predicted_to_the_base_and_strand(demo):
    system, run = demo
    found = read(run, "demo/fold_0/recovery.json")["tasks"]
    assert list(found) == TASKS[system]
    for task in found.values():
        assert task["places"] >= 20
        assert task["starts"] > 0.8
        assert task["counts_pearsonr"] > 0.6


def test_unseen_profiles_are_predicted_better_than_by_their_average(demo):
    system, run = demo
    for task in TASKS[system]:
        metrics = read(run, f"demo/fold_0/tasks/{task}/metrics.json")
        profile = metrics["yardsticks"]["peaks"]["median_jsd"]
        assert profile["value"] < profile["floor"] < profile["constant"]
        assert metrics["strands"] == 2


def test_tracks_of_both_strands_hold_what_is_expected(demo):
    system, run = demo
    folder = run.results / "demo/fold_0/tasks" / TASKS[system][0]
    sums = []
    for strand in ("plus", "minus"):
        with pyBigWig.open(str(folder / f"{strand}.bw")) as track:
            values = [np.nansum(track.values(name, 0, size)) for name, size in track.chroms().items()]
        sums.append(sum(values))
    assert min(sums) > 0


def test_motifs_are_found_for_each_task(demo):
    system, run = demo
    # The changed letter of weak sites leaves one place open.
    sites = {"initiation": "TATAAA", "alpha": "GGAT.AACGT", "beta": "CTTT.TCATG"}
    for task in TASKS[system]:
        for head in ("profile", "counts"):
            patterns = read(run, f"demo/mean/motifs/{task}/{head}/motifs.json")["patterns"]
            found = [pattern["consensus"] for pattern in patterns]
            found += [text[::-1].translate(str.maketrans("ACGT", "TGCA")) for text in found]
            assert any(re.search(sites[task], text) for text in found), found


def test_motifs_act_on_their_task_and_at_their_place(demo):
    system, run = demo
    found = {
        task: {motif["name"]: motif for motif in read(run, f"demo/fold_0/tasks/{task}/footprints.json")["motifs"]}
        for task in TASKS[system]
    }
    if system == "procapnet":
        core = found["initiation"]["core"]["strands"]
        assert core["plus"]["largest"] > 2 * core["minus"]["largest"]
        assert found["initiation"]["core"]["log2_fold_counts"] > 0.5
        return
    for task, other in (("alpha", "beta"), ("beta", "alpha")):
        own = found[task][task]
        assert own["log2_fold_counts"] > 1
        assert own["log2_fold_counts"] > found[task][other]["log2_fold_counts"] + 2
        assert abs(own["strands"]["plus"]["place"] + 8) <= 1
        assert abs(own["strands"]["minus"]["place"] - 8) <= 1


def test_the_page_tells_each_task_and_a_second_run_has_nothing_to_do(demo):
    system, run = demo
    page = (run.results / "report.html").read_text()
    assert all(f"Task {task}" in page for task in TASKS[system])
    assert "Planted truth" in page
    assert ("means of each sequence and its reverse complement" in page) == (system == "procapnet")
    assert "Nothing to be done" in run.snakemake()


@pytest.fixture(scope="module")
def binned(tmp_path_factory) -> Run:
    run = Run(tmp_path_factory.mktemp("basenji2"), "config/demo/config.basenji2.yaml")
    run.snakemake()
    return run


def test_planted_bins_are_recovered(binned):
    for found in read(binned, "demo/bins/recovery.json")["tracks"].values():
        assert found["places"] >= 20
        assert found["bins_pearsonr"] > 0.7
        assert found["found"] > 0.7


def test_unseen_bins_are_predicted_better_than_by_averages(binned):
    metrics = read(binned, "demo/bins/metrics.json")["metrics"]
    assert metrics["model"]["pearsonr"] > 0.6
    for simple in ("constant", "average_profile"):
        assert metrics["model"]["poisson"] < metrics[simple]["poisson"]
        assert metrics["model"]["r2"] > metrics[simple]["r2"]


def test_predicted_bins_are_written_as_tracks(binned):
    names = {path.name for path in (binned.results / "demo/tracks").glob("*.bw")}
    assert names == {"alpha.bw", "beta.bw"}
    (tested,) = read(binned, "demo/bins/metrics.json")["folds"]
    with pyBigWig.open(str(binned.results / "demo/tracks/alpha.bw")) as track:
        covered = [name for name in track.chroms() if track.intervals(name)]
    assert covered == sorted(tested["chromosomes"])
    assert "Bins of unseen chromosomes" in (binned.results / "report.html").read_text()
