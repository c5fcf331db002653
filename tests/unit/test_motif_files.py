"""Motif files: both formats, what is wrong named by its line, and the built-in table."""

from __future__ import annotations

import gzip
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bpflow.errors import InputError
from bpflow.motif_files import (
    IUPAC,
    PSEUDO_SHARE,
    Motif,
    built_in_motifs,
    built_in_table,
    consensus,
    frequencies_of,
    read_motif_file,
    write_meme,
)

MEME = """\
MEME version 5.4.1

ALPHABET= ACGT

strands: + -

Background letter frequencies
A 0.3 C 0.2 G 0.2 T 0.3

MOTIF MA0099.2  FOS::JUN
letter-probability matrix: alength= 4 w= 2 nsites= 20 E= 4.1e-009
  0.10\t0.20  0.30  0.40
 1 0 0 0

URL http://example.org/MA0099.2
MOTIF second
log-odds matrix: alength= 4 w= 1 E= 0
 -12 -10 100 3
letter-probability matrix: alength= 4
0.333 0.333 0.333 0.000
"""

JASPAR = """\
>MA0001.1 AGL3
A  [ 0  3 79 ]
C  [94 75  4 ]
G  [ 1  0  3 ]
T  [ 2  3 0 ]

>plain
1 0
0 0.5
0 0.5
0 0
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "motifs.txt"
    path.write_text(text)
    return path


def test_meme_files_are_read(tmp_path):
    first, second = read_motif_file(write(tmp_path, MEME))
    assert first.name == "MA0099.2 FOS::JUN"
    np.testing.assert_allclose(first.frequencies, [[0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0]])
    assert second.name == "second"
    np.testing.assert_allclose(second.frequencies, [[1 / 3, 1 / 3, 1 / 3, 0]])


def test_jaspar_files_are_read(tmp_path):
    labelled, plain = read_motif_file(write(tmp_path, JASPAR))
    assert labelled.name == "MA0001.1 AGL3"
    np.testing.assert_allclose(labelled.frequencies[0], np.array([0, 94, 1, 2]) / 97)
    np.testing.assert_allclose(labelled.frequencies[2], np.array([79, 4, 3, 0]) / 86)
    np.testing.assert_allclose(plain.frequencies, [[1, 0, 0, 0], [0, 0.5, 0.5, 0]])


def test_compressed_files_and_windows_lines_are_read(tmp_path):
    path = tmp_path / "motifs.meme.gz"
    path.write_bytes(gzip.compress(MEME.replace("\n", "\r\n").encode()))
    assert [motif.name for motif in read_motif_file(path)] == ["MA0099.2 FOS::JUN", "second"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MEME.replace(" 1 0 0 0\n", " 1 0 0\n"), "line 13: 3 number(s)"),
        (MEME.replace(" 1 0 0 0\n", " 1 0 0.1 0\n"), "line 13: frequencies of sum 1.1"),
        (MEME.replace(" 1 0 0 0\n", " 1.2 -0.2 0 0\n"), "line 13: '-0.2'"),
        (MEME.replace(" 1 0 0 0\n", " nan 0 0 1\n"), "line 13: 'nan'"),
        (MEME.replace(" 1 0 0 0\n", " 1 0 x 0\n"), "line 13: 'x'"),
        (MEME.replace(" 1 0 0 0\n", ""), "line 11: 1 row(s) of 'MA0099.2 FOS::JUN'. Expected 2 as w= says"),
        (MEME.replace("ALPHABET= ACGT", "ALPHABET= ACDEFGHIKLMNPQRSTVWY"), "line 3: the alphabet ACDEF"),
        (MEME.replace("MOTIF second", "MOTIF MA0099.2 FOS::JUN"), "line 16: the name 'MA0099.2 FOS::JUN' a second"),
        (MEME.replace("MOTIF second", "MOTIF"), "line 16: a motif without a name"),
        (MEME.partition("MOTIF")[0], "no motifs"),
        (MEME + "MOTIF third\n", "line 21: 0 matrices of 'third'"),
        (MEME + "MOTIF third\nletter-probability matrix: alength= 4 w= 0\n", "line 22: 0 row(s) of 'third'"),
        (JASPAR.replace("T  [ 2  3 0 ]", "T  [ 2  3 ]"), "line 5: 2 number(s) in the row of T"),
        (JASPAR.replace("T  [ 2  3 0 ]\n", ""), "line 1: 3 row(s) of 'MA0001.1 AGL3'"),
        (JASPAR.replace("C  [94", "G  [94"), "line 3: a row of G"),
        (JASPAR.replace("C  [94", "C  [-94"), "line 3: '-94'"),
        (JASPAR.replace("0 0.5\n", "0 0.2\n", 1), "line 7: position 2 of 'plain' has the sum 0.7"),
        (JASPAR.replace("A  [ 0  3 79 ]", "A  [ 0  3 79"), None),
        (">zero\n0 5\n0 2\n0 1\n0 1\n", "position 1 of 'zero' has the sum 0"),
        (">empty\nA []\nC []\nG []\nT []\n", "line 2: 0 number(s)"),
        (">\n1\n0\n0\n0\n", "line 1: a motif without a name"),
        (JASPAR.replace(">plain", ">MA0001.1  AGL3"), "line 7: the name 'MA0001.1 AGL3' a second time"),
        ("AP1\tTGACTCA\n", "motifs in no known format"),
        ("# nothing\n", "no motifs"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(tmp_path, text, message):
    path = write(tmp_path, text)
    if message is None:
        assert len(read_motif_file(path)) == 2
        return
    with pytest.raises(InputError) as caught:
        read_motif_file(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_files_that_are_no_text(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_motif_file(tmp_path / "absent.meme")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00MOTIF")
    with pytest.raises(InputError, match="not text"):
        read_motif_file(tmp_path / "binary")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(MEME.encode() * 50)[:200])
    with pytest.raises(InputError, match="damaged or cut short"):
        read_motif_file(tmp_path / "cut.gz")


rows = st.lists(st.integers(0, 1000), min_size=4, max_size=4).filter(any)
names = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=1, max_size=12)


@given(st.dictionaries(names, st.lists(rows, min_size=1, max_size=12), min_size=1, max_size=5))
def test_what_is_written_is_read_again(matrices):
    motifs = [Motif(name, np.array(m) / np.sum(m, axis=1, keepdims=True)) for name, m in matrices.items()]
    with tempfile.TemporaryDirectory() as folder:
        write_meme(motifs, Path(folder) / "motifs.meme")
        again = read_motif_file(Path(folder) / "motifs.meme")
    assert [motif.name for motif in again] == [motif.name for motif in motifs]
    for one, other in zip(motifs, again, strict=True):
        np.testing.assert_allclose(other.frequencies, one.frequencies, atol=5e-6)
        np.testing.assert_allclose(other.frequencies.sum(axis=1), 1)


@given(st.lists(rows, min_size=1, max_size=12), st.booleans())
@example([[1, 1, 0, 0]], False)
def test_counts_of_jaspar_become_frequencies(table, labelled):
    counts = np.array(table)
    lines = [
        f"{base} [ {' '.join(map(str, column))} ]" if labelled else "\t".join(map(str, column))
        for base, column in zip("ACGT", counts.T, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        (motif,) = read_motif_file(write(Path(folder), "\n".join([">MA1.1 one", *lines])))
    np.testing.assert_allclose(motif.frequencies, counts / counts.sum(axis=1, keepdims=True))


@given(st.text(st.sampled_from("ACGT"), min_size=1, max_size=30))
def test_consensus_undoes_frequencies(letters):
    assert consensus(frequencies_of(letters)) == letters


@pytest.mark.parametrize("letter", IUPAC)
def test_allowed_bases_share_equally_and_none_is_zero(letter):
    (row,) = frequencies_of(letter)
    assert row.sum() == pytest.approx(1)
    for base, frequency in zip("ACGT", row, strict=True):
        if base in IUPAC[letter]:
            assert frequency == pytest.approx(row.max())
            assert frequency >= 0.25
        else:
            assert frequency == PSEUDO_SHARE


def test_the_built_in_table_is_whole():
    table = built_in_table()
    kinds = Counter((row.kind, row.taxon) for row in table)
    assert set(kinds) == {("tf", "vertebrate"), ("tf", "yeast"), ("enzyme", "-")}
    # Comparisons of motif sets want 50 motifs or more to draw scores from.
    assert kinds["tf", "vertebrate"] >= 60
    assert kinds["tf", "yeast"] >= 30
    assert len({row.name for row in table}) == len(table)
    for row in table:
        assert set(row.consensus) <= set(IUPAC), row
        assert len(row.consensus) >= 5, row
        assert not row.consensus.startswith("N"), row
        assert row.source, row
        assert "/" not in row.name, row
    assert not [line for line in map(str, table) if not line.isascii()]


def test_two_factors_of_a_taxon_are_not_one():
    for taxon in ("vertebrate", "yeast"):
        letters = [row.consensus for row in built_in_table() if row.taxon == taxon]
        assert len(set(letters)) == len(letters)


def test_built_in_motifs():
    everything = {motif.name: motif.frequencies for motif in built_in_motifs()}
    assert consensus(everything["CTCF"]) == "CCACCAGAGGGCACC"
    assert {"Tn5", "DNase-I", "CTCF", "Reb1"} <= set(everything)
    yeast = {motif.name for motif in built_in_motifs("yeast")}
    assert "Reb1" in yeast
    assert not yeast & {"CTCF", "Tn5"}
    assert all((frequencies > 0).all() for frequencies in everything.values())


@pytest.mark.parametrize(
    ("name", "site"),
    [
        # Sites of the official chrombpnet's sequences for footprints, and of natural promoters.
        ("CTCF", "TTGGCCACTAGGGGGCGCTAT"),
        ("AP-1", "CGATATGACTCATCCC"),
        ("SP1", "AAGGGGGCGGGGCCTAA"),
        ("RUNX", "CCCTAACCACAGCCC"),
        ("NFY", "CCAGCCAATCAGAGC"),
        ("NFKB", "GCAAGGGAAATTCCCCAGG"),
        ("GATA", "GGCTGGGGGGGGCAGATAAGGCC"),
        ("HNF4", "CCGTTGGACTTTGGACCCTG"),
        ("NRF1", "CCCCGCGCATGCGCAGTGC"),
        ("BACH1-MAFK", "AACTGCTGAGTCATCCCG"),
        ("REST", "TTCAGCACCACGGACAGCGCC"),
        ("Abf1", "ATCACTATATACGTG"),
        ("Gal4", "CGGAAGACTCTCCTCCG"),
        ("Rap1", "ACACCCATACATC"),
        ("Tn5", "AGATTAGAACT"),
        ("DNase-I_hexamer", "TTTACAAGTCCA"),
        ("DNase-I_hexamer", "TGTACTTACGAA"),
    ],
)
def test_known_sites_agree_with_their_consensus(name, site):
    (motif,) = [motif.frequencies for motif in built_in_motifs() if motif.name == name]
    both = [motif, motif[::-1, ::-1]]
    codes = np.array(["ACGT".index(base) for base in site])
    width = len(motif)
    agree = [
        (strand[np.arange(width), codes[start : start + width]] > PSEUDO_SHARE).all()
        for strand in both
        for start in range(len(site) - width + 1)
    ]
    assert any(agree)
