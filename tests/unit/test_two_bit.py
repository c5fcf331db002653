"""2bit files, read back by the format's description."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from bpflow import two_bit
from bpflow.errors import InputError
from bpflow.genome import Genome
from bpflow.two_bit import write_two_bit

SEQUENCES = {"chr1": "NNNACGTTGCANNACGTRN", "chr2": "ACGTA", "chrIII": "TTTT", "chr4": "NN"}


def read_two_bit(path) -> dict[str, str]:
    """Sequences of a 2bit file of little-endian numbers."""
    data = path.read_bytes()
    signature, version, count, reserved = struct.unpack_from("<4I", data)
    assert (signature, version, reserved) == (0x1A412743, 0, 0)
    at, found = 16, {}
    for _ in range(count):
        length = data[at]
        name, (offset,) = data[at + 1 : at + 1 + length].decode(), struct.unpack_from("<I", data, at + 1 + length)
        at += 5 + length
        size, blocks = struct.unpack_from("<2I", data, offset)
        starts = np.frombuffer(data, "<u4", blocks, offset + 8)
        widths = np.frombuffer(data, "<u4", blocks, offset + 8 + 4 * blocks)
        masked, reserved = struct.unpack_from("<2I", data, offset + 8 + 8 * blocks)
        assert (masked, reserved) == (0, 0)
        packed = np.frombuffer(data, np.uint8, -(-size // 4), offset + 16 + 8 * blocks)
        bases = np.array(list("TCAG"))[np.stack([packed >> shift & 3 for shift in (6, 4, 2, 0)], axis=1).ravel()[:size]]
        for start, width in zip(starts, widths, strict=True):
            bases[start : start + width] = "N"
        found[name] = "".join(bases)
    return found


@pytest.fixture
def genome(tmp_path) -> Genome:
    path = tmp_path / "genome.fa"
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in SEQUENCES.items()))
    return Genome.open(path, chromosomes=list(SEQUENCES))


def test_sequences_come_back(tmp_path, genome):
    write_two_bit(tmp_path / "genome.2bit", genome)
    assert read_two_bit(tmp_path / "genome.2bit") == {
        name: sequence.replace("R", "N") for name, sequence in SEQUENCES.items()
    }


def test_a_genome_beyond_the_format_is_told(tmp_path, genome, monkeypatch):
    monkeypatch.setattr(two_bit, "MOST", 100)
    with pytest.raises(InputError, match="more than 4 GiB"):
        write_two_bit(tmp_path / "genome.2bit", genome)
    assert not (tmp_path / "genome.2bit").exists()
