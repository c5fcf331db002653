"""The rules' conda environments: what their files name, and what the commands of their rules import."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import yaml
from packaging.requirements import Requirement
from plans import ROOT

#: Names on PyPI of conda packages, and of what provides a module, where they differ.
CONDA_NAMES = {"pytorch": "torch", "python-isal": "isal"}
MODULE_NAMES = {"yaml": "pyyaml", "modiscolite": "modisco-lite"}
#: Programs that a module runs.
PROGRAMS = {"bpflow.peaks": {"macs3"}}
#: What commands do without where it is missing.
OPTIONAL = {"tensorboardx"}
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))


class Environment(NamedTuple):
    """Exact versions by normalised name on PyPI: what conda installs (Python and pip among it), and what pip adds."""

    conda: dict[str, str]
    pip: dict[str, str]


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def lock() -> dict[str, str]:
    """Versions of requirements.lock by normalised name."""
    pins = (line.split("==") for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line)
    return {normalised(name): version for name, version in pins}


def read_environment(path: Path) -> Environment:
    """What an environment's file names; every package must have an exact version."""
    items = yaml.safe_load(path.read_text())["dependencies"]
    from_pip = [line for item in items if isinstance(item, dict) for line in item["pip"]]
    return Environment(*(dict(map(_pin, lines)) for lines in ([i for i in items if isinstance(i, str)], from_pip)))


def _pin(line: str) -> tuple[str, str]:
    found = re.fullmatch(r"([\w.-]+) ==?([0-9][\w.]*)", line)
    if not found:
        raise ValueError(f"{line!r} names no exact version")
    name = normalised(found[1])
    return CONDA_NAMES.get(name, name), found[2]


def added_by_pip(environment: Environment) -> set[str]:
    """Packages that pip installs for those it is given, since conda has not installed them already."""
    found: set[str] = set()
    waiting = set(environment.pip)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= _requirements(name) - set(environment.conda) - found
    return found


def _requirements(name: str) -> set[str]:
    requirements = map(Requirement, metadata.requires(name) or [])
    return {normalised(item.name) for item in requirements if not item.marker or item.marker.evaluate({"extra": ""})}


def programs_by_environment() -> dict[str, set[str]]:
    """Modules and scripts that the rules of each environment run, by the name of its file."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    rules: dict[str, tuple[str, set[str]]] = {}
    for number, block in enumerate(re.split(r"^(?=[ \t]*(?:use )?rule[ :])", text, flags=re.MULTILINE)[1:]):
        # Rules that are made in a loop have no name of their own here.
        named = re.match(r"\s*(?:use rule (?P<parent>\w+) as |rule )(?P<name>\w+)", block)
        name, parent = named.group("name", "parent") if named else (str(number), None)
        environment, programs = rules.get(parent, ("", set()))
        file = re.search(r"envs/(\w+)\.yaml", block)
        commands = {f"bpflow.cli.{word.replace('-', '_')}" for word in re.findall(r"python -m bpflow ([\w-]+)", block)}
        scripts = set(re.findall(r"scripts/(\w+)\.py", block))
        rules[name] = (file[1] if file else environment, commands | scripts or programs)
    result: dict[str, set[str]] = {}
    for environment, programs in rules.values():
        if programs:
            result.setdefault(environment, set()).update(programs)
    return result


def needed_packages(program: str) -> dict[str, str]:
    """Packages that a module or script of this project needs at any time; for each a module that imports or runs it."""
    needed: dict[str, str] = {}
    seen: set[str] = set()
    waiting = {program, "bpflow.cli"}
    while waiting:
        module = waiting.pop()
        path = _source(module)
        if path is None or module in seen:
            continue
        seen.add(module)
        waiting |= {module.rpartition(".")[0]} - {""}
        for package in PROGRAMS.get(module, ()):
            needed[package] = module
        # What the package itself offers is called by people, not by steps, and imports nothing before.
        names = imported_modules(path) if module != "bpflow" else frozenset()
        waiting |= {name for name in names if name.split(".")[0] == "bpflow"}
        needed |= dict.fromkeys(packages_of(names), module)
    return {name: module for name, module in needed.items() if name not in OPTIONAL}


def _source(module: str) -> Path | None:
    stem = ROOT / "src" / Path(*module.split("."))
    places = (stem.with_suffix(".py"), stem / "__init__.py", ROOT / "scripts" / f"{module}.py")
    return next((place for place in places if place.is_file()), None)


def packages_of(modules: Iterable[str]) -> set[str]:
    """Packages, by normalised name on PyPI, that provide modules: not those of Python and of this project."""
    tops = {module.split(".")[0] for module in modules} - set(sys.stdlib_module_names) - {"bpflow"}
    return {normalised(MODULE_NAMES.get(top, top)) for top in tops}


@cache
def imported_modules(path: Path) -> frozenset[str]:
    """Names of all that a Python file imports when it runs, at its top or later."""
    return frozenset(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in _run_time_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            # What is imported from a package may be a module of it.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those for type checkers only."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from _run_time_nodes(child)
