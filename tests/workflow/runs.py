"""Helpers of tests that run the workflow: a working directory, a small configuration, and runs that are cut off."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml
from plans import ROOT, snakemake

# Small and short, where what is tested is the way and not the model.
QUICK = {
    "folds": {"n": 3, "run": [0]},
    "model": {"input_length": 768, "output_length": 384, "bias": {"filters": 8}, "chrombpnet": {"layers": 5}},
    "training": {"epochs": 2, "jitter": 50},
    "contributions": {"views": []},
    "variants": {"file": None},
}
ON_THIS_MACHINE = ("--cores", "2", "--workflow-profile", str(ROOT / "profiles/default"))


class Run:
    """A working directory with the project's configurations, in which the workflow runs.

    Parameters
    ----------
    folder
        The working directory, which has none of the project's files yet.
    config
        The configuration, relative to it.
    changes
        What is otherwise than there.
    place
        Options that say where jobs run.
    """

    def __init__(
        self, folder: Path, config: str, changes: dict | None = None, place: Sequence[str] = ON_THIS_MACHINE
    ) -> None:
        self.folder, self.configs, self.place = folder, [config], place
        shutil.copytree(ROOT / "config", folder / "config")
        if changes:
            (folder / "changes.yaml").write_text(yaml.safe_dump(changes))
            self.configs.append("changes.yaml")
        text = yaml.safe_load((folder / config).read_text())
        self.results = folder / text["results"]

    def arguments(self, *extra: str) -> list[str]:
        return [*extra, "--configfile", *self.configs, *self.place]

    def snakemake(self, *extra: str) -> str:
        done = snakemake(*self.arguments(*extra), folder=self.folder)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
        return done.stdout + done.stderr

    def start(self, *extra: str) -> subprocess.Popen:
        """The same in the background, as a group of processes; what it says is in Snakemake's log."""
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *self.arguments(*extra), "--snakefile", str(ROOT / "Snakefile")],
            cwd=self.folder,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def record(self, name: str) -> dict:
        return json.loads((self.results / name).read_text())

    def sample(self, name: str) -> Path:
        """A product of the run's only sample."""
        (sample,) = [path.parents[1] for path in self.results.glob("*/signal/signal.json")]
        return sample / name

    @property
    def truth(self) -> dict:
        """What was planted in the demo's data."""
        return json.loads((self.folder / "demo/data/ATAC/truth/truth.json").read_text())


def kill_once(run: Run, is_time: Callable[[], bool], *targets: str) -> None:
    """Start a run and take it down all at once when it is time, as a lost machine would."""
    process = run.start(*targets)
    try:
        until = time.monotonic() + 400
        while not is_time():
            assert process.poll() is None, "the run ended before it was time"
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
