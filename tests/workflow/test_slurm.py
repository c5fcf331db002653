"""The workflow on a SLURM of its own: its results, what it asks for, and what it does when jobs are lost."""

from __future__ import annotations

import copy
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from plans import ROOT
from runs import ON_THIS_MACHINE, QUICK, Run
from slurm_cluster import PROGRAMS, SlurmCluster, find, running_cluster

pytestmark = [pytest.mark.alone, pytest.mark.slow, pytest.mark.system]

# Sums are rounded otherwise with another number of threads.
THREADS = ("--max-threads", "2")
ON_SLURM = (
    *("--workflow-profile", str(ROOT / "profiles/slurm"), *THREADS),
    *("--slurm-no-account", "--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "6", "--latency-wait", "10"),
)
MODEL = "demo/results/ATAC/demo/fold_0/models/bias.safetensors"
Found = TypeVar("Found")
#: What says how long something took.
TIMED = ("logs", "benchmarks", "*.html", "bias.json", "chrombpnet.json", "*.history.tsv")


@pytest.fixture(scope="module")
def cluster() -> Iterator[SlurmCluster]:
    missing = [name for name in PROGRAMS if not find(name)]
    if missing:
        message = f"needs SLURM and munge (make system-deps): {', '.join(missing)} not found"
        if os.environ.get("BPFLOW_REQUIRE_SYSTEM"):
            pytest.fail(message)
        pytest.skip(message)
    # Sockets need a shorter path than a test's own folder has.
    with (
        tempfile.TemporaryDirectory(prefix="slurm-") as folder,
        running_cluster(Path(folder)) as cluster,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in cluster.environment.items():
            patch.setenv(name, value)
        yield cluster


@pytest.fixture(scope="module")
def local(small_data, tmp_path_factory) -> Run:
    """The whole way on this machine, undisturbed."""
    changes = {**QUICK, "training": {**QUICK["training"], "epochs": 4}, "data": str(small_data), "official_h5": False}
    run = Run(tmp_path_factory.mktemp("local"), "config/demo/config.yaml", changes, (*ON_THIS_MACHINE, *THREADS))
    run.snakemake()
    return run


def elsewhere(run: Run, folder: Path) -> Run:
    """The same on SLURM, in a folder of its own."""
    other = copy.copy(run)
    other.folder, other.results, other.place = folder, folder / run.results.relative_to(run.folder), ON_SLURM
    return other


@dataclass
class Training:
    """A job of SLURM that trains."""

    job: str
    process: psutil.Process

    @property
    def processes(self) -> list[psutil.Process]:
        """Those that train one model together."""
        return [child for child in self.process.children() if "train" in child.cmdline()] or [self.process]


def training_in(folder: Path) -> Training | None:
    """The training that runs in a folder."""
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            if command[1:4] == ["-m", "bpflow", "train"] and Path(process.cwd()) == folder:
                environment = process.environ()
                if "RANK" not in environment:
                    return Training(environment["SLURM_JOB_ID"], process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return None


def wait_for(process: subprocess.Popen, look: Callable[[], Found], seconds: float = 600) -> Found:
    """What a look finds while a run goes on."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert process.poll() is None, "the run ended before it was time"
        assert time.monotonic() < until
        time.sleep(0.2)
    return found


def said(run: Run) -> str:
    """What Snakemake said in its last run."""
    return max((run.folder / ".snakemake/log").iterdir()).read_text()


def submitted(run: Run) -> dict[str, str]:
    """Rule or group of each job that was submitted, by its number."""
    pattern = r"SLURM jobid (\d+) \(log: \S*/(?:rule|group)_([^/]+)/"
    return dict(re.findall(pattern, said(run)))


def retrain(local: Run, folder: Path, disturb: Callable[[Training], None], *options: str) -> tuple[Run, Training]:
    """Train a finished run's bias model again on SLURM, disturbed after its first epoch."""
    shutil.copytree(local.folder, folder)
    run = elsewhere(local, folder)
    for name in ("safetensors", "json", "history.tsv"):
        (folder / MODEL).with_suffix(f".{name}").unlink()
    process = run.start(MODEL, *options)
    training = wait_for(process, lambda: training_in(folder))
    wait_for(process, (folder / MODEL).with_suffix(".checkpoint").exists)
    # So that it is in mid-training however fast the machine is. SLURM wakes what it stops.
    training.process.suspend()
    disturb(training)
    assert process.wait(900) == 0, said(run)[-8000:]
    return run, training


@pytest.fixture(scope="module")
def on_slurm(cluster, local, tmp_path_factory) -> Iterator[dict[str, Future]]:
    """Runs on SLURM, all at once, since most of their time they wait."""
    folder = tmp_path_factory.mktemp("slurm")

    def whole() -> Run:
        run = elsewhere(local, folder / "whole")
        run.folder.mkdir()
        for name in ("config", "changes.yaml"):
            (run.folder / name).symlink_to(local.folder / name)
        run.snakemake()
        return run

    def lose_node(training: Training) -> None:
        cluster.lose(cluster.job(training.job)["BatchHost"])

    def drive_out(training: Training) -> None:
        cluster.ask("sbatch", "-p", "urgent", "--exclusive", "-o", os.devnull, "--wrap", "sleep 1")

    faults = {
        # From here on, since on a slow machine a minute may be over before the training begins.
        "limit": (lambda training: cluster.ask("scontrol", "update", f"JobId={training.job}", "TimeLimit=1"),),
        "scancel": (lambda training: cluster.ask("scancel", training.job),),
        "lost node": (lose_node, "--set-resources", "train_bias:slurm_partition=spare"),
        "driven out": (drive_out, "--set-resources", "train_bias:slurm_partition=patient"),
    }
    with ThreadPoolExecutor() as pool:
        runs = {
            name: pool.submit(retrain, local, folder / name.replace(" ", "_"), *fault) for name, fault in faults.items()
        }
        runs["whole"] = pool.submit(whole)
        yield runs


def compared(run: Run) -> dict[str, bytes]:
    """Products of a run that hold no times."""
    files = [path.relative_to(run.results) for path in run.results.rglob("*") if path.is_file()]
    return {
        str(path): (run.results / path).read_bytes()
        for path in files
        if path.parts[0] not in TIMED and not any(path.match(pattern) for pattern in TIMED)
    }


def weights(run: Run) -> bytes:
    return (run.folder / MODEL).read_bytes()


def test_results_are_those_of_a_local_run(on_slurm, local):
    ours, theirs = compared(local), compared(on_slurm["whole"].result())
    assert ours.keys() == theirs.keys()
    assert {Path(name).suffix for name in ours} >= {".h5", ".bw", ".safetensors", ".json", ".narrowPeak", ".gz"}
    assert [name for name in ours if ours[name] != theirs[name]] == []
    assert (on_slurm["whole"].result().results / "report.html").stat().st_size > 10_000


def test_jobs_ask_for_what_rules_and_profile_say(on_slurm, cluster):
    jobs = {name: cluster.job(number) for number, name in submitted(on_slurm["whole"].result()).items()}
    training = jobs["train_chrombpnet"]
    asked = ("NumCPUs", "MinMemoryNode", "TimeLimit", "Requeue")
    assert [training[name] for name in asked] == ["2", "16000M", "1-00:00:00", "1"]
    with_gpu = {name for name, job in jobs.items() if re.search(r"gpu:1$", job.get("TresPerJob", ""))}
    assert {"train_bias", "evaluate_bias", "train_chrombpnet", "evaluate_chrombpnet", "tracks"} <= with_gpu
    assert not with_gpu & {"genome", "signal", "peaks", "folds", "qc_report", "full_report"}
    assert {job["JobState"] for job in jobs.values()} == {"COMPLETED"}
    assert len({job["BatchHost"] for job in jobs.values()}) > 1


def test_steps_of_a_group_are_one_job(on_slurm, cluster):
    jobs = submitted(on_slurm["whole"].result())
    (number,) = [number for number, name in jobs.items() if "select_bias" in name]
    assert "nonpeaks" in jobs[number]
    # Two of its steps at a time, after the first.
    group = cluster.job(number)
    assert [group[name] for name in ("NumCPUs", "MinMemoryNode", "TimeLimit")] == ["2", "16000M", "02:00:00"]


@pytest.mark.parametrize("fault", ["limit", "scancel"])
def test_a_training_that_is_told_to_stop_goes_on_in_the_next_attempt(on_slurm, local, cluster, fault):
    run, training = on_slurm[fault].result()
    state = {"limit": "TIMEOUT", "scancel": "CANCELLED"}[fault]
    assert cluster.job(training.job)["JobState"] == state
    shown = said(run)
    assert f"SLURM status is: '{state}'" in shown
    assert "stopped by SIGTERM. The state after batch" in shown
    first, second = submitted(run)
    assert first == training.job
    assert cluster.job(second)["TimeLimit"] == "1-00:00:00"
    assert cluster.job(second)["MinMemoryNode"] == "16000M"
    assert "continuing from" in (run.results / "logs/train_bias/demo.fold_0.log").read_text()
    assert weights(run) == weights(local)


@pytest.mark.parametrize("fault", ["lost node", "driven out"])
def test_a_training_that_slurm_puts_back_into_the_queue_goes_on(on_slurm, local, cluster, fault):
    run, training = on_slurm[fault].result()
    assert list(submitted(run)) == [training.job]
    job = cluster.job(training.job)
    assert (job["JobState"], job["Restarts"]) == ("COMPLETED", "1")
    if fault == "lost node":
        assert not cluster.is_idle("n3", "n4")
    assert "continuing from" in (run.results / "logs/train_bias/demo.fold_0.log").read_text()
    assert weights(run) == weights(local)


@pytest.mark.parametrize(
    ("resources", "asked"),
    [
        (["train_bias:gpu=4"], ("TresPerJob", "gpu:4")),
        (["train_bias:gpu=0", "train_bias:gres=gpu:made_up:2"], ("TresPerNode", "gpu:made_up:2")),
    ],
)
def test_as_many_processes_train_as_there_are_gpus(on_slurm, local, cluster, tmp_path, resources, asked):
    """Both ways to ask for GPUs; Ctrl-C takes the job out of the queue."""
    shutil.copytree(local.folder, tmp_path / "run")
    run = elsewhere(local, tmp_path / "run")
    process = run.start(MODEL, "--force", "--set-resources", *resources)
    number = int(asked[1][-1])
    wait_for(process, lambda: (found := training_in(run.folder)) and len(found.processes) == number)
    training = training_in(run.folder)
    job = cluster.job(training.job)
    assert job[asked[0]].endswith(asked[1])
    assert job["JobState"] == "RUNNING"
    process.send_signal(signal.SIGINT)
    process.wait(120)
    cluster.wait("job is not cancelled", lambda: cluster.job(training.job)["JobState"] == "CANCELLED")
