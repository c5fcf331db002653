"""Checks of the software: Python, Snakemake and its plugins, the packages of the data and model steps."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from bpflow import __version__
from bpflow.doctor.finding import Finding

__all__ = ["OLDEST_SNAKEMAKE", "check_software", "installed"]

GROUP = "software"
OLDEST_SNAKEMAKE = (9, 19)
SHOWN = ("torch", "numpy", "pandas", "polars", "pysam", "macs3", "h5py")
SLURM_PLUGIN = "snakemake-executor-plugin-slurm"


def installed(package: str) -> str | None:
    """Version of an installed package; None where it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def check_software(*, executor: str | None) -> Iterator[Finding]:
    """Versions, and what the executor of the profile needs."""
    yield Finding(GROUP, "bpflow", "good", f"{__version__}, Python {sys.version.split()[0]}")
    yield _snakemake()
    if executor == "slurm":
        yield from _slurm()
    found = {name: installed(name) for name in SHOWN}
    absent = [name for name, there in found.items() if there is None]
    yield Finding(
        GROUP,
        "packages",
        "check" if absent else "good",
        ", ".join(f"{name} {there or 'absent'}" for name, there in found.items()),
        f"Without {', '.join(absent)} in this Python, run with --sdm conda." if absent else "",
    )


def _snakemake() -> Finding:
    found = installed("snakemake")
    if found is None:
        return Finding(
            GROUP, "Snakemake", "fail", "not installed in this Python", "make setup, or pip install snakemake"
        )
    numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdigit())
    if numbers < OLDEST_SNAKEMAKE:
        needed = ".".join(map(str, OLDEST_SNAKEMAKE))
        return Finding(GROUP, "Snakemake", "fail", found, f"Install {needed} or newer.")
    return Finding(GROUP, "Snakemake", "good", found)


def _slurm() -> Iterator[Finding]:
    plugin = installed(SLURM_PLUGIN)
    advice = "" if plugin else f"pip install {SLURM_PLUGIN}"
    yield Finding(GROUP, "SLURM plugin", "good" if plugin else "fail", plugin or "not installed", advice)
    there = shutil.which("sbatch") is not None
    yield Finding(
        GROUP,
        "SLURM",
        "good" if there else "fail",
        "sbatch is on PATH" if there else "no sbatch on PATH",
        "" if there else "Run it on the cluster's login node, or load its module.",
    )
