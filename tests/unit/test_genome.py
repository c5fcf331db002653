from __future__ import annotations

import json
import os

import numpy as np
import pyfaidx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow.errors import InputError
from bpflow.genome import Genome, encode, encode_fasta
from unit import simulated


def test_codes_are_acgt_then_other_in_either_case():
    assert encode("ACGTacgtNnRY").tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4, 4, 4, 4]
    assert encode("AJ").tolist() == [0, 255]


def test_the_encoded_genome_keeps_nuclear_chromosomes_and_their_order(genome):
    assert genome.names == ["chr1", "chr2", "chr3"]
    assert genome.dropped == {"chrM": "mitochondrion"}
    assert genome.offsets == {"chr1": 0, "chr2": 60_000, "chr3": 105_000}
    assert genome.array.size == 135_000
    assert genome.acgt["chr1"] == 60_000 - 200


def test_plain_gzip_and_read_only_folder_need_no_index(tmp_path, sequences, genome):
    folder = tmp_path / "locked"
    folder.mkdir()
    path = simulated.write_fasta(folder / "genome.fa.gz", sequences)
    folder.chmod(0o555)
    try:
        opened = Genome.open(path)
    finally:
        folder.chmod(0o755)
    assert np.array_equal(opened.array, genome.array)
    assert sorted(os.listdir(folder)) == ["genome.fa.gz"]


@settings(max_examples=50)
@given(data=st.data())
def test_windows_agree_with_an_independent_reader(data, genome, fasta):
    reader = pyfaidx.Fasta(str(fasta), sequence_always_upper=True)
    name = data.draw(st.sampled_from(genome.names))
    width = data.draw(st.integers(1, 300))
    start = data.draw(st.integers(0, genome.sizes[name] - width))
    window = genome.windows(genome.global_positions([name], np.array([start])), width)[0]
    letters = "".join("ACGTN"[code] for code in window)
    assert letters == str(reader[name][start : start + width])


@pytest.mark.parametrize(
    ("rule", "kept"),
    [("auto", ["chr1", "chr2", "chr3"]), (["chr3", "chr1"], ["chr1", "chr3"]), (r"chr[2M]", ["chr2", "chrM"])],
)
def test_chromosome_rules(tmp_path, fasta, rule, kept):
    encode_fasta(fasta, tmp_path / "genome.json", chromosomes=rule)
    assert Genome.open(tmp_path / "genome.json").names == kept


def test_a_damaged_encoding_is_named(tmp_path, fasta):
    encode_fasta(fasta, tmp_path / "genome.json")
    (tmp_path / "genome.seq").write_bytes(b"\x00")
    with pytest.raises(InputError, match=r"genome\.seq.*Make it anew with 'bpflow genome'"):
        Genome.open(tmp_path / "genome.json")


def test_unknown_names_say_how_styles_differ(genome):
    with pytest.raises(InputError, match=r"differ in style.*'1'.*'chr1'"):
        genome.require(["1", "2"], where="reads")
    with pytest.raises(InputError, match=r"chrM was left out of the genome \(mitochondrion\)"):
        genome.require(["chrM"], where="peaks")


def test_chrom_sizes_and_record_agree(genome_json):
    record = json.loads(genome_json.read_text())
    lines = genome_json.with_name("chrom.sizes").read_text().split("\n")[:-1]
    assert lines == [f"{row['name']}\t{row['length']}" for row in record["chromosomes"]]


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_names_do_not_depend_on_the_block(tmp_path, monkeypatch, block):
    text = ">a first > of all\nACGT\nAC\n>chrM\nACGTACGT\n>b\r\nGG\r\n>last\nNN"
    (tmp_path / "g.fa").write_text(text)
    monkeypatch.setattr("bpflow.genome.BLOCK", block)
    encode_fasta(tmp_path / "g.fa", tmp_path / "genome.json")
    opened = Genome.open(tmp_path / "genome.json")
    assert opened.sizes == {"a": 6, "b": 2, "last": 2}
    assert opened.dropped == {"chrM": "mitochondrion"}
    assert opened.array.tolist() == [0, 1, 2, 3, 0, 1, 2, 2, 4, 4]


def test_a_place_is_located_on_its_chromosome(genome):
    for name in genome.names:
        first, last = genome.offsets[name], genome.offsets[name] + genome.sizes[name] - 1
        assert genome.locate(first) == (name, 0)
        assert genome.locate(last) == (name, genome.sizes[name] - 1)
