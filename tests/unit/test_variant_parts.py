"""Dividing the work, and reading parts as one."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest

from bpflow.errors import InputError
from bpflow.parts import Part
from bpflow.variant_parts import Identity, Parts, write_part
from bpflow.variants import BLOCK, Scores

IDENTITY = Identity(
    variants="v", genome="g", models=("m0", "m1"), folds=("0", "1"), peaks="p.bed", peaks_sha256="p",
    input_length=64, output_length=20,
    n_variants=300, n_null=150, n_peaks=40, seed=1, precision="float32",
)  # fmt: skip


def made_up(n: int, seed: int) -> Scores:
    return Scores(*np.random.default_rng(seed).normal(size=(3, n, 3)))


def write(folder, of: int, identity: Identity = IDENTITY) -> list:
    variants, null, peaks = (
        made_up(identity.n_variants, 1),
        made_up(identity.n_null, 2),
        made_up(identity.n_peaks, 3)[0],
    )
    paths = []
    for number in range(1, of + 1):
        part = Part(number, of)
        paths.append(folder / f"{number}_{of}.h5")
        with write_part(paths[-1], identity, part) as writer:
            for kind, scores in (("variants", variants), ("null", null)):
                share = part.rows(len(scores.jsd), block=BLOCK)
                for first in range(share.start, share.stop, BLOCK):
                    rows = slice(first, min(first + BLOCK, share.stop))
                    writer.append_scores(kind, Scores(*(column[rows] for column in scores)))
            writer.append_peaks(peaks[part.rows(len(peaks), block=BLOCK)])
    return paths


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_parts_are_read_as_one_in_any_order(tmp_path, of):
    with Parts(write(tmp_path, of)[::-1]) as parts:
        assert parts.identity == IDENTITY
        for kind, expected in (("variants", made_up(300, 1)), ("null", made_up(150, 2))):
            for first, last in ((0, 300), (100, 140), (127, 129), (0, 0), (140, 9999)):
                for mine, theirs in zip(parts.scores(kind, first, last), expected, strict=True):
                    np.testing.assert_array_equal(mine, theirs[first:last])
        np.testing.assert_array_equal(parts.peak_log_counts(), made_up(40, 3)[0])


def test_what_does_not_belong_together_is_named(tmp_path):
    paths = write(tmp_path, 3)
    with pytest.raises(InputError, match=r"part 2/3 is missing\. Expected all 3 parts"):
        Parts([paths[0], paths[2]])
    with pytest.raises(InputError, match=r"part 2/3 again\. Expected it once"):
        Parts([*paths, paths[1]])
    with pytest.raises(InputError, match=r"part 2/2\. Expected one of 3"):
        Parts([paths[0], write(tmp_path, 2)[1]])
    (tmp_path / "other").mkdir()
    other = write(tmp_path / "other", 3, replace(IDENTITY, seed=2))
    with pytest.raises(InputError, match=r"other.*2_3\.h5: scores with another seed than .*1_3\.h5"):
        Parts([paths[0], other[1], paths[2]])


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.h5").write_text("text")
    with pytest.raises(InputError, match="not an HDF5 file"):
        Parts([tmp_path / "a.h5"])
    with h5py.File(tmp_path / "b.h5", "w") as handle:
        handle["x"] = 1
    with pytest.raises(InputError, match="an HDF5 file of something else"):
        Parts([tmp_path / "b.h5"])
    with pytest.raises(InputError, match="no such file"):
        Parts([tmp_path / "c.h5"])
