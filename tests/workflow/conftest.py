"""Fixtures of the workflow's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from plans import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A working directory with small made-up inputs, a configuration and a sheet."""
    return Project(tmp_path)
