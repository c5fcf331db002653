"""What goes wrong on one machine while a run goes on or after it: docs/faults.md says what each comes to."""

from __future__ import annotations

import copy
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from plans import ROOT, merged
from runs import QUICK, Run

pytestmark = pytest.mark.slow

GENOME = "demo/results/ATAC/genome/genome.json"
MODEL = "demo/results/ATAC/demo/fold_0/models/bias.safetensors"
NONPEAKS = "demo/results/ATAC/demo/fold_0/regions/bias_nonpeaks.narrowPeak"
CHANGES = merged(QUICK, {"training": {"epochs": 12, "patience": 12}})
# Root may write to all that is read-only unless it gives that up.
LIKE_A_USER = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
TOO_LITTLE = 300_000


def start(run: Run, *arguments: str, like: Sequence[str] = (), before: Callable[[], None] | None = None):
    command = [*like, sys.executable, "-m", "snakemake", *run.arguments(*arguments)]
    return subprocess.Popen(
        [*command, "--snakefile", str(ROOT / "Snakefile")],
        cwd=run.folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=before,
    )


def outcome(run: Run, *arguments: str, **options) -> tuple[int, str]:
    """How a run ends, and what it says."""
    with start(run, *arguments, **options) as process:
        said, _ = process.communicate()
    return process.returncode, said


def wait_for(condition: Callable[[], object], process: subprocess.Popen) -> None:
    until = time.monotonic() + 400
    while not condition():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < until
        time.sleep(0.02)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    paths = [folder, *folder.rglob("*")]
    modes = [path.stat().st_mode for path in paths]
    for path, mode in zip(paths, modes, strict=True):
        path.chmod(mode & ~0o222)
    yield
    for path, mode in zip(paths, modes, strict=True):
        path.chmod(mode)


def limit_file_sizes() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (TOO_LITTLE, TOO_LITTLE))


def new_run(folder: Path, data: Path) -> Run:
    folder.mkdir(exist_ok=True)
    return Run(folder, "config/demo/config.yaml", {**CHANGES, "data": str(data)})


@pytest.fixture(scope="module")
def whole(tmp_path_factory, small_data) -> Run:
    """A run that nothing disturbs, on input that it may not write to."""
    run = new_run(tmp_path_factory.mktemp("whole"), small_data)
    with read_only(small_data):
        code, said = outcome(run, MODEL, like=LIKE_A_USER)
    assert code == 0, said
    return run


@pytest.fixture
def again(whole, tmp_path) -> Run:
    """Another place, with all that the run made, as a folder that was copied or moved."""
    run = copy.copy(whole)
    run.folder = Path(shutil.copytree(whole.folder, tmp_path / "moved"))
    run.results = run.folder / whole.results.relative_to(whole.folder)
    return run


def test_a_killed_job_is_done_again_and_a_second_run_is_refused(tmp_path, small_data, whole):
    run = new_run(tmp_path / "run", small_data)
    with start(run, MODEL, "--retries", "1") as process:
        wait_for(lambda: list(run.folder.glob(".snakemake/locks/*")), process)
        code, said = outcome(run, MODEL)
        assert code != 0
        assert "cannot be locked" in said, said
        checkpoint = (run.folder / MODEL).with_suffix(".checkpoint")
        wait_for(checkpoint.exists, process)
        jobs = psutil.Process(process.pid).children(recursive=True)
        (training,) = [job for job in jobs if "python" in job.name() and "train" in job.cmdline()]
        training.kill()
        said, _ = process.communicate()
    assert process.returncode == 0, said
    assert "Trying to restart" in said
    assert "continuing from" in (run.results / "logs/train_bias/demo.fold_0.log").read_text()
    assert (run.folder / MODEL).read_bytes() == (whole.folder / MODEL).read_bytes()
    assert not checkpoint.exists()
    assert not list(run.results.rglob("*.part"))


def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(tmp_path, small_data, whole):
    run = new_run(tmp_path / "run", small_data)
    sequence = (run.folder / GENOME).with_suffix(".seq")
    code, said = outcome(run, GENOME, before=limit_file_sizes)
    assert code != 0
    assert f"{sequence.relative_to(run.folder)}: File too large. The disk of " in said, said
    assert "Traceback" not in said
    assert not sequence.parent.exists()
    code, said = outcome(run, GENOME)
    assert code == 0, said
    assert sequence.read_bytes() == (whole.folder / GENOME).with_suffix(".seq").read_bytes()


def test_a_file_cut_short_is_named_and_made_anew_when_deleted(again, whole):
    regions = again.folder / NONPEAKS
    lines = regions.read_text().splitlines(keepends=True)
    regions.write_text("".join(lines[: len(lines) // 2]))
    code, said = outcome(again, MODEL)
    assert code != 0
    assert f"{NONPEAKS}: " in said, said
    assert "delete it and start the run again" in said
    assert "Traceback" not in said
    regions.unlink()
    code, said = outcome(again, MODEL)
    assert code == 0, said
    for name in (NONPEAKS, MODEL):
        assert (again.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_results_that_were_moved_are_whole(again, whole):
    code, said = outcome(again, MODEL)
    assert code == 0, said
    assert "Nothing to be done" in said
    texts = [path for path in again.results.rglob("*") if path.suffix in (".json", ".html", ".tsv")]
    assert len(texts) > 5
    assert not [path for path in texts if str(whole.folder) in path.read_text()]


def test_results_that_may_not_be_written_are_named(again):
    shutil.rmtree(again.results / "demo/fold_0/models")
    with read_only(again.results):
        code, said = outcome(again, MODEL, like=LIKE_A_USER)
    assert code != 0
    assert "demo/results/ATAC/logs/plan.json: cannot be written (Permission denied)" in said, said
