"""A small run with real files, in which a test spoils one thing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from bpflow.doctor import RunSettings, load_run
from unit import simulated

ROOT = Path(__file__).resolve().parents[3]


class SmallRun:
    """A working directory with reads, peaks, blacklist, folds, a configuration and a sheet."""

    def __init__(self, folder: Path, fragments: Path, fasta: Path) -> None:
        self.folder = folder
        shutil.copy(fasta, folder / "genome.fa")
        shutil.copy(fragments, folder / "reads.tsv.gz")
        (folder / "black.bed").write_text("chr1\t0\t100\n")
        (folder / "peaks.bed").write_text("chr1\t20000\t20400\nchr2\t20000\t20400\n")
        for number, (test, valid, train) in enumerate((("chr1", "chr2", "chr3"), ("chr2", "chr3", "chr1"))):
            (folder / f"fold_{number}.json").write_text(
                json.dumps({"train": [train], "valid": [valid], "test": [test]})
            )
        self.config: dict = {
            "samples": "samples.tsv",
            "genome": {"fasta": "genome.fa", "blacklist": "black.bed"},
            "folds": {"n": 2, "files": ["fold_0.json", "fold_1.json"]},
        }
        self.rows = ["sample\tassay\treads\tpeaks", "A\tATAC\treads.tsv.gz\tpeaks.bed"]

    def load(self, **changes: object) -> RunSettings:
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config | changes))
        (self.folder / "samples.tsv").write_text("\n".join(self.rows) + "\n")
        return load_run(["config.yaml"], ROOT / "Snakefile")


@pytest.fixture
def small(tmp_path, monkeypatch, fragment_file, fasta) -> SmallRun:
    monkeypatch.chdir(tmp_path)
    return SmallRun(tmp_path, fragment_file, fasta)


@pytest.fixture
def bam(small, fragments, sequences) -> Path:
    """The reads as a BAM, in place of the fragment file."""
    path = small.folder / "reads.bam"
    simulated.write_bam(path, fragments[:500], {name: len(bases) for name, bases in sequences.items()})
    small.rows[1] = "A\tATAC\treads.bam\tpeaks.bed"
    return path
