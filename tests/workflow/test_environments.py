"""What envs/*.yaml name: exact versions, all that the commands of their rules import, and no more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import stand_in_conda
import yaml
from environments import (
    ENVIRONMENTS,
    Environment,
    added_by_pip,
    lock,
    needed_packages,
    programs_by_environment,
    read_environment,
)
from plans import ROOT, snakemake

from bpflow.cli import COMMANDS

each_environment = pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)


def needs(path: Path) -> dict[str, str]:
    return {
        name: f"{module} ({program})"
        for program in sorted(programs_by_environment()[path.stem])
        for name, module in needed_packages(program).items()
    }


def test_every_environment_has_rules_and_every_rule_one() -> None:
    assert sorted(programs_by_environment()) == [path.stem for path in ENVIRONMENTS]


def test_commands_are_found_in_the_rules() -> None:
    programs = set().union(*programs_by_environment().values())
    # The rest are for people: nothing of a run waits for them.
    assert {name.replace("-", "_") for name in COMMANDS} - {name.split(".")[-1] for name in programs} <= {
        "doctor",
        "status",
    }
    assert "make_demo_data" in programs


@each_environment
def test_versions_are_those_of_the_lock(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["channels"][-1] == "nodefaults"
    versions = {name: version for group in read_environment(path) for name, version in group.items()}
    assert versions.pop("python").startswith("3.11.")
    versions.pop("pip", None)
    assert versions.items() <= lock().items()


@each_environment
def test_nothing_is_missing(path: Path) -> None:
    named = {name for group in read_environment(path) for name in group}
    assert {name: module for name, module in needs(path).items() if name not in named} == {}


@each_environment
def test_nothing_is_there_in_vain(path: Path) -> None:
    environment = read_environment(path)
    pip = {"pip"} if environment.pip else set()
    used = {"python"} | pip | set(needs(path)) | needed_by_pip(environment)
    assert {name for group in environment for name in group} - used == set()


@each_environment
def test_pip_adds_nothing_of_itself(path: Path) -> None:
    environment = read_environment(path)
    assert added_by_pip(environment) <= set(environment.pip)


def needed_by_pip(environment: Environment) -> set[str]:
    """All that packages of the pip section need, whoever installs it."""
    return added_by_pip(Environment({}, environment.pip)) if environment.pip else set()


def test_no_torch_in_the_data_environment() -> None:
    assert "torch" not in needs(ROOT / "envs/genomics.yaml")


def recipe_lines(text: str) -> list[str]:
    """Lines of a container recipe, without its own comment and its image: Snakemake's is whatever is the latest."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    return [line for line in lines if not line.startswith(("FROM ", "# The conda environments of all steps"))]


@each_environment
def test_the_container_has_what_the_file_names(path: Path) -> None:
    recipe = recipe_lines((ROOT / "Dockerfile").read_text())
    content = [f"#   {line}".rstrip() for line in path.read_text().strip().splitlines()]
    first = recipe.index(content[0])
    assert recipe[first : first + len(content)] == content, "make dockerfile"
    assert any(line.startswith(f"COPY envs/{path.name} ") for line in recipe)


@pytest.mark.slow
def test_the_container_recipe_is_what_snakemake_prints(tmp_path: Path) -> None:
    path = os.pathsep.join([str(stand_in_conda.place(tmp_path)), os.environ["PATH"]])
    done = snakemake("--containerize", "--configfile", "config/demo/config.yaml", folder=ROOT, path=path)
    assert done.returncode == 0, done.stderr
    assert recipe_lines((ROOT / "Dockerfile").read_text()) == recipe_lines(done.stdout), "make dockerfile"


def test_pins_are_of_environments_that_conda_makes_alone() -> None:
    """An explicit list lacks what pip adds, and Snakemake would take it in place of the file."""
    pinned = {path.name.split(".")[0] for path in (ROOT / "envs").glob("*.pin.txt")}
    assert pinned.isdisjoint(path.stem for path in ENVIRONMENTS if read_environment(path).pip)
