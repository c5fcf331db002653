"""A genome by name in a real run of the workflow, from a server on this machine."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from plans import Project

from unit import simulated
from unit.file_server import serving, status

pytestmark = pytest.mark.slow

GENOME = "results/genome/genome.json"


@pytest.fixture
def tiny(project: Project) -> Project:
    """A project whose genome is one of its own table; the server's address is not in it yet."""
    project.config["genome"] = {"name": "tiny", "catalogue": "genomes.tsv", "cache": "the cache"}
    return project


def write_table(folder: Path, address: str) -> None:
    rows = ["genome\tpart\taddress\tchecksums", f"tiny\tfasta\t{address}/tiny.fa.gz\t{address}/md5sum.txt"]
    rows.append(f"tiny\tblacklist\t{address}/black.bed")
    (folder / "genomes.tsv").write_text("\n".join(rows) + "\n")


def test_it_is_fetched_encoded_and_found_again_without_network(tiny: Project) -> None:
    sequences = simulated.make_sequences()
    fasta = gzip.compress("".join(f">{name}\n{bases}\n" for name, bases in sequences.items()).encode(), mtime=0)
    with serving() as server:
        server.files = {
            "/tiny.fa.gz": fasta,
            "/md5sum.txt": f"{hashlib.md5(fasta).hexdigest()}  tiny.fa.gz\n".encode(),
            "/black.bed": b"chr1\t0\t100\n",
        }
        server.plans["/tiny.fa.gz"] = [status(404)]
        write_table(tiny.folder, server.address)
        failed = tiny.snakemake(GENOME, "--cores", "1")
        assert failed.returncode != 0
        assert f"{server.address}/tiny.fa.gz: the server answered 404" in failed.stdout + failed.stderr
        done = tiny.snakemake(GENOME, "--cores", "1")
        assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tiny.folder / GENOME).read_text())
    assert record["sha256"] == hashlib.sha256(fasta).hexdigest()
    assert record["source"] == "results/genome/fetched/tiny.fa.gz"
    assert [row["name"] for row in record["chromosomes"]] == ["chr1", "chr2", "chr3"]
    fetched = json.loads((tiny.folder / "results/genome/fetched/fetched.json").read_text())
    assert fetched["files"][0]["sha256"] == record["sha256"]
    assert str(tiny.folder) not in json.dumps(fetched)
    assert (tiny.folder / "results/genome/fetched/black.bed").read_bytes() == b"chr1\t0\t100\n"

    # Where the cache lies is no reason to do anything again.
    shutil.copytree(tiny.folder / "the cache", tiny.folder / "another")
    tiny.config["genome"]["cache"] = "another"
    again = tiny.snakemake(GENOME, "--dry-run")
    assert "Nothing to be done" in again.stdout + again.stderr
    # The server is gone; what it gave is in the cache.
    shutil.rmtree(tiny.folder / "results")
    done = tiny.snakemake(GENOME, "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tiny.folder / "results/genome/fetched/tiny.fa.gz").resolve().is_relative_to(tiny.folder / "another")
    assert json.loads((tiny.folder / GENOME).read_text()) == record
