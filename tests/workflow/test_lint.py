"""Formatting, style, types, the workflow's own linter, and the files that hold versions."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from environments import imported_modules, lock, normalised, packages_of
from plans import ROOT, snakemake

from bpflow import __version__

BIN = Path(sys.executable).parent


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


def test_dependencies_are_what_is_imported() -> None:
    files = (ROOT / "src" / "bpflow").rglob("*.py")
    needed = packages_of(name for path in files for name in imported_modules(path))
    groups = dependencies()
    # MACS3 is run as a program; curves for TensorBoard are an extra.
    assert groups[""] == (needed - groups["tensorboard"]) | {"macs3"}


def test_versions_agree() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__


def test_makefile_lists_its_targets() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True)
    for target in ("setup", "demo", "test", "test-fast", "lint", "system-deps", "lock", "clean"):
        assert re.search(rf"^  make {target} ", done.stdout, flags=re.MULTILINE), target
