"""What a run has done, is doing and has yet to do, told from its results and from Snakemake's log alone."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from bpflow.errors import InputError
from bpflow.files import read_json

__all__ = ["STAGE_OF", "STATES", "STEPS", "Job", "RunStatus", "last_lines", "read_status"]

# Steps, as their folders of logs are called, by the stage of a run that they belong to.
STEPS: dict[str, tuple[str, ...]] = {
    "inputs": (
        *("demo_data", "fetch_genome", "genome", "split_fragments", "signal", "signal_replicate", "check_signal"),
        *("own_peaks", "consensus_peaks", "peaks", "folds"),
        *("nonpeaks", "select_bias", "select_chrombpnet"),
        *("sister_demo_data", "strands", "task_peaks", "clusters", "bins"),
    ),
    "bias": (
        *("select_candidate", "train_candidate", "evaluate_candidate"),
        *("candidate_contributions", "candidate_motifs", "choose_bias", "chosen_bias"),
        *("train_bias", "predict_parts", "evaluate_bias", "gather_bias", "official_bias"),
    ),
    "model": (
        *("train_chrombpnet", "evaluate_chrombpnet", "gather_chrombpnet"),
        *("average_footprints", "recovery", "official_weights"),
        *("train_stranded", "evaluate_task", "stranded_recovery", "train_bins", "evaluate_bins", "bin_recovery"),
    ),
    "use": (
        *("tracks", "contribution_parts", "gather_contributions", "contributions"),
        *("task_contributions", "task_footprints", "task_variants"),
        *("average_contributions", "motifs", "mutagenesis", "loci", "variant_scores", "variants", "compare"),
    ),
    "pages": ("sample_page", "qc_report", "full_report", "browser_files", "sister_report"),
}
STAGE_OF = {step: stage for stage, steps in STEPS.items() for step in steps}

# From what needs a person to what does not.
STATES = ("failed", "interrupted", "running", "waiting", "done")

PLAN = "plan.json"
TAIL = 1 << 16
LAST_WORDS = 100


@dataclass(frozen=True)
class Job:
    """One job: its step and name, as in the names of its log; `sample` and `fold` are None where it is of all."""

    step: str
    name: str
    sample: str | None
    fold: int | None
    state: str
    log: Path

    @property
    def stage(self) -> str:
        """The stage that the step belongs to."""
        return STAGE_OF.get(self.step, "other")


@dataclass(frozen=True)
class RunStatus:
    """All jobs in the order of their steps; `snakemake` is running, ended, cut off or unknown.

    Where the run left no plan (`planned` is False), jobs that were never begun are not among them.
    """

    snakemake: str
    planned: bool
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class _Task:
    """A job that is planned or was found; `needed` is None where there is no plan."""

    path: str
    sample: str | None
    fold: int | None
    needed: bool | None = None


@dataclass(frozen=True)
class _SnakemakeLog:
    """What Snakemake's own log says of jobs (begun, failed or finished, by their path under logs/), and of its end."""

    path: Path
    events: dict[str, str]
    ended: bool
    host: str


def read_status(results: str | os.PathLike[str], workdir: str | os.PathLike[str] | None = None) -> RunStatus:
    """Tell the state of every job of a run.

    Parameters
    ----------
    results
        The output tree of the workflow.
    workdir
        The folder in which Snakemake runs; None takes the nearest one above `results` that has a ``.snakemake``.

    Returns
    -------
    RunStatus
        Of the run that was begun last, if it left a plan; else of all that logs and benchmarks tell.

    Raises
    ------
    InputError
        The folder holds no logs, or the plan is damaged.
    """
    root = Path(results).resolve()
    if not (root / "logs").is_dir():
        raise InputError(
            "no folder of logs in it" if root.is_dir() else "no such folder",
            where=str(results),
            expected="the results folder of a run",
        )
    plan = root / "logs" / PLAN
    planned = plan.is_file()
    since = _time(plan) or 0.0
    tasks = _planned_tasks(plan) if planned else list(_found_tasks(root))
    home = Path(workdir).resolve() if workdir is not None else _workdir_of(root)
    log = _snakemake_log(home, root, since) if home else None
    open_files = _open_files()
    alive = log is not None and _is_alive(log, home, open_files)
    jobs = []
    for task in tasks:
        step, _, name = task.path.rpartition("/")
        state = _state(task, root, since, log, alive, open_files or ())
        jobs.append(Job(step or name, name, task.sample, task.fold, state, root / "logs" / f"{task.path}.log"))
    order = {step: number for number, step in enumerate(STAGE_OF)}
    jobs.sort(key=lambda job: (order.get(job.step, len(order)), job.name))
    snakemake = "unknown" if log is None else "running" if alive else "ended" if log.ended else "cut off"
    return RunStatus(snakemake=snakemake, planned=planned, jobs=tuple(jobs))


def last_lines(path: Path, number: int) -> list[str]:
    """The last lines of a log that are not empty; none where there is no log."""
    if not path.is_file():
        return []
    with open(path, "rb") as handle:
        handle.seek(max(0, path.stat().st_size - TAIL))
        lines = handle.read().decode("utf-8", errors="replace").splitlines()
    kept = [line.rstrip() for line in lines if line.strip()]
    return kept[max(0, len(kept) - number) :]


def _state(
    task: _Task, root: Path, since: float, log: _SnakemakeLog | None, alive: bool, open_files: Collection[str]
) -> str:
    """One of `STATES`. Snakemake writes a job's benchmark when it has succeeded and only then."""
    if task.needed is False:
        return "done"
    path = root / "logs" / f"{task.path}.log"
    begun, ended = _time(path), _time(root / "benchmarks" / f"{task.path}.tsv")
    event = log.events.get(task.path) if log else None
    if event == "finished" or (ended is not None and ended >= max(since, begun or 0.0)):
        return "done"
    if event == "failed":
        return "failed"
    if str(path) in open_files:
        return "running"
    # A log of an earlier run says nothing of this one.
    if begun is None or begun < since:
        return "waiting"
    if alive and (task.needed or event == "begun"):
        return "running"
    return _left_state(path)


def _left_state(log: Path) -> str:
    """What a job came to that neither succeeded nor runs, by its own log; one that wrote nothing is as good as new."""
    lines = last_lines(log, LAST_WORDS)
    told = any(re.match(r"bpflow [a-z-]+: error: |Traceback ", line) for line in lines)
    return "failed" if told else "interrupted" if lines else "waiting"


def _planned_tasks(plan: Path) -> list[_Task]:
    try:
        return [
            _Task(
                path=str(job["job"]),
                sample=job["sample"],
                fold=None if job["fold"] is None else int(job["fold"]),
                needed=bool(job["needed"]),
            )
            for job in read_json(plan, "the plan of a run")["jobs"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"not a plan ({error!r})", where=str(plan), mend="Remove it") from None


def _found_tasks(root: Path) -> Iterator[_Task]:
    """Jobs that left a log or a benchmark."""
    samples = sorted((path.parent.name for path in root.glob("*/signal")), key=len, reverse=True)
    paths = {
        str(path.relative_to(root / folder).with_suffix(""))
        for folder, suffix in (("logs", "log"), ("benchmarks", "tsv"))
        for path in (root / folder).glob(f"*/*.{suffix}")
    }
    for path in sorted(paths):
        # This one is not timed, so nothing would tell that it is done.
        if path.startswith("resolved_config/"):
            continue
        name = path.split("/")[1]
        sample = next((sample for sample in samples if f"{name}.".startswith(f"{sample}.")), None)
        fold = re.match(r"\.fold_(\d+)", name.removeprefix(sample)) if sample else None
        yield _Task(path=path, sample=sample, fold=int(fold[1]) if fold else None)


def _workdir_of(root: Path) -> Path | None:
    return next((folder for folder in (root, *root.parents) if (folder / ".snakemake").is_dir()), None)


def _snakemake_log(workdir: Path, root: Path, since: float) -> _SnakemakeLog | None:
    """The log of the last run on these results; those that ended before `since` are of other runs."""
    logs = sorted((workdir / ".snakemake" / "log").glob("*.snakemake.log"), reverse=True)
    for path in logs:
        if (_time(path) or 0.0) < since:
            break
        text = path.read_text(encoding="utf-8", errors="replace")
        events = dict(_events(text, workdir, root / "logs"))
        if events:
            host = re.search(r"^  Host: (.*)$", text, flags=re.MULTILINE)
            return _SnakemakeLog(path, events, ended="\nComplete log(s): " in text, host=host[1] if host else "")
    return None


def _events(text: str, workdir: Path, logs: Path) -> Iterator[tuple[str, str]]:
    """Each job's path under `logs` and what happened to it, in the order of the text."""
    kind, log, paths = "", "", dict[str, str]()
    for line in text.splitlines():
        if match := re.match(r"\s*(Error in )?(?:local)?rule \w+:$", line):
            kind, log = "failed" if match[1] else "begun", ""
        elif match := re.match(r"\s+log: ([^,]+?)(?:, .*)?$", line):
            log = match[1]
        elif match := re.match(r"\s+jobid: (\d+)$", line):
            path = (workdir / log).resolve() if log else None
            if kind == "begun" and path and path.is_relative_to(logs):
                paths[match[1]] = str(path.relative_to(logs).with_suffix(""))
            if match[1] in paths:
                yield paths[match[1]], kind
        elif (match := re.match(r"\s*Finished jobid: (\d+)", line)) and match[1] in paths:
            yield paths[match[1]], "finished"


def _is_alive(log: _SnakemakeLog, workdir: Path | None, open_files: Collection[str] | None) -> bool:
    """Whether the Snakemake that writes a log still runs; of another machine's, only its locks can be seen."""
    if log.ended:
        return False
    if open_files is not None and log.host in ("", platform.node()):
        return str(log.path) in open_files
    return workdir is not None and any((workdir / ".snakemake" / "locks").glob("*.lock"))


def _open_files() -> set[str] | None:
    """Files that processes on this machine have open; None where the system does not tell."""
    processes = Path("/proc")
    if not (processes / "self" / "fd").is_dir():
        return None
    names = set()
    for folder in processes.glob("[0-9]*/fd"):
        try:
            entries = list(folder.iterdir())
        except OSError:
            # Another user's process, or one that has just ended.
            continue
        for entry in entries:
            try:
                names.add(os.readlink(entry))
            except OSError:
                continue
    return names


def _time(path: Path) -> float | None:
    """When a file was last written, in seconds; None where there is none."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None
