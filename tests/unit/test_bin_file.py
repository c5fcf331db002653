from __future__ import annotations

import json

import h5py
import numpy as np
import pyBigWig
import pytest

from bpflow.bin_file import open_bins, shifted, window_values
from bpflow.bin_targets import binned, read_targets
from bpflow.cli import main
from bpflow.errors import InputError
from bpflow.genome import Genome, reverse_complement_codes
from bpflow.regions import read_regions
from unit.small_bins import LAYOUT, dense_values, make_genome, sparse_values, write_table, write_track


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bins")
    genome = make_genome(folder)
    write_track(folder / "sparse.bw", genome, sparse_values(genome, 1))
    write_track(folder / "other.bw", genome, sparse_values(genome, 2))
    write_track(folder / "dense.bw", genome, dense_values(genome, 3))
    (folder / "black.bed").write_text("chr2\t1000\t1100\nchr3\t0\t600\n")
    (folder / "low.bed").write_text("chr3\t768\t1500\n")
    table = [
        {"identifier": "plus", "file": folder / "sparse.bw", "strand_pair": "minus", "clip": 9},
        {"identifier": "minus", "file": folder / "other.bw", "strand_pair": "plus", "scale": 0.5},
        {"identifier": "dense", "file": folder / "dense.bw", "sum_stat": "mean", "clip_soft": 4, "clip": 6},
    ]
    write_table(folder / "targets.tsv", table)
    bins(folder, "bins", "--blacklist", folder / "black.bed", "--mappability", folder / "low.bed")
    return folder


def bins(folder, name, *options):
    words = [
        "bins", "--genome", folder / "genome.json", "--targets", folder / "targets.tsv", *LAYOUT,
        "--output", folder / f"{name}.h5", "--qc", folder / f"{name}.json", *options,
    ]  # fmt: skip
    main([str(word) for word in words])


def test_bins_equal_those_of_the_whole_chromosomes_values(made):
    genome = Genome.open(made / "genome.json")
    targets = read_targets(made / "targets.tsv")
    with open_bins(made / "bins.h5", genome) as stored:
        found = stored.values(np.arange(len(stored)))
        assert stored.identifiers == ["plus", "minus", "dense"]
        for number, target in enumerate(targets):
            with pyBigWig.open(target.file) as handle:
                for row, (chrom, start) in enumerate(zip(stored.chroms, stored.starts.tolist(), strict=True)):
                    values = handle.values(chrom, start, start + 768, numpy=True)
                    black = np.zeros(768, dtype=bool)
                    # 20 bases more on each side.
                    for name, left, right in (("chr2", 980, 1120), ("chr3", 0, 620)):
                        if name == chrom:
                            black[max(left - start, 0) : max(right - start, 0)] = True
                    expected = binned(values.astype(np.float32), 16, target, black).astype(np.float16)
                    np.testing.assert_array_equal(found[row, number], expected)


def test_windows_of_a_track_equal_pybigwigs_also_where_they_overlap(made):
    genome = Genome.open(made / "genome.json")
    places = [("chr1", 0), ("chr1", 100), ("chr1", 650), ("chr1", 11_500), ("chr2", 8000), ("chr3", 0), ("chr3", 6500)]
    starts = genome.global_positions([chrom for chrom, _ in places], np.array([start for _, start in places]))
    for track in ("sparse", "dense"):
        with pyBigWig.open(str(made / f"{track}.bw")) as handle:
            found = window_values(made / f"{track}.bw", genome, starts, 500)
            for (chrom, start), values in zip(places, found, strict=True):
                np.testing.assert_array_equal(values, handle.values(chrom, start, start + 500, numpy=True))


def test_the_record_says_what_was_left_out_and_what_was_seen(made):
    record = json.loads((made / "bins.json").read_text())
    # Of 9 windows of chr3 one is blacklisted over half of its bins, and one unmappable.
    assert record["windows_on"] == {"chr1": 14, "chr2": 11, "chr3": 7}
    assert (record["windows_out"], record["contigs"], record["bins"]) == (2, 4, 48)
    plus, minus, dense = record["targets"]
    assert plus["largest"] == 9
    assert plus["clipped"] > 0.05
    assert minus["strand_pair"] == "plus"
    assert 0 < dense["mean"] < dense["largest"] <= 6
    with open_bins(made / "bins.h5", Genome.open(made / "genome.json")) as stored:
        values = stored.values(np.arange(len(stored))).astype(np.float64)
    assert values.mean(axis=(0, 2)) == pytest.approx([plus["mean"], minus["mean"], dense["mean"]], rel=1e-6)


def test_threads_and_repeats_give_the_same_bytes(made):
    bins(made, "again", "--threads", "2", "--blacklist", made / "black.bed", "--mappability", made / "low.bed")
    assert (made / "again.h5").read_bytes() == (made / "bins.h5").read_bytes()


def test_more_tracks_than_are_read_at_once(made, monkeypatch):
    monkeypatch.setattr("bpflow.bin_file.TRACKS_AT_ONCE", 2)
    bins(made, "grouped", "--blacklist", made / "black.bed", "--mappability", made / "low.bed")
    with h5py.File(made / "grouped.h5") as grouped, h5py.File(made / "bins.h5") as whole:
        np.testing.assert_array_equal(grouped["bins"][:], whole["bins"][:])
        np.testing.assert_array_equal(grouped["ceilings"][:], whole["ceilings"][:])


def test_ceilings_are_a_quantile_and_hold_what_is_read(made, monkeypatch):
    monkeypatch.setattr("bpflow.bin_file.CEILING", 0.99)
    bins(made, "held")
    with h5py.File(made / "held.h5") as handle:
        kept, ceilings = handle["bins"][:].astype(np.float64), handle["ceilings"][:]
    np.testing.assert_allclose(ceilings, np.quantile(kept, 0.99, axis=(0, 2)), rtol=1e-6)
    with open_bins(made / "held.h5", Genome.open(made / "genome.json")) as stored:
        assert (stored.values(np.arange(3)).max(axis=(0, 2)) <= ceilings.astype(np.float16)).all()


def test_unmappable_bins_are_held_at_a_quantile_of_their_window(made):
    (made / "few.bed").write_text("chr2\t0\t32\n")
    bins(made, "whole")
    bins(made, "few", "--mappability", made / "few.bed", "--unmappable-quantile", "0.5")
    with h5py.File(made / "few.h5") as few, h5py.File(made / "whole.h5") as whole:
        row = int(np.flatnonzero(whole["windows/chrom"].asstr()[:] == "chr2")[0])
        held, free = few["bins"][:], whole["bins"][:]
    expected = free.copy()
    for track in range(3):
        middle = np.float16(np.quantile(free[row, track], 0.5))
        expected[row, track, :2] = np.minimum(expected[row, track, :2], middle)
    np.testing.assert_array_equal(held, expected)


def test_inputs_reach_past_the_ends_of_chromosomes_as_unknown_bases(made):
    genome = Genome.open(made / "genome.json")
    with open_bins(made / "bins.h5", genome) as stored:
        first = int(stored.rows_on(["chr2"])[0])
        codes = stored.codes(np.array([first]))[0]
    assert codes.shape == (1024,)
    assert (codes[:128] == 4).all()
    np.testing.assert_array_equal(codes[128:], genome.codes("chr2")[:896])


def test_the_other_strand_turns_bins_and_swaps_pairs(made):
    with open_bins(made / "bins.h5", Genome.open(made / "genome.json")) as stored:
        rows = np.array([3, 4])
        codes, values = stored.examples(rows, np.array([False, True]), np.array([0, 0]))
        whole, plain = stored.codes(rows), stored.values(rows)
    np.testing.assert_array_equal(codes[0], whole[0])
    np.testing.assert_array_equal(values[0], plain[0])
    np.testing.assert_array_equal(codes[1], reverse_complement_codes(whole[1:])[0])
    np.testing.assert_array_equal(values[1], plain[1][[1, 0, 2], ::-1])


def test_shifts_bring_in_unknown_bases():
    codes = np.arange(1, 4, dtype=np.uint8)[None].repeat(3, axis=0)
    assert shifted(codes, np.array([0, 1, -2])).tolist() == [[1, 2, 3], [4, 1, 2], [3, 4, 4]]


def test_windows_for_tests_do_not_overlap(made):
    bins(made, "strided", "--stride", "256")
    with open_bins(made / "strided.h5", Genome.open(made / "genome.json")) as stored:
        rows = stored.disjoint(stored.rows_on(["chr2", "chr3"]))
        places = [(stored.chroms[row], int(stored.starts[row])) for row in rows]
    assert places == [("chr2", 768 * i) for i in range(11)] + [("chr3", 768 * i) for i in range(9)]


def test_windows_are_regions_that_folds_are_balanced_by(made):
    bins(made, "listed", "--windows", made / "windows.bed")
    frame = read_regions(made / "windows.bed", Genome.open(made / "genome.json"))
    assert len(frame) == 34
    assert (frame["end"] - frame["start"] == 768).all()
    folds = ["folds", "--genome", made / "genome.json", "--peaks", made / "windows.bed", "--n", "3"]
    main([str(word) for word in [*folds, "--output-dir", made / "folds"]])
    assert json.loads((made / "folds" / "fold_2.json").read_text())["test"] == ["chr3"]


def test_other_files_are_refused(made, tmp_path, genome):
    with pytest.raises(InputError, match="another genome"), open_bins(made / "bins.h5", genome):
        pass
    with h5py.File(tmp_path / "other.h5", "w") as handle:
        handle["x"] = 1
    with pytest.raises(InputError, match="no attribute"), open_bins(tmp_path / "other.h5", genome):
        pass
    damaged = (made / "bins.h5").read_bytes()[:-2000]
    (tmp_path / "cut.h5").write_bytes(damaged)
    with pytest.raises(InputError, match="HDF5"), open_bins(tmp_path / "cut.h5", genome):
        pass


def test_mistakes_end_the_command_with_a_message(made, capsys):
    with pytest.raises(SystemExit, match="2"):
        bins(made, "no", "--blacklist", made / "absent.bed")
    assert "no such file" in capsys.readouterr().err
    write_table(made / "wrong.tsv", [{"identifier": "x", "file": made / "genome.fa"}])
    with pytest.raises(SystemExit, match="2"):
        bins(made, "no", "--targets", made / "wrong.tsv")
    assert "not a bigWig" in capsys.readouterr().err
    assert not (made / "no.h5").exists()
