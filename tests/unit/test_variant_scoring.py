"""Scoring parts: the same numbers as in one, from a file that is read as a stream."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from bpflow.errors import InputError
from bpflow.parts import Part
from bpflow.regions import from_centers, write_regions
from bpflow.variant_files import VariantFile
from bpflow.variant_parts import Identity, Parts, write_part
from bpflow.variant_scoring import draw_peaks, score_part
from bpflow.variants import BLOCK
from unit import small_variants as small

N_VARIANTS, N_NULL = 2 * BLOCK + 10, BLOCK + 5


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    return small.open_genome(tmp_path_factory.mktemp("genome"))


def identity(n_peaks: int = 0) -> Identity:
    return Identity(
        variants="v", genome="g", models=("m",), folds=("0",), peaks=None, peaks_sha256=None, input_length=small.INPUT,
        output_length=small.OUTPUT, n_variants=N_VARIANTS, n_null=N_NULL, n_peaks=n_peaks, seed=3, precision="float32",
    )  # fmt: skip


def score(folder, genome, part: Part, source: VariantFile, peak_starts=None):
    path = folder / f"{part.number}_{part.total}.h5"
    models = small.ensemble([small.tiny_bpnet(0)])
    with write_part(path, identity(0 if peak_starts is None else len(peak_starts)), part) as writer:
        score_part(
            source, genome, models, writer, part,
            identity=identity(0 if peak_starts is None else len(peak_starts)), peak_starts=peak_starts,
        )  # fmt: skip
    return path


@pytest.mark.parametrize("of", [2, 3, 5])
def test_parts_hold_the_same_numbers_as_one(tmp_path, genome, of):
    source = VariantFile.open(small.write_vcf(tmp_path / "v.vcf", small.snvs(N_VARIANTS)))
    starts = np.arange(0, 1000, 3)
    (tmp_path / "parts").mkdir()
    whole = score(tmp_path, genome, Part(1, 1), source, starts)
    paths = [score(tmp_path / "parts", genome, Part(number, of), source, starts) for number in range(1, of + 1)]
    with Parts([whole]) as one, Parts(paths) as several:
        for kind, n in (("variants", N_VARIANTS), ("null", N_NULL)):
            for mine, theirs in zip(several.scores(kind, 0, n), one.scores(kind, 0, n), strict=True):
                assert len(mine) == n
                np.testing.assert_array_equal(mine, theirs)
        np.testing.assert_array_equal(several.peak_log_counts(), one.peak_log_counts())
        assert len(one.peak_log_counts()) == len(starts)


def test_a_part_reads_no_further_than_it_needs(tmp_path, genome):
    path = small.write_vcf(tmp_path / "v.vcf", small.snvs(N_VARIANTS))
    path.write_text(path.read_text() + "chr1\tx\n")
    source = VariantFile.open(path)
    with h5py.File(score(tmp_path, genome, Part(1, 3), source)) as handle:
        assert handle["variants/jsd"].shape == (BLOCK, 2)


def test_peaks_are_drawn_with_the_seed(tmp_path, genome):
    centres = np.arange(10, 1200, 10)
    write_regions(from_centers(["chr1"] * len(centres), centres, 20), tmp_path / "p.narrowPeak")

    def drawn(at_most: int, seed: int = 1) -> list[int]:
        return draw_peaks(tmp_path / "p.narrowPeak", genome, small.INPUT, at_most=at_most, seed=seed).tolist()

    half = small.INPUT // 2
    fitting = [centre - half for centre in centres.tolist() if half <= centre <= 1200 - half]
    assert drawn(1000) == fitting
    assert drawn(20) == drawn(20) == sorted(drawn(20))
    assert set(drawn(20)) < set(fitting)
    assert len(drawn(20)) == 20
    assert drawn(20) != drawn(20, seed=2)


def test_peaks_at_ends_alone_are_refused(tmp_path, genome):
    write_regions(from_centers(["chr1"], np.array([5]), 10), tmp_path / "p.narrowPeak")
    with pytest.raises(InputError, match="no peak is left"):
        draw_peaks(tmp_path / "p.narrowPeak", genome, small.INPUT, at_most=5, seed=1)
