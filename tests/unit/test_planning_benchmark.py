"""The benchmark of planning: what it reads in a dry run, and a whole run over a few samples."""

from __future__ import annotations

import json

import planning
import pytest

PRINTED = """
[Sat] Group job regions (jobs in lexicogr. order):

    [Sat]
    rule nonpeaks:
        output: a
    rule select_bias:
        output: b
rule signal:
    output: c
localrule chosen_bias:
    output: d
rule all:
    input: c
"""


def test_a_group_is_one_submission_and_a_local_job_is_none():
    plan = planning.read_plan(PRINTED, {"chosen_bias", "all"})
    assert plan.jobs == {"nonpeaks": 1, "select_bias": 1, "signal": 1, "chosen_bias": 1}
    assert plan.submissions == 2


def test_local_rules_are_those_of_the_workflow():
    assert planning.local_rules() == {"all", "fetch_genome", "resolved_config", "chosen_bias", "sister_config"}


@pytest.mark.slow
def test_a_few_samples(tmp_path):
    planning.main(["--samples", "2", "--folds", "3", "--json", str(tmp_path / "record.json")])
    record = json.loads((tmp_path / "record.json").read_text())
    jobs = record["jobs_by_rule"]
    assert (jobs["signal"], jobs["train_bias"], jobs["evaluate_chrombpnet"]) == (2, 6, 6)
    assert record["jobs"] == sum(jobs.values())
    # Regions of a fold are one submission.
    in_groups = sum(jobs[name] for name in ("nonpeaks", "select_bias", "select_chrombpnet"))
    assert record["submissions"] == record["jobs"] - in_groups + 6 - jobs["resolved_config"]
    for figures in (*record["profiles"].values(), record["chain"]):
        for kind in ("quiet", "printed"):
            assert figures[kind]["cpu_seconds"] > 0
            assert figures[kind]["peak_mb"] > 20
