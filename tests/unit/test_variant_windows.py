"""Windows of both alleles, against strings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.variant_files import Allele
from bpflow.variant_windows import allele_windows
from unit import small_variants as small


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    return small.open_genome(tmp_path_factory.mktemp("genome"))


def text(codes: np.ndarray) -> str:
    return "".join("ACGTN"[code] for code in codes)


@given(start=st.integers(100, 500), length=st.integers(1, 10), alt=st.text("ACGTacgt", min_size=1, max_size=10))
def test_both_alleles_stand_in_their_genomic_surroundings(genome, start, length, alt):
    sequence, half = small.sequences()["chr2"], small.INPUT // 2
    ref = sequence[start : start + length]
    windows = allele_windows([Allele("chr2", start, ".", ref, alt)], genome, small.INPUT)
    left, right = sequence[start - half : start], sequence[start + length : start + 2 * small.INPUT]
    assert text(windows.codes[windows.reference[0]]) == sequence[start - half : start + half]
    assert text(windows.codes[windows.alternative[0]]) == (left + alt.upper() + right)[: small.INPUT]


def test_alternatives_of_one_site_share_its_reference_window(genome):
    one, two, other = small.snv("chr1", 100, 0), small.snv("chr1", 100, 1), small.snv("chr2", 100, 0)
    deletion = Allele("chr1", 100, ".", small.sequences()["chr1"][100:104], one.ref)
    windows = allele_windows([one, two, other, deletion], genome, small.INPUT)
    assert len(windows.codes) == 6
    assert windows.reference.tolist()[0] == windows.reference.tolist()[1] == windows.reference.tolist()[3]
    assert windows.reference[2] != windows.reference[0]
    assert len(set(windows.alternative.tolist())) == 4
