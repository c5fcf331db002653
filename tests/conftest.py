"""Fixtures that all tests share."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

import made_up_run

# Where other work shares the machine, slowness says nothing; fixtures of these tests do not change.
settings.register_profile(
    "bpflow", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("bpflow")

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files of the workflow first: one worker does a file, and all others would wait for these at the end."""
    items.sort(key=lambda item: "workflow" not in item.path.parts)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data and golden values that the project does not ship (BPFLOW_TEST_DATA, default ../shared)."""
    folder = Path(os.environ.get("BPFLOW_TEST_DATA", ROOT.parent / "shared"))
    if not (folder / "golden").is_dir():
        message = f"no test data in {folder}; set BPFLOW_TEST_DATA to the folder that holds data/ and golden/"
        if os.environ.get("BPFLOW_REQUIRE_DATA"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def load_script() -> Callable[[str], ModuleType]:
    """Import a program of scripts/ by its name."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def build_tree() -> Callable[..., made_up_run.Tree]:
    """Builder of made-up results trees in any folder, for fixtures that outlive a test."""
    return made_up_run.build


@pytest.fixture
def make_tree(tmp_path: Path) -> Callable[..., made_up_run.Tree]:
    """Build a made-up results tree in this test's own folder."""
    return lambda **options: made_up_run.build(tmp_path / "results", **options)
