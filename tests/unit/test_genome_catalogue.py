from __future__ import annotations

import pytest

from bpflow.chromosomes import choose_chromosomes
from bpflow.errors import InputError
from bpflow.genome_catalogue import find_genome, read_catalogue

HEADER = "genome\tpart\taddress\tchecksums\tsha256\tbrowser\n"
FASTA = "a\tfasta\thttp://x.org/a.fa\n"


def test_the_built_in_table():
    known = read_catalogue()
    assert list(known) == ["hg38", "mm10", "mm39", "dm6", "TAIR10", "sacCer3"]
    assert [name for name, genome in known.items() if genome.blacklist is None] == ["mm39", "TAIR10", "sacCer3"]
    assert [file.file_name for file in known["hg38"].folds] == [f"fold_{k}.json" for k in range(5)]
    assert not any(genome.folds for name, genome in known.items() if name != "hg38")
    assert all(genome.browser == (None if name == "TAIR10" else name) for name, genome in known.items())
    # Nobody could check a digest that is written down here, so none is.
    assert not any(file.sha256 for genome in known.values() for file in genome.files.values())
    assert all(file.address.startswith("https://") for genome in known.values() for file in genome.files.values())


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (["1", "2", "3", "4", "5", "Mt", "Pt"], ["1", "2", "3", "4", "5"]),
        (["chr1", "chr10", "chr1_GL455991_alt", "chrUn_GL456210", "chrM", "chrX"], ["chr1", "chr10", "chrX"]),
        (["chr2L", "chrX", "chr4", "chrY_CP007111v1_random", "chrUn_CP007071v1", "chrM"], ["chr2L", "chrX", "chr4"]),
        (["chrI", "chrXVI", "chrM"], ["chrI", "chrXVI"]),
        (
            ["chr1", "chr22_KI270731v1_random", "chrUn_KI270302v1", "chr6_GL000250v2_alt", "chr1_KN196472v1_fix"],
            ["chr1"],
        ),
    ],
    ids=["TAIR10", "mm10", "dm6", "sacCer3", "hg38"],
)
def test_auto_keeps_the_chromosomes_of_each(names, kept):
    assert choose_chromosomes(names, "auto", where="x")[0] == kept


@pytest.mark.parametrize(("name", "meant"), [("HG38", "hg38"), ("tair10", "TAIR10"), ("saccer3", "sacCer3")])
def test_an_unknown_name_is_told_what_is_known(name, meant):
    with pytest.raises(InputError, match=rf"{name}.*Expected one of hg38, mm10.*Perhaps {meant} .*genome\.fasta"):
        find_genome(name)
    with pytest.raises(InputError, match=r"no genome is called 'cow'(?!.*Perhaps)"):
        find_genome("cow")


def test_a_table_of_ones_own(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text(
        "# mine\n\ngenome\tpart\taddress\tchecksums\nb\tfasta\tfile:///data/my%20genomes/b.fa.gz\n"
        "b\tblacklist\tnone\nb\tfold_1\thttp://x.org/g/1.json?download=1\t\nb\tfold_0\thttp://x.org/g/0.json\thttp://x.org/md5\n"
    )
    genome = find_genome("b", path)
    assert genome.blacklist is None
    assert [file.file_name for file in genome.files.values()] == ["b.fa.gz", "0.json", "1.json"]
    assert genome.folds[0].checksums == "http://x.org/md5"
    assert genome.folds[1].checksums is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", ["no genomes", "genome, part"], id="empty"),
        pytest.param("genome\tpart\n", ["line 1", "the columns genome, part"], id="columns"),
        pytest.param("genome\tpart\taddress\turl\n", ["line 1", "url"], id="unknown column"),
        pytest.param(HEADER + "a\tfasta\tftp://x.org/a.fa\n", ["line 2", "ftp:", "http, https or file"], id="ftp"),
        pytest.param(HEADER + "a\tfasta\tnone\n", ["line 2", "none", "an address"], id="no FASTA"),
        pytest.param(HEADER + "a\tfasta\t\n", ["line 2", "empty cell"], id="no address"),
        pytest.param(HEADER + "a\tfasta\thttp://x.org/../../etc/a.fa\n", ["line 2", "an address"], id="way out"),
        pytest.param(HEADER + "a\tfasta\thttp://x.org/%2e%2e/a.fa\n", ["line 2", "an address"], id="hidden way out"),
        pytest.param(HEADER + "a\tfasta\thttp://x.org/a%7Bb%7D.fa\n", ["line 2", "'a{b}.fa'"], id="braces"),
        pytest.param(HEADER + "a\tfasta\thttp://x.org/g/\n", ["line 2", "ends in a file's name"], id="folder"),
        pytest.param(HEADER + "../a\tfasta\thttp://x.org/a.fa\n", ["line 2", "a genome's name"], id="name"),
        pytest.param(HEADER + "a\tgtf\thttp://x.org/a.gtf\n", ["line 2", "'gtf'", "blacklist or fold_0"], id="part"),
        pytest.param(HEADER + FASTA + FASTA, ["line 3", "fasta of a is there twice"], id="twice"),
        pytest.param(HEADER + "a\tfasta\thttp://x.org/a.fa\t\tabc\n", ["line 2", "64 hexadecimal"], id="digest"),
        pytest.param(HEADER + "a\tblacklist\thttp://x.org/a.bed\n", ["no FASTA of a"], id="blacklist alone"),
        pytest.param(HEADER + FASTA + "a\tfold_1\thttp://x.org/1.json\n", ["the folds fold_1"], id="folds from 1"),
        pytest.param(HEADER + FASTA + "a\tblacklist\thttp://y.org/a.fa\n", ["two files 'a.fa'"], id="same name"),
        pytest.param(HEADER + FASTA.replace("\n", "\t" * 4 + "\n"), ["line 2", "7 columns"], id="columns of a row"),
    ],
)
def test_wrong_tables_name_the_line(tmp_path, text, words):
    path = tmp_path / "mine.tsv"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_catalogue(path)
    for word in ("mine.tsv", *words):
        assert word in str(caught.value)


def test_a_table_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_catalogue(tmp_path / "no.tsv")
    (tmp_path / "b.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not text"):
        read_catalogue(tmp_path / "b.tsv")
