"""The state of runs, told from made-up trees: files and their times, Snakemake's log, and who has a log open."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from pathlib import Path

import pytest

from bpflow import run_status
from bpflow.cli import main
from bpflow.errors import InputError
from bpflow.run_status import last_lines, read_status

HEADER = "SNAKEMAKE\n=========\n  Date: 2026-01-01 10:00:00\n  Host: {host}\n\nBuilding DAG of jobs...\n"
END = "Complete log(s): /somewhere/else.log\nElapsed time: 0:00:17\n"
#: The time at which the run began that is looked at; an hour is far beyond what clocks differ by.
START, HOUR = 1_700_000_000.0, 3600.0


class Tree:
    """A working directory with a results tree and Snakemake's log, all made up."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.results = folder, folder / "results"
        for name in ("results/logs", "results/yeast/signal", "results/yeast.2/signal", ".snakemake/log"):
            (folder / name).mkdir(parents=True)
        self.snakemake = folder / ".snakemake/log/2026-01-01T100000.000000.snakemake.log"
        self.numbers: dict[str, int] = {}

    def write(self, name: str, text: str, hours: float) -> Path:
        """A file that was written so many hours after the run began."""
        path = self.results / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (START + hours * HOUR,) * 2)
        return path

    def plan(self, **needed: bool) -> None:
        """A plan of jobs of fold 0; the step and sample of a job are joined by two underscores."""
        jobs = []
        for name, is_needed in needed.items():
            step, sample = name.split("__")
            jobs.append({"job": f"{step}/{sample}.fold_0", "sample": sample, "fold": "0", "needed": is_needed})
        self.write("logs/plan.json", json.dumps({"stage": "plan", "jobs": jobs}), 0)

    def log(self, job: str, hours: float, text: str = "12:00:00 INFO at work\n") -> Path:
        return self.write(f"logs/{job}.log", text, hours)

    def benchmark(self, job: str, hours: float) -> None:
        self.write(f"benchmarks/{job}.tsv", "s\n1\n", hours)

    def say(self, text: str, hours: float = 1) -> None:
        """Add to Snakemake's log, which was last written so many hours after the run began."""
        if not self.snakemake.exists():
            self.snakemake.write_text(HEADER.format(host=platform.node()))
        with open(self.snakemake, "a") as handle:
            handle.write(text)
        os.utime(self.snakemake, (START + hours * HOUR,) * 2)

    def begin(self, job: str, *, group: bool = False) -> None:
        number = self.numbers.setdefault(job, len(self.numbers) + 1)
        lines = [
            "[Sat Jan  1 10:00:00 2026]",
            f"rule {job.split('/')[0]}:",
            "    input: a, b",
            f"    log: results/logs/{job}.log",
            f"    jobid: {number}",
            f"    benchmark: results/benchmarks/{job}.tsv",
        ]
        self.say("".join(f"{'    ' if group else ''}{line}\n" for line in lines))

    def finish(self, job: str) -> None:
        self.say(f"Finished jobid: {self.numbers[job]} (Rule: {job.split('/')[0]})\n1 of 9 steps (11%) done\n")

    def fail(self, job: str) -> None:
        lines = [
            f"Error in rule {job.split('/')[0]}:",
            "    message: None",
            f"    jobid: {self.numbers[job]}",
            f"    log: results/logs/{job}.log (check log file(s) for error details)",
        ]
        self.say("\n".join(lines) + "\n")

    def states(self, **options) -> dict[str, str]:
        return {f"{job.step}/{job.name}": job.state for job in read_status(self.results, **options).jobs}

    def told(self, *arguments: str) -> None:
        main(["status", "--results", str(self.results), *arguments])


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


@pytest.fixture
def running(tree):
    """The tree, while this process plays Snakemake: it has the log open."""
    tree.say("")
    with open(tree.snakemake, "a"):
        yield tree


BIAS, MODEL, EVALUATE = "train_bias/yeast.fold_0", "train_chrombpnet/yeast.fold_0", "evaluate_bias/yeast.fold_0"


def test_a_finished_run(tree):
    tree.plan(train_bias__yeast=True, train_chrombpnet__yeast=False)
    tree.begin(BIAS)
    tree.log(BIAS, 1)
    tree.benchmark(BIAS, 1)
    tree.finish(BIAS)
    tree.say(END)
    assert tree.states() == {BIAS: "done", MODEL: "done"}
    assert read_status(tree.results).snakemake == "ended"
    shutil.rmtree(tree.folder / ".snakemake")
    assert tree.states() == {BIAS: "done", MODEL: "done"}
    assert read_status(tree.results).snakemake == "unknown"


def test_a_run_at_work(running):
    running.plan(train_bias__yeast=True, evaluate_bias__yeast=True, train_chrombpnet__yeast=True)
    running.begin(BIAS)
    running.log(BIAS, 1)
    running.benchmark(BIAS, 1)
    running.begin(EVALUATE)
    running.log(EVALUATE, 2)
    assert read_status(running.results).snakemake == "running"
    assert running.states() == {BIAS: "done", EVALUATE: "running", MODEL: "waiting"}


def test_a_job_that_was_submitted_waits_until_it_writes(running):
    """On a cluster Snakemake says that a job is begun when it gives it to the scheduler."""
    running.plan(train_bias__yeast=True)
    running.log(BIAS, -5)
    running.begin(BIAS, group=True)
    assert running.states() == {BIAS: "waiting"}
    running.log(BIAS, 1)
    assert running.states() == {BIAS: "running"}


def test_a_failed_job_while_others_go_on_and_after_the_end(running):
    running.plan(train_bias__yeast=True, evaluate_bias__yeast=True)
    for job in (BIAS, EVALUATE):
        running.begin(job)
        running.log(job, 1)
    running.fail(BIAS)
    assert running.states() == {BIAS: "failed", EVALUATE: "running"}
    running.finish(EVALUATE)
    running.say(END)
    assert running.states() == {BIAS: "failed", EVALUATE: "done"}
    assert read_status(running.results).snakemake == "ended"


def test_a_job_that_is_tried_again_has_not_failed(running):
    running.plan(train_bias__yeast=True)
    running.begin(BIAS)
    running.log(BIAS, 1)
    running.fail(BIAS)
    running.say(f"Trying to restart job {running.numbers[BIAS]}.\n")
    running.begin(BIAS)
    assert running.states() == {BIAS: "running"}


def test_a_killed_run(tree):
    tree.plan(train_bias__yeast=True, evaluate_bias__yeast=True)
    tree.begin(BIAS)
    log = tree.log(BIAS, 1)
    (tree.folder / ".snakemake/locks").mkdir()
    (tree.folder / ".snakemake/locks/0.input.lock").touch()
    assert read_status(tree.results).snakemake == "cut off"
    assert tree.states() == {BIAS: "interrupted", EVALUATE: "waiting"}
    with open(log, "a"):
        assert tree.states() == {BIAS: "running", EVALUATE: "waiting"}, "a job can outlive Snakemake"


@pytest.mark.parametrize("elsewhere", ["another machine", "no /proc"])
def test_locks_tell_where_processes_cannot_be_seen(tree, monkeypatch, elsewhere):
    tree.plan(train_bias__yeast=True)
    if elsewhere == "no /proc":
        monkeypatch.setattr(run_status, "_open_files", lambda: None)
    else:
        tree.snakemake.write_text(HEADER.format(host="node17"))
    tree.begin(BIAS)
    tree.log(BIAS, 1)
    assert tree.states() == {BIAS: "interrupted"}
    (tree.folder / ".snakemake/locks").mkdir()
    (tree.folder / ".snakemake/locks/0.input.lock").touch()
    assert tree.states() == {BIAS: "running"}
    tree.say(END)
    assert tree.states() == {BIAS: "interrupted"}


def test_a_job_that_is_done_again(running):
    """What an earlier run left is not taken for this one's."""
    running.plan(train_bias__yeast=True, evaluate_bias__yeast=True)
    for job in (BIAS, EVALUATE):
        running.log(job, -3)
        running.benchmark(job, -2)
    running.begin(BIAS)
    running.log(BIAS, 1)
    assert running.states() == {BIAS: "running", EVALUATE: "waiting"}
    running.benchmark(BIAS, 2)
    assert running.states() == {BIAS: "done", EVALUATE: "waiting"}


def test_a_failure_of_an_earlier_run_is_not_told(tree):
    tree.begin(BIAS)
    tree.log(BIAS, -2, "bpflow train: error: no GPU.\n")
    tree.fail(BIAS)
    tree.say(END, hours=-1)
    assert tree.states() == {BIAS: "failed"}
    tree.plan(train_bias__yeast=True)
    assert tree.states() == {BIAS: "waiting"}


def test_without_a_plan_logs_and_benchmarks_tell(tree):
    done, again, broken = "peaks/yeast", "signal/yeast", "motifs/yeast.2.bias.counts"
    crashed, empty = "tracks_mean/yeast", "contributions/yeast.fold_12.bias"
    tree.log(done, 0)
    tree.benchmark(done, 1)
    tree.benchmark(again, 0)
    tree.log(again, 1)
    tree.log(broken, 0, "12:00:00 INFO at work\nbpflow motifs: error: x: no such file.\n12:00:01 INFO bye\n")
    tree.log(crashed, 0, "Traceback (most recent call last):\n  File x\nValueError\n")
    tree.log(empty, 0, "")
    tree.log("resolved_config/resolved_config", 0)
    status = read_status(tree.results)
    assert (status.planned, status.snakemake) == (False, "unknown")
    assert tree.states() == {
        done: "done",
        again: "interrupted",
        broken: "failed",
        crashed: "failed",
        empty: "waiting",
    }
    places = {job.step: (job.sample, job.fold) for job in status.jobs}
    assert places == {
        "peaks": ("yeast", None),
        "signal": ("yeast", None),
        "motifs": ("yeast.2", None),
        "tracks_mean": ("yeast", None),
        "contributions": ("yeast", 12),
    }


def test_other_runs_in_the_same_folder_are_passed_over(tree):
    tree.begin(BIAS)
    tree.log(BIAS, 1)
    tree.fail(BIAS)
    tree.say(END)
    other = tree.snakemake.with_name("2026-01-02T100000.000000.snakemake.log")
    other.write_text(tree.snakemake.read_text().replace("results/", "other/").replace("Error in", "No error in"))
    assert tree.states() == {BIAS: "failed"}
    assert tree.states(workdir=tree.folder) == {BIAS: "failed"}


def test_steps_come_in_the_order_of_a_run(tree):
    for job in ("full_report/full_report", MODEL, "new_step/yeast", "genome/genome", BIAS):
        tree.log(job, 0)
    jobs = read_status(tree.results).jobs
    assert [job.step for job in jobs] == ["genome", "train_bias", "train_chrombpnet", "full_report", "new_step"]
    assert [job.stage for job in jobs] == ["inputs", "bias", "model", "pages", "other"]


def test_a_folder_that_is_no_results_tree_ends_with_two(tmp_path, capsys):
    for folder, words in ((tmp_path, "no folder of logs"), (tmp_path / "none", "no such folder")):
        with pytest.raises(SystemExit) as caught:
            main(["status", "--results", str(folder)])
        assert caught.value.code == 2
        assert words in capsys.readouterr().err


@pytest.mark.parametrize("text", ['{"jobs": [{"job": 1}]}', "[]", "{"])
def test_a_damaged_plan_is_told(tree, text):
    tree.write("logs/plan.json", text, 0)
    with pytest.raises(InputError, match=r"plan\.json"):
        read_status(tree.results)


def test_the_last_lines_of_a_log(tmp_path):
    path = tmp_path / "x.log"
    assert last_lines(path, 3) == []
    path.write_text("one\n\n two  \nthree\n\n")
    assert last_lines(path, 2) == [" two", "three"]
    assert last_lines(path, 0) == []
    path.write_text("x" * 200_000 + "\nthe end\n")
    assert last_lines(path, 1) == ["the end"]


@pytest.fixture
def mixed(running):
    """Two samples: one with a failed and a running job, the other done."""
    running.plan(
        train_bias__yeast=True,
        evaluate_bias__yeast=True,
        train_chrombpnet__yeast=True,
        **{"train_bias__yeast.2": False},
    )
    running.begin(BIAS)
    running.log(BIAS, 1, "first\nbpflow train: error: no GPU.\n")
    running.fail(BIAS)
    running.begin(EVALUATE)
    running.log(EVALUATE, 1, "batch 1\nbatch 2\nbatch 3\n")
    return running


def test_the_table_and_the_logs(mixed, capsys):
    mixed.told("--lines", "2")
    text = capsys.readouterr().out
    assert "Snakemake is running. 1 of 4 jobs are done, 1 failed, 1 running, 1 waiting." in text
    rows = [line.split() for line in text.splitlines()[2:5]]
    assert rows == [
        ["sample", "fold", "bias", "model"],
        ["yeast", "0", "failed", "0/2", "waiting"],
        ["yeast.2", "0", "done"],
    ]
    logs = text[text.index("failed: train_bias yeast.fold_0") :].splitlines()
    assert [line.strip() for line in logs] == [
        "failed: train_bias yeast.fold_0",
        str(mixed.results / f"logs/{BIAS}.log"),
        "first",
        "bpflow train: error: no GPU.",
        "",
        "running: evaluate_bias yeast.fold_0",
        str(mixed.results / f"logs/{EVALUATE}.log"),
        "batch 2",
        "batch 3",
    ]
    assert "\033[" not in text
    assert max(len(line) for line in text.splitlines()[:5]) < 80


def test_colour_on_a_terminal(mixed, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    mixed.told()
    text = capsys.readouterr().out
    assert "\033[31mfailed 0/2" in text
    assert "\033[32mdone" in text


def test_only_some_samples(mixed, capsys):
    mixed.told("--samples", "yeast.2")
    text = capsys.readouterr().out
    assert "1 of 1 jobs are done." in text
    assert "yeast.2" in text
    assert "failed" not in text
    with pytest.raises(SystemExit) as caught:
        mixed.told("--samples", "fly")
    assert caught.value.code == 2
    assert "no sample 'fly' in this run. Expected names among yeast, yeast.2." in capsys.readouterr().err


def test_json(mixed, capsys):
    mixed.told("--json", "--lines", "1")
    content = json.loads(capsys.readouterr().out)
    assert (content["snakemake"], content["planned"], len(content["jobs"])) == ("running", True, 4)
    assert content["jobs"][1] == {
        "stage": "bias",
        "step": "train_bias",
        "name": "yeast.fold_0",
        "sample": "yeast",
        "fold": 0,
        "state": "failed",
        "log": str(mixed.results / f"logs/{BIAS}.log"),
        "last_lines": ["bpflow train: error: no GPU."],
    }
