"""``bpflow choose-bias``: what it reads and writes, a planted motif that it finds, and inputs that do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bpflow.cli import main
from unit.made_up_candidates import metrics, motifs, write_candidate
from unit.simulated_contributions import Simulated, write_simulated
from unit.small_training import bias_training, write_inputs


def choose(output: Path, *options: list[str]) -> dict[str, Any]:
    main(["choose-bias", *(word for words in options for word in words), "--output", str(output)])
    return json.loads(output.read_text())


def better(jsd: float) -> dict[str, Any]:
    return metrics(profile_metrics={"nonpeaks": {"median_norm_jsd": jsd}})


def test_one_factor_over_all_folds(tmp_path):
    options = [
        write_candidate(tmp_path, "0.5", 0, better(0.2)),
        write_candidate(tmp_path, "1", 1, better(0.3)),
        write_candidate(tmp_path, "1", 0, better(0.25)),
        write_candidate(tmp_path, "0.5", 1, better(0.28)),
    ]
    record = choose(tmp_path / "choice.json", *options)
    assert (record["chosen"], record["passed"], record["folds"]) == (1.0, True, [0, 1])
    assert [entry["norm_jsd"] for entry in record["candidates"]] == pytest.approx([0.24, 0.275])
    (fold, _) = record["candidates"][0]["folds"]
    assert (fold["peaks"], fold["nonpeaks"], fold["counts_peaks"], fold["counts_nonpeaks"]) == (215, 430, 0.1, 0.4)
    assert fold["motifs"]["profile"] == {"share": 0.0, "factors": [], "enzymes": ["Tn5"], "unnamed": 1}


def test_correlations_that_are_none_are_read(tmp_path):
    unknown = metrics(counts_metrics={"peaks": {"pearsonr": None}, "nonpeaks": {"pearsonr": 0.1}})
    record = choose(tmp_path / "choice.json", write_candidate(tmp_path, 0.5, 0, unknown))
    assert {item["key"]: item["verdict"] for item in record["verdicts"]}["bias_counts_peaks"] == "check"


def test_a_choice_among_none_that_is_good_is_said_loudly(tmp_path, caplog):
    poor = metrics(counts_metrics={"peaks": {"pearsonr": -0.7}, "nonpeaks": {"pearsonr": 0.1}})
    record = choose(tmp_path / "choice.json", write_candidate(tmp_path, 0.5, 0, poor))
    assert record["passed"] is False
    assert "None remains. 0.5 is the least bad" in caplog.text
    assert {entry.levelname for entry in caplog.records} == {"WARNING"}


def test_motifs_in_counts_that_hardly_depend_on_sequence_mean_nothing(tmp_path):
    idle = motifs("counts", patterns=[{"label": "CTCF", "kind": "factor"}])
    record = choose(tmp_path / "choice.json", write_candidate(tmp_path, 0.5, 0, metrics(), idle))
    assert record["passed"] is True
    assert record["candidates"][0]["folds"][0]["motifs"]["counts"]["factors"] == []


def found_motifs(folder: Path, made: Simulated, head: str) -> dict[str, Any]:
    """The record of motifs of a bias model that has these contributions."""
    write_simulated(folder / f"{head}.h5", made, {}, head=head, view="bias", split="valid")
    words = ["motifs", "--contributions", folder / f"{head}.h5", "--output-dir", folder / head, "--window", 150]
    main([*map(str, words), "--threads", "1"])
    return json.loads((folder / head / "motifs.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("head", ["profile", "counts"])
def test_a_planted_factor_puts_a_candidate_out(tmp_path, discovered, head):
    """Contributions with CTCF in them, searched as the workflow does, beside a clean candidate with a worse profile."""
    found = found_motifs(tmp_path, discovered.made, head)
    records = [better(0.5), *(found if name == head else motifs(name) for name in ("counts", "profile"))]
    options = [write_candidate(tmp_path, 0.5, 0), write_candidate(tmp_path, 0.8, 0, *records)]
    record = choose(tmp_path / "choice.json", *options)
    assert record["chosen"] == 0.5
    _, learned = record["candidates"]
    assert (learned["grade"], learned["rank"]) == ("fail", None)
    assert "CTCF" in learned["out"][0]
    alone = choose(tmp_path / "alone.json", options[1])
    assert (alone["chosen"], alone["passed"]) == (0.8, False)
    assert [item["key"] for item in alone["verdicts"] if item["verdict"] == "fail"] == [f"bias_motifs_{head}"]


def test_what_other_commands_write_is_read(tmp_path, genome, genome_json):
    """A bias model trained for an epoch, predicted, evaluated, explained and searched as by the workflow."""
    inputs = write_inputs(tmp_path, genome)
    run(*bias_training(inputs, genome_json, tmp_path, "--epochs", 1))
    model, signal = tmp_path / "bias.safetensors", tmp_path / "signal.bw"
    valid = ["--fold", tmp_path / "fold.json", "--split", "valid", "--device", "cpu"]
    regions = ["--genome", genome_json, "--regions", tmp_path / "peaks.narrowPeak"]
    nonpeaks = ["--nonpeaks", tmp_path / "nonpeaks.narrowPeak"]
    run("predict", "--model", model, *regions, *nonpeaks, *valid, "--output", tmp_path / "p.h5")
    evaluated = ["--model-kind", "bias", "--output", tmp_path / "metrics.json", "--table", tmp_path / "regions.tsv"]
    run("evaluate", "--predictions", tmp_path / "p.h5", "--signal", signal, "--genome", genome_json, *evaluated)
    explained = ["--references", 2, "--output-dir", tmp_path]
    run("contributions", "--model", model, "--view", "bias", *regions, *valid, *explained)
    for head in ("counts", "profile"):
        found = ["--contributions", tmp_path / f"{head}.h5", "--output-dir", tmp_path / head]
        run("motifs", *found, "--window", 100, "--threads", 1)
    files = [tmp_path / name for name in ("metrics.json", "counts/motifs.json", "profile/motifs.json")]
    record = choose(tmp_path / "choice.json", ["--candidate", "0.5", "0", *map(str, files)])
    (fold,) = record["candidates"][0]["folds"]
    assert (fold["peaks"], fold["nonpeaks"]) == (43, 43)
    written = json.loads(files[0].read_text())
    assert fold["counts_peaks"] == written["counts_metrics"]["peaks"]["pearsonr"]
    assert fold["counts_nonpeaks"] == written["counts_metrics"]["nonpeaks"]["pearsonr"]
    assert fold["norm_jsd"] == written["profile_metrics"]["nonpeaks"]["median_norm_jsd"]


def run(*words: object) -> None:
    main([str(word) for word in words])


WRONG = [
    pytest.param("0.5", "0", [metrics(split="test")], "split is 'test'. Expected 'valid': metrics of", id="test split"),
    pytest.param("0.5", "0", [metrics(split=None)], "split is None", id="no split"),
    pytest.param("0.5", "0", [metrics(model_kind="chrombpnet")], "model_kind is 'chrombpnet'", id="other model"),
    pytest.param("0.5", "0", [{"stage": "motifs"}], "a record of the stage 'motifs'", id="other record"),
    pytest.param("0.5", "0", [[]], "no record. Expected metrics of", id="no record"),
    pytest.param("0.5", "0", [metrics(regions={"peaks": 5})], "no regions.nonpeaks", id="no non-peaks"),
    pytest.param("0.5", "0", [metrics(), motifs("profile")], "head is 'profile'. Expected 'counts'", id="exchanged"),
    pytest.param("0.5", "0", [metrics(), motifs("counts", split="test")], "split is 'test'", id="test motifs"),
    pytest.param("0.5", "0", [metrics(), motifs("counts", view="corrected")], "view is 'corrected'", id="other view"),
    pytest.param("0.5", "0", [metrics(), motifs("counts", patterns=[{"label": "x"}])], "no kind", id="old record"),
    pytest.param(
        "0.5", "0", [metrics(), motifs("counts", verdicts=[])], "no bias_motifs_counts.value", id="no verdict"
    ),
    pytest.param("auto", "0", [], "'auto' found, a number above 0 expected", id="factor"),
    pytest.param("0.5", "first", [], "'first' found, a whole number of 0 or more expected", id="fold"),
    pytest.param("0.8", "1", [], "the candidate 0.3: no result of fold 1", id="missing fold"),
    pytest.param("0.3", "0", [], "the candidate 0.3: two results of fold 0", id="twice"),
    pytest.param("0.8", "0", [metrics(chromosomes=["chr3"])], "215 peaks and 430 non-peaks of chr3", id="other fold"),
    pytest.param(
        "0.8",
        "0",
        [metrics(regions={"peaks": 215, "nonpeaks": 99})],
        "99 non-peaks of chr2, but 215 peaks and 430 non-peaks of chr2 in",
        id="other regions",
    ),
]


@pytest.mark.parametrize(("factor", "fold", "records", "message"), WRONG)
def test_wrong_inputs_exit_with_2(tmp_path, factor, fold, records, message, capsys):
    good, other = tmp_path / "good", tmp_path / "other"
    good.mkdir()
    other.mkdir()
    options = [write_candidate(good, "0.3", 0), write_candidate(other, factor, fold, *records)]
    with pytest.raises(SystemExit) as caught:
        choose(tmp_path / "choice.json", *options)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "choice.json").exists()


def test_absent_files_are_named(tmp_path, capsys):
    words = write_candidate(tmp_path, 0.5, 0)
    Path(words[4]).unlink()
    with pytest.raises(SystemExit):
        choose(tmp_path / "choice.json", words)
    assert f"{words[4]}: no such file" in capsys.readouterr().err
