"""What a finished run does again: nothing for what changes no result, and all that depends on what does."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import stand_in_conda
from plans import ROOT, Project, job_counts, make_all, snakemake

# Each takes seconds, as Snakemake's own start does.
pytestmark = pytest.mark.slow

TRAINING = {"train_bias", "train_chrombpnet"}
FOLDS = {"n": 3, "run": [0, 1]}


def fill(project: Project) -> None:
    """Two samples in two folds."""
    project.config["folds"] = FOLDS
    project.rows = [{**project.rows[0], "sample": name, "reads": f"{{data}}/{name.lower()}.bam"} for name in ("A", "B")]


def fill_with_bias_models_of_all_kinds(project: Project) -> None:
    """A sample with a bias model of its own, one with the sheet's, and one with the first one's."""
    project.config["folds"] = {"n": 2, "run": [0]}
    row = project.rows[0]
    project.rows = [
        row,
        {**row, "sample": "G", "bias_model": "{data}/models/fold_0.safetensors", "config": "{data}/g.yaml"},
        {**row, "sample": "H", "bias_from": "A", "config": "{data}/h.yaml"},
    ]
    for name in "gh":
        (project.folder / f"data/{name}.yaml").write_text("training: {batch_size: 64}")


def finish(project: Project) -> Path:
    """All files of a run, as far as these and what Snakemake remembers of them can tell."""
    make_all(project)
    samples = [row["sample"] for row in project.rows]
    (project.folder / "results/folds/folds.json").write_text(json.dumps({"samples": samples}))
    for arguments in (("results/config.json", "--force"), ("--touch",)):
        done = project.snakemake(*arguments, "--cores", "1")
        assert done.returncode == 0, done.stdout + done.stderr
    return project.folder


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = Project(tmp_path_factory.mktemp("finished"))
    fill(project)
    return finish(project)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("mixed"))
    fill_with_bias_models_of_all_kinds(project)
    finish(project)
    return project


@pytest.fixture
def finished(finished_run: Path, project: Project) -> Project:
    shutil.copytree(finished_run, project.folder, dirs_exist_ok=True)
    fill(project)
    return project


def trainings(jobs: dict[str, int]) -> dict[str, int]:
    """Jobs that make models."""
    return {name: n for name, n in jobs.items() if name in TRAINING}


def copied_checkout(folder: Path) -> Path:
    """This checkout in another place."""
    for name in ("workflow", "src", "profiles", "envs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)
    return folder


def test_a_checkout_that_was_moved_and_comments_in_environments_change_nothing(
    finished: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    checkout = copied_checkout(tmp_path_factory.mktemp("moved"))
    for path in (checkout / "envs").glob("*.yaml"):
        path.write_text(f"# Another comment.\n{path.read_text()}")
    finished.write()
    arguments = ("--dry-run", "--configfile", "config.yaml")
    path = f"{stand_in_conda.place(finished.folder)}{os.pathsep}{os.environ['PATH']}"
    for options in ((), ("--sdm", "conda")):
        done = snakemake(*arguments, *options, folder=finished.folder, project=checkout, path=path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert job_counts(done.stdout) == {}


def test_where_and_with_what_a_run_is_done_trains_nothing(finished: Project) -> None:
    finished.config |= {"device": "cpu", "gates": {"on_fail": "stop"}, "report": {"title": "Another", "peaks_shown": 3}}
    finished.rows.reverse()
    options = ("--set-threads", "train_bias=3", "--set-resources", "train_chrombpnet:mem_mb=64000")
    jobs = finished.plan(*options, "--workflow-profile", str(ROOT / "profiles/slurm"))
    assert trainings(jobs) == {}
    assert jobs.keys() <= {
        "resolved_config",
        "qc_report",
        "full_report",
        "sample_page",
        "loci",
        "browser_files",
        "compare",
    }


def another_sample(project: Project) -> None:
    project.rows.append({**project.rows[0], "sample": "C"})


def another_fold(project: Project) -> None:
    project.config["folds"] = {"n": 3, "run": [0, 1, 2]}


@pytest.mark.parametrize(("add", "number"), [(another_sample, 2), (another_fold, 2)])
def test_what_is_added_is_all_that_is_trained(finished: Project, add: Callable[[Project], None], number: int) -> None:
    add(finished)
    jobs = finished.plan()
    assert trainings(jobs) == dict.fromkeys(TRAINING, number)
    assert "folds" not in jobs


def test_a_sample_that_is_taken_away_is_not_missed(finished: Project) -> None:
    finished.rows.pop()
    assert trainings(finished.plan()) == {}


def newer_reads(project: Project) -> None:
    reads = project.folder / "data/a.bam"
    reads.write_text("more")
    os.utime(reads)


def other_genome(project: Project) -> None:
    genome = project.folder / "data/genome.fa"
    genome.write_text(">chr1\nACGT\n")
    os.utime(genome)


def other_epochs(project: Project) -> None:
    project.config["training"] = {"epochs": 7}


def other_seed(project: Project) -> None:
    project.config["seed"] = 5


# A sample's peaks are a part of what folds are balanced by.
@pytest.mark.parametrize("change", [newer_reads, other_genome, other_epochs, other_seed])
def test_what_changes_a_model_trains_all_anew(finished: Project, change: Callable[[Project], None]) -> None:
    change(finished)
    assert trainings(finished.plan()) == dict.fromkeys(TRAINING, 4)


def test_a_genome_that_is_gone_is_made_before_what_is_made_of_it(finished: Project) -> None:
    (finished.folder / "results/genome/genome.json").unlink()
    assert finished.plan() == {}
    (finished.folder / "results/A/tracks/mean/corrected.bw").unlink()
    jobs = finished.plan()
    assert (jobs["genome"], jobs["tracks"]) == (1, 2)
    assert trainings(jobs) == dict.fromkeys(TRAINING, 4)


def test_metrics_made_anew_train_behind_bias_models_of_others(mixed: Project) -> None:
    jobs = mixed.plan("--forcerun", "evaluate_bias")
    assert jobs["evaluate_bias"] == 3
    assert trainings(jobs) == {"train_chrombpnet": 2}


@pytest.mark.parametrize("sample", "gh")
def test_a_recipe_is_changed_where_the_bias_model_is_not_the_samples_own(mixed: Project, sample: str) -> None:
    keys = mixed.folder / f"data/{sample}.yaml"
    kept = keys.read_text()
    keys.write_text("training: {batch_size: 32}")
    jobs = mixed.plan()
    keys.write_text(kept)
    assert trainings(jobs) == {"train_chrombpnet": 1}


def test_another_version_of_the_package_trains_anew(
    finished: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    checkout = copied_checkout(tmp_path_factory.mktemp("newer"))
    package = checkout / "src/bpflow/__init__.py"
    package.write_text(f'{package.read_text()}\n__version__ = "99.0"\n')
    finished.write()
    done = snakemake("--dry-run", "--configfile", "config.yaml", folder=finished.folder, project=checkout)
    assert trainings(job_counts(done.stdout)) == dict.fromkeys(TRAINING, 4)
