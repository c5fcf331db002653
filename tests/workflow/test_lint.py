"""Formatting, style, types, the workflow's own linter, and the files that hold versions."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from plans import ROOT, snakemake

from bpflow import __version__

BIN = Path(sys.executable).parent
#: Names of a package on PyPI and of its conda package or its module, where they differ.
CONDA_NAMES = {"pytorch": "torch", "python-isal": "isal"}
MODULE_NAMES = {"yaml": "pyyaml", "modiscolite": "modisco-lite"}


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "format", "--check", "."),
        ("ruff", "check", "."),
        ("snakefmt", "--check", "Snakefile", "workflow"),
        pytest.param(("mypy",), marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_style(command: tuple[str, ...]) -> None:
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_snakemake_lint() -> None:
    done = snakemake("--lint", folder=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "in a good condition" in done.stdout + done.stderr


def lock() -> dict[str, str]:
    """Versions of requirements.lock by normalised name."""
    pins = (line.split("==") for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line)
    return {normalised(name): version for name, version in pins}


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def dependencies() -> dict[str, set[str]]:
    """Names that pyproject.toml asks for, by extra; the package's own under ''."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {
        group: {normalised(re.match(r"[\w.-]+", item).group()) for item in items} for group, items in groups.items()
    }


def test_lock_holds_every_dependency_in_an_exact_public_version() -> None:
    pins = lock()
    assert set().union(*dependencies().values()) <= set(pins)
    assert [version for version in pins.values() if not re.fullmatch(r"[0-9][0-9a-z.]*", version)] == []


def imported(folder: Path) -> set[str]:
    """Top-level names of what the Python files of a folder import."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"bpflow", "__future__"}


def test_dependencies_are_what_is_imported() -> None:
    needed = {normalised(MODULE_NAMES.get(name, name)) for name in imported(ROOT / "src" / "bpflow")}
    groups = dependencies()
    # MACS3 is run as a program; curves for TensorBoard are an extra.
    assert groups[""] == (needed - groups["tensorboard"]) | {"macs3"}


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_conda_environments_have_the_versions_of_the_lock(path: Path) -> None:
    environment = yaml.safe_load(path.read_text())
    assert environment["channels"][-1] == "nodefaults"
    pins = {**lock(), "python": "3.11"}
    items = environment["dependencies"]
    from_pip = [line for item in items if isinstance(item, dict) for line in item["pip"]]
    for line in [*from_pip, *(item for item in items if isinstance(item, str) and item != "pip")]:
        name, version = re.split(" ==?", line)
        assert pins[normalised(CONDA_NAMES.get(name, name))] == version, line


def test_no_torch_in_the_data_environment() -> None:
    assert "torch" not in (ROOT / "envs" / "genomics.yaml").read_text().split("dependencies:")[1]


def test_versions_agree() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__


def test_makefile_lists_its_targets() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True)
    for target in ("setup", "demo", "test", "test-fast", "lint", "system-deps", "lock", "clean"):
        assert re.search(rf"^  make {target} ", done.stdout, flags=re.MULTILINE), target
