"""Sequences to write into backgrounds: the built-in ones, and files of each format."""

from __future__ import annotations

import numpy as np
import pytest

from bpflow.errors import InputError
from bpflow.inserts import BIAS_PROBES, TF_MOTIFS, Insert, bias_probes, read_motifs, tf_motifs
from bpflow.motif_files import IUPAC, Motif, built_in_table, frequencies_of, write_meme


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("AP1\tTGACTCA\nbad\n", "line 2: 1 column"),
        ("AP1\tTGANTCA\n", "line 1: the sequence 'TGANTCA'"),
        ("AP1\tTGACTCA\n\nAP1\tTGAGTCA\n", "line 3: the name 'AP1' is taken"),
        ("tn5_1\tTGACTCA\n", "line 1: the name 'tn5_1' is taken"),
        ("control\tTGACTCA\n", "line 1: the name 'control' is taken"),
        ("a/b\tTGACTCA\n", "line 1: the name 'a/b'"),
        ("# nothing\n", "no motifs"),
        (">AP1\nTGACTCA\n", "line 1: 1 row(s) of 'AP1'"),
        ("MEME version 4\nMOTIF AP1\n", "line 2: 0 matrices of 'AP1'"),
        ("MEME version 4\nMOTIF tn5_1\nletter-probability matrix: w= 1\n1 0 0 0\n", "the name 'tn5_1' is taken"),
    ],
)
def test_motif_files_name_the_line_that_is_wrong(tmp_path, text, message):
    (tmp_path / "motifs.tsv").write_text(text)
    with pytest.raises(InputError) as caught:
        read_motifs(tmp_path / "motifs.tsv", taken=["tn5_1"])
    assert message in str(caught.value)


def test_motif_files_are_read(tmp_path):
    (tmp_path / "motifs.tsv").write_text("# name\tsequence\nAP1\ttgactca\r\n\nGATA\tAGATAAG\n")
    assert read_motifs(tmp_path / "motifs.tsv") == [
        Insert("AP1", "TGACTCA", "motif"),
        Insert("GATA", "AGATAAG", "motif"),
    ]


def test_a_motif_file_gives_its_most_frequent_bases(tmp_path):
    write_meme(
        [Motif("AP-1", frequencies_of("TGASTCA")), Motif("CTCF/K562", np.eye(4)[[1, 1, 3]] * 0.6 + 0.1)],
        tmp_path / "motifs.meme",
    )
    assert read_motifs(tmp_path / "motifs.meme") == [
        Insert("AP-1", "TGACTCA", "motif"),
        Insert("CTCF_K562", "CCT", "motif"),
    ]


def test_text_that_is_none_is_refused(tmp_path):
    (tmp_path / "motifs.tsv").write_bytes(b"\xff\xfeA\tB\n")
    with pytest.raises(InputError, match="not text"):
        read_motifs(tmp_path / "motifs.tsv")


def test_built_in_sequences():
    assert [insert.name for insert in bias_probes("DNASE")] == ["dnase_1", "dnase_2"]
    assert tf_motifs("none") == []
    for taxon, motifs in TF_MOTIFS.items():
        inserts = tf_motifs(taxon)
        assert [insert.name for insert in inserts] == list(motifs)
        assert {insert.kind for insert in inserts} == {"motif"}
        assert len({insert.sequence for insert in inserts}) == len(inserts) > 10
        probes = {name for assay in BIAS_PROBES.values() for name in assay}
        assert not probes & set(motifs)
        assert all(set(insert.sequence) <= set("ACGT") and "/" not in insert.name for insert in inserts)


@pytest.mark.parametrize("name", TF_MOTIFS["yeast"])
def test_yeast_sites_fit_the_published_consensus(name):
    (row,) = (row for row in built_in_table() if row.name == name and row.taxon == "yeast")
    site, width = TF_MOTIFS["yeast"][name], len(row.consensus)
    complement = {"A": "T", "C": "G", "G": "C", "T": "A"}
    strands = (site, "".join(complement[base] for base in reversed(site)))
    assert any(
        all(base in IUPAC[letter] for base, letter in zip(strand[start:], row.consensus, strict=False))
        for strand in strands
        for start in range(len(site) - width + 1)
    )
