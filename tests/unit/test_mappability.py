from __future__ import annotations

import numpy as np
import pyBigWig
import pytest

from bpflow.errors import InputError
from bpflow.mappability import Mappability


def bigwig(path, sizes, intervals):
    with pyBigWig.open(str(path), "w") as handle:
        handle.addHeader(list(sizes.items()))
        for name, start, end, value in intervals:
            handle.addEntries([name], [start], ends=[end], values=[value])
    return path


def test_a_base_is_mappable_where_all_reads_over_it_are(genome, tmp_path):
    parts = [("chr1", 100, 200, 1.0), ("chr1", 200, 300, 0.999), ("chr1", 300, 301, 1.0), ("chr2", 0, 45_000, 1.0)]
    found = Mappability.open(bigwig(tmp_path / "x.bw", genome.sizes, parts), genome)
    expected = np.zeros(genome.array.size, dtype=bool)
    first, second = genome.offsets["chr1"], genome.offsets["chr2"]
    expected[first + 100 : first + 200] = expected[first + 300] = True
    expected[second : second + 45_000] = True
    np.testing.assert_array_equal(found.mappable, expected)


def test_windows_are_read_from_their_end_where_they_are_reversed():
    mappable = np.random.default_rng(0).random(100) < 0.5
    starts, reverse = np.array([0, 30, 90]), np.array([False, True, True])
    found = Mappability(mappable).windows(starts, 10, reverse)
    expected = [mappable[0:10], mappable[30:40][::-1], mappable[90:100][::-1]]
    np.testing.assert_array_equal(found, expected)


def test_a_bigwig_of_another_assembly_is_refused(genome, tmp_path):
    path = bigwig(tmp_path / "x.bw", {"chr1": 50_000}, [("chr1", 0, 10, 1.0)])
    with pytest.raises(InputError, match="chr1 has 50000 bases"):
        Mappability.open(path, genome)
