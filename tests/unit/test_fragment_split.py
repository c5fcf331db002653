from __future__ import annotations

import gzip
import json
import resource
from collections import Counter

import numpy as np
import pandas as pd
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow import decompression
from bpflow.cli import main
from bpflow.errors import InputError
from bpflow.fragment_split import split_fragments
from bpflow.genome import Genome
from bpflow.reads import ReadFilter, read_ends
from unit import simulated

LINES = [
    "chr1\t10\t60\tAC-1\t3",
    "chr2\t5\t80\tGG-1\t1",
    "chr1\t20\t70\tGT-1\t1",
    "chr1\t10\t60\tAC-1\t1",
    "chr3\t1\t9\tTT-1\t2\textra",
]
CELLS = {"AC-1": "T cell", "GT-1": "B", "TT-1": "T cell"}


def write_lines(path, lines, end="\n"):
    path.write_bytes("".join(line + end for line in lines).encode())
    return path


def write_cells(path, cells):
    return write_lines(path, [f"{barcode}\t{cluster}" for barcode, cluster in cells.items()])


def split(tmp_path, lines=LINES, cells=CELLS, **options):
    fragments = write_lines(tmp_path / "fragments.tsv", lines)
    return split_fragments([fragments], [write_cells(tmp_path / "cells.tsv", cells)], tmp_path / "out", **options)


def written(folder):
    """Lines of each cluster's file."""
    return {
        path.name.removesuffix(".fragments.tsv.gz"): gzip.decompress(path.read_bytes()).decode().splitlines()
        for path in folder.glob("*.gz")
    }


def test_each_cluster_has_its_lines_as_they_were(tmp_path):
    record = split(tmp_path)
    assert written(tmp_path / "out") == {"T_cell": [LINES[0], LINES[3], LINES[4]], "B": [LINES[2]]}
    assert record["clusters"] == [
        {"name": "B", "label": "B", "barcodes": 1, "barcodes_seen": 1, "fragments": 1},
        {"name": "T_cell", "label": "T cell", "barcodes": 2, "barcodes_seen": 2, "fragments": 3},
    ]
    assert (record["fragments"], record["in_clusters"]) == (5, 4)


@pytest.mark.parametrize("packed", ["plain", "gzip", "bgzip"])
def test_packed_files_comments_and_crlf(tmp_path, packed):
    lines = ["# id=made up", *LINES[:2], "# in between", *LINES[2:]]
    path = write_lines(tmp_path / "fragments", lines, "\r\n")
    if packed == "gzip":
        path.write_bytes(gzip.compress(path.read_bytes()))
    elif packed == "bgzip":
        pysam.tabix_compress(str(path), str(tmp_path / "fragments.gz"))
        path = tmp_path / "fragments.gz"
    record = split_fragments([path], [write_cells(tmp_path / "cells.tsv", CELLS)], tmp_path / "out", threads=2)
    assert written(tmp_path / "out")["T_cell"] == [LINES[0], LINES[3], LINES[4]]
    assert record["fragments"] == 5


def test_the_barcode_may_be_the_last_column(tmp_path):
    split(tmp_path, ["chr1\t10\t60\tAC-1"], {"AC-1": "T"})
    assert written(tmp_path / "out") == {"T": ["chr1\t10\t60\tAC-1"]}


def test_files_may_have_barcodes_of_their_own(tmp_path):
    files = [write_lines(tmp_path / name, LINES[:4]) for name in "ab"]
    lists = [
        write_cells(tmp_path / "first", {"AC-1": "T", "GG-1": "T"}),
        write_cells(tmp_path / "second", {"AC-1": "B", "XX-1": "T"}),
    ]
    record = split_fragments(files, lists, tmp_path / "out")
    assert written(tmp_path / "out") == {"T": [LINES[0], LINES[1], LINES[3]], "B": [LINES[0], LINES[3]]}
    assert [(file["fragments"], file["in_clusters"]) for file in record["files"]] == [(4, 3), (4, 2)]
    assert [(entry["barcodes"], entry["seen"], entry["unseen"]) for entry in record["barcode_files"]] == [
        (2, 2, []),
        (2, 1, ["XX-1"]),
    ]
    with pytest.raises(InputError, match="2 files of barcodes for 1 of fragments"):
        split_fragments(files[:1], lists, tmp_path / "out")


def test_several_files_are_pooled_in_their_order(tmp_path):
    files = [write_lines(tmp_path / "b", LINES[:1]), write_lines(tmp_path / "a", LINES[1:])]
    split_fragments(files, [write_cells(tmp_path / "cells.tsv", CELLS)], tmp_path / "out")
    assert written(tmp_path / "out")["T_cell"] == [LINES[0], LINES[3], LINES[4]]


@settings(max_examples=60)
@given(
    cells=st.lists(st.integers(0, 9), min_size=1, max_size=120),
    clusters=st.dictionaries(st.integers(0, 9), st.sampled_from("abc"), min_size=1),
    block=st.integers(1, 400),
    threads=st.sampled_from([1, 3]),
)
def test_clusters_and_the_rest_are_a_partition_in_order(tmp_path, cells, clusters, block, threads):
    lines = [f"chr1\t{i}\t{i + 1}\tcell{cell}\t1" for i, cell in enumerate(cells)]
    expected = {name: [] for name in clusters.values()}
    for line, cell in zip(lines, cells, strict=True):
        if cell in clusters:
            expected[clusters[cell]].append(line)
    listed = {f"cell{cell}": name for cell, name in clusters.items()}
    folder = tmp_path / "out"
    for old in folder.glob("*"):
        old.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decompression, "BLOCK", block)
        if not all(expected.values()):
            with pytest.raises(InputError, match=r"no fragments of|none of its barcodes"):
                split(tmp_path, lines, listed, threads=threads)
            assert written(folder) == {}
            return
        record = split(tmp_path, lines, listed, threads=threads)
    assert written(folder) == expected
    counts = Counter(cells)
    assert record["fragments"] == len(lines)
    assert record["in_clusters"] == sum(map(len, expected.values()))
    for row in record["clusters"]:
        mine = [cell for cell, name in clusters.items() if name == row["name"]]
        assert row["fragments"] == sum(counts[cell] for cell in mine) == len(expected[row["name"]])
        assert (row["barcodes"], row["barcodes_seen"]) == (len(mine), sum(counts[cell] > 0 for cell in mine))


def test_bytes_are_the_same_for_any_number_of_threads(tmp_path):
    rng = np.random.default_rng(5)
    starts = np.sort(rng.integers(0, 10_000_000, 60_000))
    cells = rng.integers(0, 50, 60_000)
    lines = [f"chr1\t{start}\t{start + 90}\tc{cell}" for start, cell in zip(starts, cells, strict=True)]
    files = []
    for threads in (1, 3):
        split(tmp_path, lines, {f"c{i}": f"k{i % 2}" for i in range(40)}, threads=threads)
        files.append([path.read_bytes() for path in sorted((tmp_path / "out").glob("*"))])
    assert files[0] == files[1]
    assert sum(map(len, files[0])) > 3 * 65_536


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([*LINES, "chr1\t10\t60"], r"line 6: 3 column\(s\)\. Expected 4 or more"),
        (["chr1\t10\t60", *LINES], r"line 1: 3 column\(s\)\. Expected 4 or more"),
        ([*LINES, "chr1\t10\t60\t\t1"], "line 6: no barcode"),
        ([*LINES, "chr1\t60\t60\tAC-1\t1"], "line 6: start 60 and end 60"),
        ([*LINES, "chr1\tx\t60\tAC-1\t1"], "line 6: the start 'x'"),
        ([*LINES, "chr1\t10\t60\tA\0C\t1"], r"fragments\.tsv: a line that cannot be read"),
        (["# nothing"], "no reads"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_written(tmp_path, lines, message):
    with pytest.raises(InputError, match=message):
        split(tmp_path, lines)
    assert not list(tmp_path.glob("out/*"))


def test_a_file_without_lines_is_told(tmp_path):
    with pytest.raises(InputError, match=r"fragments\.tsv: no fragments"):
        split(tmp_path, ["# nothing"], detect=False)


def test_barcodes_written_otherwise_are_shown_side_by_side(tmp_path):
    lines = ["chr1\t1\t9\tGGGGGGGGGG-1\t1", "chr1\t5\t9\tACGTACGTAC-1\t1"]
    with pytest.raises(InputError, match=r"'ACGTACGTAC-1' is one of this file, 'rep1_ACGTACGTAC' of that\."):
        split(tmp_path, lines, {"rep1_TTTTTTTTTT": "T", "rep1_ACGTACGTAC": "T"})
    with pytest.raises(InputError, match=r"'GGGGGGGGGG-1' is one of this file, 'x' of that"):
        split(tmp_path, lines, {"x": "T"})


def test_an_empty_cluster_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no fragments of 'leiden'\..*a header begins with 'barcode'"):
        split(tmp_path, cells={"id": "leiden", **CELLS})
    assert not list(tmp_path.glob("out/*"))


def test_many_barcodes_that_are_not_seen_are_a_warning(tmp_path):
    cells = {**CELLS, **{f"X{i}": "B" for i in range(4)}}
    (message,) = split(tmp_path, cells=cells)["messages"]
    assert "4 of the 7 barcodes" in message
    assert "such as X0" in message


def test_alignments_are_refused(tmp_path):
    cells = write_cells(tmp_path / "cells.tsv", CELLS)
    bam = simulated.write_bam(tmp_path / "reads.bam", [], simulated.SIZES)
    with pytest.raises(InputError, match=r"alignments\. Expected a fragment file.*CB tags"):
        split_fragments([bam], [cells], tmp_path / "out")
    tags = write_lines(tmp_path / "reads.tagAlign", ["chr1\t10\t60\tAC-1\t1000\t+"])
    with pytest.raises(InputError, match="a tagAlign"):
        split_fragments([tags], [cells], tmp_path / "out")
    assert (
        split_fragments([tags], [write_cells(cells, {"AC-1": "T"})], tmp_path / "out", detect=False)["fragments"] == 1
    )


def test_more_clusters_than_files_may_be_open(tmp_path, monkeypatch):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lines = [f"chr1\t{i}\t{i + 1}\tc{i}" for i in range(300)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, limits[1]))
    try:
        split(tmp_path, lines, {f"c{i}": f"k{i}" for i in range(300)})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert written(tmp_path / "out") == {f"k{i}": [lines[i]] for i in range(300)}


@pytest.fixture(scope="module")
def yeast_cells(shared_data, tmp_path_factory):
    """The yeast fragments of two made-up cells, split by the command, and its record."""
    folder = tmp_path_factory.mktemp("cells")
    source = shared_data / "data/yeast/fragments_barcoded.tsv.gz"
    cells = write_cells(folder / "cells.tsv", {"B" * 16: "B cells", "A" * 16: "A"})
    command = f"split --fragments {source} --barcodes {cells} --output-dir {folder} --qc {folder}/split.json"
    main([*command.split(), "--threads", "2"])
    return source, folder, json.loads((folder / "split.json").read_text())


def test_yeast_is_split_as_pandas_splits_it(yeast_cells):
    source, folder, record = yeast_cells
    whole = pd.read_csv(source, sep="\t", header=None)
    assert (record["fragments"], record["in_clusters"]) == (414_968, 414_968)
    assert whole[4].sum() == 467_908
    assert [(row["name"], row["label"], row["fragments"]) for row in record["clusters"]] == [
        ("A", "A", 207_484),
        ("B_cells", "B cells", 207_484),
    ]
    for name, barcode in (("A", "A" * 16), ("B_cells", "B" * 16)):
        mine = pd.read_csv(folder / f"{name}.fragments.tsv.gz", sep="\t", header=None)
        pd.testing.assert_frame_equal(mine, whole[whole[3] == barcode].reset_index(drop=True))


def test_cut_sites_of_the_clusters_add_up_to_those_of_all_cells(shared_data, yeast_cells):
    source, folder, _ = yeast_cells
    genome = Genome.open(shared_data / "data/yeast/sacCer3.fa.gz")

    def ends(path):
        batches = read_ends(path, genome, file_format="fragments", read_filter=ReadFilter(), tally=Counter())
        return np.concatenate([2 * batch.positions.astype(np.int64) + batch.plus for batch in batches])

    of_clusters = [ends(folder / f"{name}.fragments.tsv.gz") for name in ("A", "B_cells")]
    np.testing.assert_array_equal(np.sort(np.concatenate(of_clusters)), np.sort(ends(source)))
    assert all(len(places) > 300_000 for places in of_clusters)
