"""What is read, what may be missing, and how a mistake is told."""

from __future__ import annotations

import pytest

from bpflow.errors import InputError
from bpflow.report.collect import collect


def test_reads_samples_and_folds_in_the_order_given(make_tree):
    tree = make_tree(samples=["b", "a"], folds=[0, 1])
    run = collect(tree.root, samples=["b", "a"], folds=[1, 0])
    assert [sample.name for sample in run.samples] == ["b", "a"]
    assert [fold.number for fold in run.samples[0].folds] == [1, 0]
    assert run.left_out == ()
    assert len(run.samples[0].folds[0].chrombpnet.regions) == 400


def test_only_asked_folds_and_samples_are_shown(make_tree):
    tree = make_tree(samples=["a", "b"], folds=[0, 1, 2])
    run = collect(tree.root, samples=["a"], folds=[0])
    assert [entry["fold"] for entry in run.folds["folds"]] == [0]
    assert {check.sample for check in run.checks} == {"a"}
    assert {entry.job for entry in run.benchmarks} == {"a", "a.fold_0"}


def test_samples_whose_names_begin_alike_have_their_own_benchmarks(make_tree):
    tree = make_tree(samples=["a", "a.b"], folds=[0])
    for name in ("a", "a.b"):
        run = collect(tree.root, samples=[name], folds=[0])
        assert {entry.job for entry in run.benchmarks} == {name, f"{name}.fold_0"}


def test_a_cluster_of_cells_is_found_in_the_record_of_its_row(make_tree):
    tree = make_tree(samples=["x.T", "x.B", "y"])
    clusters = [
        {"name": name, "label": f"{name} cells", "barcodes": 3, "barcodes_seen": 2, "fragments": 10} for name in "BT"
    ]
    tree.write("x/clusters/split.json", "split", fragments=40, clusters=clusters, messages=["half are not seen"])
    sheet = [{"name": "x.B", "cells": "x"}, {"name": "x.T", "cells": "x"}, {"name": "y", "cells": None}]
    tree.write("config.json", "config", sheet=sheet)
    run = collect(tree.root, samples=["x.T", "x.B", "y"], folds=[0])
    assert [sample.cells for sample in run.samples] == [
        {**clusters[1], "all_fragments": 40},
        {**clusters[0], "all_fragments": 40},
        None,
    ]
    assert [message.text for message in run.messages].count("half are not seen") == 1


def test_mean_footprints_are_of_several_folds(make_tree):
    tree = make_tree(folds=[0, 1])
    run = collect(tree.root, samples=["yeast_wt"], folds=[0, 1])
    assert run.samples[0].footprints["models"] == 2
    assert [check.name for check in run.checks if check.fold is None].count("mean response to bias probes") == 1
    assert collect(tree.root, samples=["yeast_wt"], folds=[0]).samples[0].footprints is None
    (tree.root / "yeast_wt/mean/footprints.json").unlink()
    run = collect(tree.root, samples=["yeast_wt"], folds=[0, 1])
    assert run.samples[0].footprints is None
    assert run.left_out == ("yeast_wt/mean/footprints.json",)


def test_missing_optional_file_is_left_out_and_said(make_tree):
    tree = make_tree()
    (tree.root / "yeast_wt/fold_0/evaluation/footprints.json").unlink()
    run = collect(tree.root, samples=["yeast_wt"], folds=[0])
    assert run.samples[0].folds[0].footprints is None
    assert run.left_out == ("yeast_wt/fold_0/evaluation/footprints.json",)


def test_only_simulated_data_have_a_truth_to_recover(make_tree):
    tree = make_tree()
    (tree.root / "yeast_wt/fold_0/evaluation/recovery.json").unlink()
    run = collect(tree.root, samples=["yeast_wt"], folds=[0])
    assert run.samples[0].folds[0].recovery is None
    assert run.left_out == ()


@pytest.mark.parametrize(
    "name",
    [
        "genome/genome.json",
        "folds/folds.json",
        "yeast_wt/signal/signal.json",
        "yeast_wt/peaks/peaks.json",
        "yeast_wt/fold_0/regions/nonpeaks.json",
        "yeast_wt/fold_0/regions/chrombpnet_selection.json",
        "yeast_wt/fold_0/models/bias.history.tsv",
        "yeast_wt/fold_0/models/chrombpnet.json",
        "yeast_wt/fold_0/models/bias_scaled.json",
        "yeast_wt/fold_0/evaluation/chrombpnet_metrics.json",
        "yeast_wt/fold_0/evaluation/chrombpnet_regions.tsv.gz",
    ],
)
def test_missing_required_file_is_named(make_tree, name):
    tree = make_tree()
    (tree.root / name).unlink()
    with pytest.raises(InputError, match=name):
        collect(tree.root, samples=["yeast_wt"], folds=[0])


def test_given_bias_model_needs_no_training_files(make_tree):
    tree = make_tree()
    for name in ("models/bias.json", "models/bias.history.tsv"):
        (tree.root / "yeast_wt/fold_0" / name).unlink()
    run = collect(tree.root, samples=["yeast_wt"], folds=[0])
    assert run.samples[0].folds[0].bias.training is None
    assert run.samples[0].folds[0].bias.metrics["model_kind"] == "bias"


def test_quality_control_stage_reads_nothing_after_training(make_tree):
    tree = make_tree(stage="qc")
    run = collect(tree.root, samples=["yeast_wt"], folds=[0], stage="qc")
    assert run.samples[0].folds[0].chrombpnet is None
    assert run.samples[0].folds[0].bias_selection["threshold"] == 86.5
    with pytest.raises(InputError, match=r"bias_metrics|chrombpnet|bias\."):
        collect(tree.root, samples=["yeast_wt"], folds=[0], stage="all")


def test_unknown_fold_and_repeated_sample(make_tree):
    tree = make_tree()
    with pytest.raises(InputError, match=r"no fold 3.*one of 0"):
        collect(tree.root, samples=["yeast_wt"], folds=[3])
    with pytest.raises(InputError, match="--samples: yeast_wt given twice"):
        collect(tree.root, samples=["yeast_wt", "yeast_wt"], folds=[0])


@pytest.mark.parametrize(
    ("name", "edit", "said"),
    [
        ("yeast_wt/peaks/peaks.json", lambda record: record.pop("kept"), "peaks.json: no key 'kept'"),
        ("yeast_wt/signal/signal.json", lambda record: record["pwm"].pop("background"), "no key 'pwm.background'"),
        (
            "yeast_wt/fold_0/evaluation/footprints.json",
            lambda record: record["motifs"][1].pop("corrected"),
            r"no key 'motifs\[\].corrected.profile'",
        ),
        (
            "yeast_wt/fold_0/evaluation/bias_metrics.json",
            lambda record: record["verdicts"][0].update(verdict="fine"),
            r"bias_metrics.json, verdicts\[0\]: verdict 'fine'. Expected good or check or fail",
        ),
    ],
)
def test_broken_record_is_named_with_its_key(make_tree, name, edit, said):
    tree = make_tree()
    tree.change(name, edit)
    with pytest.raises(InputError, match=said):
        collect(tree.root, samples=["yeast_wt"], folds=[0])


def test_broken_tables_are_named(make_tree):
    tree = make_tree()
    regions = tree.root / "yeast_wt/fold_0/evaluation/chrombpnet_regions.tsv.gz"
    regions.write_bytes(regions.read_bytes()[:200])
    with pytest.raises(InputError, match=r"chrombpnet_regions.tsv.gz: cannot be read"):
        collect(tree.root, samples=["yeast_wt"], folds=[0])
    history = tree.root / "yeast_wt/fold_0/models/bias.history.tsv"
    history.write_text("epoch\ttrain_loss\n1\t2\n")
    with pytest.raises(InputError, match=r"bias.history.tsv: no column train_profile_loss"):
        collect(tree.root, samples=["yeast_wt"], folds=[0])


def test_a_shift_is_judged_by_its_record_alone(make_tree):
    tree = make_tree()
    run = collect(tree.root, samples=["yeast_wt"], folds=[0])
    (shift,) = (check for check in run.checks if check.key == "shift")
    assert (shift.sample, shift.fold, shift.verdict, shift.value) == ("yeast_wt", None, "good", 0.493)
    tree.change("yeast_wt/signal/signal.json", lambda record: record["files"][0]["shift"].update(verdict="split"))
    tree.change("yeast_wt/signal/signal.json", lambda record: record["verdicts"][0].update(verdict="fail"))
    run = collect(tree.root, samples=["yeast_wt"], folds=[0])
    assert [check.verdict for check in run.checks if check.key == "shift"] == ["fail"]


def test_benchmark_tables(make_tree):
    tree = make_tree()
    run = collect(tree.root, samples=["yeast_wt"], folds=[0])
    found = {(entry.rule, entry.job): (entry.seconds, entry.memory) for entry in run.benchmarks}
    assert found[("signal", "yeast_wt")] == (134.2, 812.5)
    assert found[("train_chrombpnet", "yeast_wt.fold_0")] == (494.4, 3072.0)
    for rule in ("genome", "full_report"):
        (tree.root / f"benchmarks/{rule}").mkdir()
        (tree.root / f"benchmarks/{rule}/{rule}.tsv").write_text("s\th:m:s\tmax_rss\n1.5\t0:00:01\t-\n")
    run = collect(tree.root, samples=["yeast_wt"], folds=[0])
    assert not any(entry.rule == "full_report" for entry in run.benchmarks)
    genome = next(entry for entry in run.benchmarks if entry.rule == "genome")
    assert (genome.job, genome.seconds, genome.memory) == ("", 1.5, None)
    (tree.root / "benchmarks/genome/genome.tsv").write_text("nothing\n1\n")
    with pytest.raises(InputError, match=r"genome.tsv: not a benchmark table"):
        collect(tree.root, samples=["yeast_wt"], folds=[0])
