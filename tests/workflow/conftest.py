"""Fixtures of the workflow's tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from plans import ROOT, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A working directory with small made-up inputs, a configuration and a sheet."""
    return Project(tmp_path)


@pytest.fixture(scope="session")
def small_data(tmp_path_factory) -> Path:
    """A small demo's data, in a folder of a name as users have them."""
    folder = tmp_path_factory.mktemp("small data, d'été 日本")
    subprocess.run(
        [
            *(sys.executable, ROOT / "scripts/make_demo_data.py", "--assay", "ATAC", "--seed", "3"),
            *("--scale", "0.3", "--output", folder),
        ],
        check=True,
    )
    return folder
