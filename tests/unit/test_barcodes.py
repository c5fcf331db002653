from __future__ import annotations

import gzip

import pytest

from bpflow.barcodes import MOST_CLUSTERS, read_clusters
from bpflow.errors import InputError


def write(path, text):
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        "AC-1\tT\nGT-1\tB\n",
        "AC-1\tT\r\nGT-1\tB\r\n",
        "\ufeffAC-1\tT\nGT-1\tB",
        "# made up\nAC-1\tT\n\n  \nGT-1\tB\nAC-1\tT\n",
        "barcode\tcluster\nAC-1\tT\nGT-1\tB\n",
        "Cell_ID\tleiden\nAC-1\tT\nGT-1\tB\n",
        "\tcluster\nAC-1\tT\nGT-1\tB\n",
        '"x"\n"AC-1"\t"T"\n"GT-1"\t"B"\n',
        " AC-1 \t T\nGT-1\tB \n",
    ],
    ids=["plain", "CRLF", "mark", "comments", "header", "cell", "index", "R", "blanks"],
)
def test_two_columns_are_read(tmp_path, text):
    clusters = read_clusters([write(tmp_path / "cells.tsv", text)])
    assert clusters.files == ({"AC-1": "T", "GT-1": "B"},)
    assert list(clusters.labels) == ["B", "T"]


def test_gzip_is_told_by_content(tmp_path):
    path = tmp_path / "cells.tsv"
    path.write_bytes(gzip.compress(b"AC\tT\n"))
    assert read_clusters([path]).files == ({"AC": "T"},)
    path.write_bytes(gzip.compress(b"AC\tT\n" * 100)[:-9])
    with pytest.raises(InputError, match=r"cells\.tsv: the file is damaged or cut short"):
        read_clusters([path])


def test_a_barcode_that_is_no_word_is_no_header(tmp_path):
    assert read_clusters([write(tmp_path / "a", "17\tT\ncell_1\tB\n")]).files == ({"17": "T", "cell_1": "B"},)


def test_names_are_sorted_with_numbers_by_value(tmp_path):
    path = write(tmp_path / "cells.tsv", "".join(f"{i}\t{name}\n" for i, name in enumerate(["10", "c10", "2", "c9"])))
    assert list(read_clusters([path]).labels) == ["2", "10", "c9", "c10"]


def test_what_no_sample_may_be_called_becomes_an_underscore(tmp_path):
    path = write(tmp_path / "cells.tsv", "A\tCD4+ T (naïve)\nC\tCD8.T_1-a\n")
    assert read_clusters([path]).labels == {"CD4_T_na_ve": "CD4+ T (naïve)", "CD8.T_1-a": "CD8.T_1-a"}


def test_clusters_of_several_files_are_one_where_their_labels_are(tmp_path):
    first, second = write(tmp_path / "a", "AC\tT cell\n"), write(tmp_path / "b", "AC\tB cell\nGT\tT cell\n")
    clusters = read_clusters([first, second])
    assert clusters.files == ({"AC": "T_cell"}, {"AC": "B_cell", "GT": "T_cell"})
    assert clusters.labels == {"B_cell": "B cell", "T_cell": "T cell"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no barcodes"),
        ("barcode\tcluster\n", "no barcodes"),
        ("AC\tT\nGT\tB\nAC\tB\n", r"line 3: the barcode 'AC' is of cluster 'B' here, and of 'T' in line 1"),
        ("AC\tT\nGT\n", r"line 2: 1 column\(s\)"),
        ("AC,T\nGT,B\n", r"line 1: 1 column\(s\)\. Expected a barcode and its cluster, separated by a tab"),
        ("AC\tT\t3\n", r"line 1: 3 column\(s\).*Keep these two columns"),
        ("AC\tT\n\tB\n", "line 2: no barcode"),
        ("AC\tT\nGT\t\n", r"line 2: no cluster.*Leave out the lines of cells"),
        ("AC\tβ\n", "line 1: the cluster 'β'"),
        ("AC\tCD4 T\nGT\tCD4+T\n", r"line 2: the clusters 'CD4\+T' and 'CD4 T' would both be named 'CD4_T'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_clusters([write(tmp_path / "cells.tsv", text)])


def test_other_bytes_than_text_are_told(tmp_path):
    path = tmp_path / "cells.tsv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not text"):
        read_clusters([path])


def test_swapped_columns_are_told(tmp_path):
    path = write(tmp_path / "cells.tsv", "".join(f"T{i}\tAC{i}\n" for i in range(MOST_CLUSTERS + 1)))
    with pytest.raises(InputError, match=r"1,001 clusters.*Perhaps the two columns have changed places"):
        read_clusters([path])
