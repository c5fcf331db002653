"""Names by TOMTOM: a database's own motifs are found again, on either strand."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from bpflow.motif_files import Motif, built_in_motifs, frequencies_of
from bpflow.motif_matches import is_comparable, match


@pytest.fixture(scope="module")
def database() -> list[Motif]:
    """The built-in table and random ones, so that there are enough for p-values."""
    rng = np.random.default_rng(0)
    others = [Motif(f"random {i}", rng.dirichlet(np.full(4, 0.3), int(rng.integers(6, 15)))) for i in range(60)]
    return [*filter(is_comparable, built_in_motifs()), *others]


@pytest.mark.parametrize("turned", [False, True])
def test_motifs_of_the_database_match_themselves(database, turned):
    queries = [motif.frequencies[::-1, ::-1] if turned else motif.frequencies for motif in database]
    for motif, found in zip(database, match(queries, database), strict=True):
        smallest = [known.name for known in found if known.p == found[0].p]
        assert motif.name in smallest
        assert found[0].q < 0.05


def test_a_part_of_a_motif_matches_it(database):
    ctcf = frequencies_of("CCACCAGGGGGCGC")
    (found,) = match([ctcf[1:-1]], [*database, Motif("mine", ctcf)])
    assert found[0].name == "mine"


def test_matches_are_ordered_and_false_discovery_is_among_the_whole_database(database):
    query = np.random.default_rng(1).dirichlet(np.full(4, 0.5), 10)
    (everything,) = match([query], database, best=len(database))
    p, q = (np.array([getattr(known, name) for known in everything]) for name in ("p", "q"))
    assert len(everything) == len(database)
    assert (np.diff(p) >= 0).all()
    assert (np.diff(q) >= -1e-12).all()
    assert ((p <= q) & (q <= 1) & (p >= 0)).all()
    np.testing.assert_allclose(q, false_discovery_control(p))
    (best,) = match([query], database)
    assert best == everything[:3]


def test_each_query_has_its_own_matches(database):
    queries = [motif.frequencies for motif in database[:4]]
    together = match(queries, database)
    assert together == [found for query in queries for found in match([query], database)]


def test_motifs_that_are_mostly_unspecific_are_left_out(database):
    gapped, tight = (Motif(word, frequencies_of(word)) for word in ("CGGNNNNNNNNNNCCG", "CGGNNNCCG"))
    assert not is_comparable(gapped)
    assert is_comparable(tight)
    flat = np.full((20, 4), 0.25)
    assert gapped.name not in {known.name for known in match([flat], [*database, gapped], best=300)[0]}
    assert match([flat], [gapped]) == [[]]


def test_no_queries_have_no_matches(database):
    assert match([], database) == []


def test_a_database_of_one_motif_is_searched_without_a_warning():
    motif = Motif("only", frequencies_of("TGACTCA"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (found,) = match([motif.frequencies], [motif])
    assert [known.name for known in found] == ["only"]
