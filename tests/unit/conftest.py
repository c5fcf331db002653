"""Fixtures of the unit tests: one small simulated genome with reads, shared by all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from bpflow.cut_sites import ReadFile, make_signal
from bpflow.genome import Genome, encode_fasta
from bpflow.motif_discovery import Pattern, discover
from bpflow.shift import Shift
from bpflow.signal import SignalTrack
from unit import simulated
from unit.simulated_contributions import Simulated, simulate


@pytest.fixture(scope="session", autouse=True)
def _without_bfloat16_units() -> Iterator[None]:
    """Numbers are compared in float32, and `auto` would be bfloat16 on some machines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bpflow.devices._cpu_flags", set)
        yield


@pytest.fixture(scope="session")
def sequences() -> dict[str, str]:
    return simulated.make_sequences()


@pytest.fixture(scope="session")
def fasta(sequences, tmp_path_factory) -> Path:
    return simulated.write_fasta(tmp_path_factory.mktemp("genome") / "genome.fa", sequences)


@pytest.fixture(scope="session")
def genome_json(fasta) -> Path:
    output = fasta.with_name("genome.json")
    encode_fasta(fasta, output)
    return output


@pytest.fixture(scope="session")
def genome(genome_json) -> Genome:
    return Genome.open(genome_json)


@pytest.fixture(scope="session")
def fragments(sequences) -> list[tuple[str, int, int]]:
    return simulated.draw_fragments(sequences, 30_000)


@pytest.fixture(scope="session")
def fragment_file(fragments, tmp_path_factory) -> Path:
    return simulated.write_fragments(tmp_path_factory.mktemp("reads") / "fragments.tsv.gz", fragments, "# made up\n")


@pytest.fixture(scope="session")
def official_yeast(shared_data, tmp_path_factory) -> tuple[Genome, SignalTrack]:
    """The yeast genome, and the insertions of the fragments that chrombpnet 1.0.1 was run on."""
    folder, made = shared_data / "data" / "yeast", tmp_path_factory.mktemp("yeast")
    genome = Genome.open(folder / "sacCer3.fa.gz")
    table = pd.read_csv(folder / "fragments.tsv.gz", sep="\t", header=None, usecols=[0, 1, 2])
    kept = [
        (name, start, end)
        for name, start, end in table.itertuples(index=False, name=None)
        if name != "chrM" and end - start >= 10 and not (name == "chrXII" and start < 492_000 and end > 449_000)
    ]
    assert len(kept) == 302_134
    reads = simulated.write_fragments(made / "reads.tsv.gz", kept)
    make_signal([ReadFile(str(reads), shift=Shift(0, 0))], "ATAC", genome, output=made / "x.bw", qc=made / "x.json")
    return genome, SignalTrack.open(made / "x.bw", genome)


class Discovered(NamedTuple):
    """Simulated contributions, the file of the motifs in them, and those motifs."""

    made: Simulated
    path: Path
    patterns: list[Pattern]


@pytest.fixture(scope="session")
def discovered(tmp_path_factory) -> Discovered:
    made, path = simulate(), tmp_path_factory.mktemp("motifs") / "modisco.h5"
    return Discovered(made, path, discover(made.one_hot, made.hypothetical, path, max_seqlets=1000))
