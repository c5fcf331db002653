"""Gates: what stops a run, what only warns, and what is told."""

from __future__ import annotations

import logging

import pytest

from bpflow.cli import main

SAMPLE, RECORD = "yeast_wt", "yeast_wt/fold_0/evaluation/bias_metrics.json"


def make_fail(tree, key: str, value: float | None = -0.7, name: str = RECORD) -> None:
    """Have a verdict of a record fail, with words of its own."""
    words = {"threshold": "above 0", "source": "bpflow", "advice": "Choose other bias regions."}

    def edit(record) -> None:
        kept = [entry for entry in record["verdicts"] if entry["key"] != key]
        record["verdicts"] = [*kept, {"key": key, "name": f"counts, {key}", "value": value, "verdict": "fail", **words}]

    tree.change(name, edit)


def ask(tree, *options: str, stage: str = "bias", folds: str = "0") -> None:
    main(["gate", "--results", str(tree.root), "--sample", SAMPLE, "--folds", *folds, "--stage", stage, *options])


def pages(tree) -> list[str]:
    return sorted(str(path.relative_to(tree.root / SAMPLE)) for path in (tree.root / SAMPLE).glob("fold_*/*.html"))


@pytest.mark.parametrize("stop", ["none", "shift,folds"])
def test_what_may_fail_is_a_warning(make_tree, caplog, stop):
    tree = make_tree()
    make_fail(tree, "bias_counts_peaks")
    with caplog.at_level(logging.WARNING, logger="bpflow"):
        ask(tree, "--stop", stop)
    assert [entry.levelname for entry in caplog.records if "bias_counts_peaks" in entry.message] == ["WARNING"]
    assert pages(tree) == []


def test_what_must_not_fail_stops_and_leaves_a_page(make_tree, capsys):
    tree = make_tree()
    make_fail(tree, "bias_counts_peaks")
    with pytest.raises(SystemExit) as caught:
        ask(tree, "--stop", "shift,bias_counts_peaks")
    assert caught.value.code == 2
    error = capsys.readouterr().err
    for words in (
        "bpflow gate: error: sample 'yeast_wt': stopped by what failed",
        "bias_counts_peaks failed in fold 0: counts, bias_counts_peaks is -0.7, wanted above 0 (bpflow)",
        "Choose other bias regions.",
        f"Look at {tree.root / SAMPLE}/fold_0/bias.html.",
        "gates: {bias_counts_peaks: warn}",
    ):
        assert words in error
    assert pages(tree) == ["fold_0/bias.html"]
    assert "counts, bias_counts_peaks" in (tree.root / SAMPLE / "fold_0/bias.html").read_text(encoding="utf-8")


def test_each_key_is_named_once_where_several_fail(make_tree, capsys):
    tree = make_tree()
    make_fail(tree, "bias_counts_peaks")
    make_fail(tree, "shift", None, f"{SAMPLE}/signal/signal.json")
    with pytest.raises(SystemExit):
        ask(tree, "--stop", "shift,bias_counts_peaks")
    error = capsys.readouterr().err
    assert "gates: {shift: warn, bias_counts_peaks: warn}" in error
    assert "shift failed: counts, shift is not known" in error
    assert error.count(" failed") == 3


def test_a_gate_judges_no_further_than_its_stage(make_tree):
    tree = make_tree()
    make_fail(tree, "bias_counts_peaks")
    ask(tree, "--stop", "bias_counts_peaks", stage="qc")
    with pytest.raises(SystemExit):
        ask(tree, "--stop", "bias_counts_peaks", stage="model")


def test_each_fold_is_judged_and_has_a_page_of_its_own(make_tree, capsys):
    tree = make_tree(folds=[0, 1])
    make_fail(tree, "bias_counts_peaks", name=RECORD.replace("fold_0", "fold_1"))
    ask(tree, "--stop", "bias_counts_peaks")
    with pytest.raises(SystemExit):
        ask(tree, "--stop", "bias_counts_peaks", folds="01")
    assert "bias_counts_peaks failed in fold 1" in capsys.readouterr().err
    assert pages(tree) == ["fold_1/bias.html"]


def test_an_unknown_key_is_told(make_tree, capsys):
    with pytest.raises(SystemExit):
        ask(make_tree(), "--stop", "shfit")
    assert "unknown key 'shfit'" in capsys.readouterr().err


def test_a_record_that_is_missing_is_told(make_tree, capsys):
    tree = make_tree()
    (tree.root / SAMPLE / "signal/signal.json").unlink()
    with pytest.raises(SystemExit) as caught:
        ask(tree)
    assert caught.value.code == 2
    assert "signal.json" in capsys.readouterr().err
