"""Gates: what stops a run, what only warns, and what is told."""

from __future__ import annotations

import json
import logging

import pytest

from bpflow.cli import main
from bpflow.errors import InputError
from bpflow.gates import judge, read_verdicts
from bpflow.verdicts import verdict

PAGE = "results/yeast/fold_0/bias.html"


def made(key: str, value: float) -> dict:
    """A verdict that is good above 0 and fails below -0.5."""
    advice = ("Go on.", "Have a look.", "Choose other bias regions.")
    words = {"threshold": "above 0", "source": "bpflow", "advice": advice}
    return verdict(key, f"counts, {key}", value, good=0, check=-0.5, **words)


@pytest.fixture
def records(tmp_path):
    """Two records: one with a good and a failed verdict, one without any."""
    paths = [tmp_path / "bias_metrics.json", tmp_path / "bias.json"]
    verdicts = [made("bias_counts_nonpeaks", 0.3), made("bias_counts_peaks", -0.7)]
    paths[0].write_text(json.dumps({"stage": "evaluate", "verdicts": verdicts}))
    paths[1].write_text(json.dumps({"stage": "train"}))
    return [str(path) for path in paths]


def test_what_may_fail_is_recorded_and_goes_on(records):
    record = judge("yeast", read_verdicts(records), stop=["shift", "bias_counts_nonpeaks"], page=PAGE)
    assert (record["stage"], record["sample"], record["page"]) == ("gate", "yeast", PAGE)
    assert [(item["key"], item["value"], item["verdict"]) for item in record["judged"]] == [
        ("bias_counts_nonpeaks", 0.3, "good"),
        ("bias_counts_peaks", -0.7, "fail"),
    ]
    assert [(item["key"], item["record"]) for item in record["failed"]] == [("bias_counts_peaks", records[0])]


def test_what_must_not_fail_stops(records):
    with pytest.raises(InputError) as caught:
        judge("yeast", read_verdicts(records), stop=["bias_counts_peaks"], page=PAGE)
    for words in (
        "sample 'yeast'",
        f"bias_counts_peaks failed in {records[0]}: counts, bias_counts_peaks is -0.7, wanted above 0 (bpflow)",
        "Choose other bias regions.",
        f"Look at {PAGE}.",
        "gates: {bias_counts_peaks: warn}",
    ):
        assert words in str(caught.value)
    assert "nonpeaks" not in str(caught.value)


@pytest.mark.parametrize("value", [0.2, -0.3, float("nan")])
def test_only_a_failed_verdict_stops(value):
    record = judge("yeast", [{"record": "x.json", **made("shift", value)}], stop=["shift"], page=PAGE)
    assert record["failed"] == []


def test_each_key_is_named_once_where_several_fail():
    verdicts = [{"record": f"{k}.json", **made(key, -1)} for k, key in enumerate(("folds", "shift", "shift"))]
    with pytest.raises(InputError) as caught:
        judge("yeast", verdicts, stop=["shift", "folds"], page=PAGE)
    assert "gates: {folds: warn, shift: warn}" in str(caught.value)
    assert str(caught.value).count(" failed in ") == 3


def test_an_unknown_key_is_told(records):
    with pytest.raises(InputError, match=r"unknown key 'shfit'.*shift"):
        judge("yeast", read_verdicts(records), stop=["shfit"], page=PAGE)


@pytest.mark.parametrize(("text", "words"), [("[]", "a JSON list"), ("{", "not JSON")])
def test_a_file_that_is_no_record_is_told(tmp_path, text, words):
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_verdicts([path])


def command(records, output, stop):
    options = ["gate", "--sample", "yeast", "--records", *records, "--page", PAGE, "--output", str(output)]
    main([*options, *(["--stop", stop] if stop else [])])


@pytest.mark.parametrize("stop", [None, "none", "shift,folds"])
def test_the_command_warns_and_writes_its_record(records, tmp_path, caplog, stop):
    output = tmp_path / "gates" / "bias.json"
    with caplog.at_level(logging.WARNING, logger="bpflow"):
        command(records, output, stop)
    assert [item["key"] for item in json.loads(output.read_text())["failed"]] == ["bias_counts_peaks"]
    assert [entry.levelname for entry in caplog.records] == ["WARNING"]
    assert "bias_counts_peaks failed" in caplog.text


def test_the_command_ends_with_two_and_writes_nothing(records, tmp_path, capsys):
    output = tmp_path / "gates" / "bias.json"
    with pytest.raises(SystemExit) as caught:
        command(records, output, "shift,bias_counts_peaks")
    assert caught.value.code == 2
    assert not output.exists()
    assert "bpflow gate: error: sample 'yeast': stopped by what failed" in capsys.readouterr().err
