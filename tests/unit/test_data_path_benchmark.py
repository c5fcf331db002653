"""The benchmark of the data steps: its own functions, and a whole run at a thousandth of the human size."""

from __future__ import annotations

import json
import shutil
import string
import subprocess
import sys
from pathlib import Path

import data_path
import pytest
from measure import Measured

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "benchmarks" / "results" / "2026-11-21-data-path.json"
WORDS = {
    *("python", "here", "fasta", "genome", "sizes", "fragments", "few", "bam", "peaks", "fold", "signal", "output"),
    *("examples", "few_examples", "regions", "few_regions", "tracks", "few_tracks"),
}


def words_of(template):
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("name", list(data_path.STEPS))
def test_commands_name_known_words_only(name):
    step = data_path.STEPS[name]
    assert words_of(step.ours) <= WORDS
    assert words_of(step.other or "") <= WORDS
    # What is left of doubled braces is awk's.
    assert "{{" not in (step.other or "").format(**dict.fromkeys(WORDS, "x"))


def test_paths_with_spaces_stay_one_word(tmp_path):
    path = tmp_path / "two words"
    words = {"output": str(path), "number": "3"}
    assert data_path.command(words, "printf '%s|' {number} {output}").output == f"3|{path}|"
    data_path.command(words, "awk 'BEGIN {{print {number}}}' > {output}", shell=True)
    assert path.read_text() == "3\n"


def test_a_command_that_fails_ends_the_benchmark_with_what_it_said():
    with pytest.raises(SystemExit, match=r"exit code 3 .*\n.*gone wrong"):
        data_path.command({}, "set -euo pipefail; {{ echo gone wrong; exit 3; }} | cat", shell=True)


def test_seconds_are_those_that_the_program_says_last():
    assert data_path._seconds(Measured(9.0, 1.0, "opening: 1 s\nseconds of work: 2.5\n")) == 2.5
    assert data_path._seconds(Measured(9.0, 1.0, "seconds of work: 2.5\nand more\n")) == 9.0
    assert data_path._seconds(Measured(9.0, 1.0, "")) == 9.0


def test_the_table_says_what_was_scaled_and_what_was_not_run():
    row = {
        **{"what": "a step", "seconds": 2.0, "seconds_tenth": 0.25, "growth": 8.0, "other": "sort"},
        **{"other_seconds": 30.0, "other_share": 0.1, "ratio": 15.0, "least_ratio": 5},
        **{"peak_mb": 100.4, "largest_peak_mb": None},
    }
    rows = {
        "scaled": row,
        "whole": {**row, "other_share": 1.0, "largest_peak_mb": 1024},
        "recorded": {**row, "other_share": 1.0, "other": data_path.RECORDED},
    }
    heading, line, *body = data_path.table(rows).splitlines()
    assert heading.count("|") == line.count("|")
    assert body == [
        "| a step | 2.00 | 0.25 | 8.0 | 30.0 (10% run) | 15.0 | 5 | 100 | - |",
        "| a step | 2.00 | 0.25 | 8.0 | 30.0 | 15.0 | 5 | 100 | 1024 |",
        "| a step | 2.00 | 0.25 | 8.0 | 30.0 (recorded) | 15.0 | 5 | 100 | - |",
    ]


def test_the_documented_table_is_that_of_the_record():
    record = json.loads(RECORD.read_text())
    documented = (ROOT / "docs" / "performance.md").read_text()
    assert RECORD.name in documented
    assert data_path.table({name: record[name] for name in data_path.STEPS}) in documented


def test_missing_programs_are_named_at_once(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "bedtools" else f"/bin/{name}")
    assert data_path.missing(["jsd", "gather"]) == []
    with pytest.raises(SystemExit) as stopped:
        data_path.main(["--work", str(tmp_path)])
    assert stopped.value.code == 2
    assert "missing: bedtools." in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(data_path, "find_spec", lambda name: None)
    assert data_path.missing(["jsd"]) == []
    assert data_path.missing(["gather"]) == ["pyBigWig", "pyfaidx"]


@pytest.mark.parametrize("words", [["--scale", "0"], ["--repeats", "0"], ["--steps", "nothing"]])
def test_refused_arguments(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        data_path.main(words)
    assert stopped.value.code == 2
    assert words[0] in capsys.readouterr().err


@pytest.fixture(scope="module")
def small_run(tmp_path_factory):
    """A whole run, and one of a single step on the same inputs; takes half a minute."""
    work = tmp_path_factory.mktemp("data path")
    shared = ["--scale", "0.001", "--repeats", "1", "--work", str(work / "inputs"), "--json"]
    program = [sys.executable, str(ROOT / "benchmarks" / "data_path.py"), *shared]
    records = []
    for name, options in (("all.json", []), ("one.json", ["--steps", "jsd"])):
        done = subprocess.run([*program, str(work / name), *options], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        records.append((json.loads((work / name).read_text()), done.stdout))
    return records


@pytest.mark.slow
@pytest.mark.system
@pytest.mark.skipif(not shutil.which("bedtools"), reason="needs bedtools: make system-deps")
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
class TestSmallRun:
    @pytest.mark.parametrize("name", list(data_path.STEPS))
    def test_every_step_is_measured(self, small_run, name):
        row = small_run[0][0][name]
        for key in ("seconds", "peak_mb", "other_seconds", "seconds_tenth", "growth"):
            assert row[key] > 0, key
        assert row["all_seconds"] == [row["seconds"]]
        # Seconds have four places, and quotients two; a small run's cost of matching is next to nothing.
        assert row["ratio"] == pytest.approx(row["other_seconds"] / row["seconds"], rel=0.02, abs=0.006)
        assert row["growth"] == pytest.approx(row["seconds"] / row["seconds_tenth"], rel=0.02, abs=0.006)
        assert row["ratio"] > 0 or row["other"] == data_path.RECORDED

    def test_the_record_says_where_and_how(self, small_run):
        record, output = small_run[0]
        assert record["scale"] == 0.001
        assert record["repeats"] == 1
        assert record["machine"]["cores"] >= 1
        assert "At 0.001 of the human size, medians of 1:" in output
        assert data_path.table({name: record[name] for name in data_path.STEPS}) in output

    def test_a_single_step_is_recorded_alone(self, small_run):
        whole, single = small_run[0][0], small_run[1][0]
        assert [name for name in data_path.STEPS if name in single] == ["jsd"]
        assert set(whole) - set(single) == set(data_path.STEPS) - {"jsd"}
        assert single["jsd"]["what"] == whole["jsd"]["what"]
        assert "making" not in small_run[1][1]
