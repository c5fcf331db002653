from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.bigwig_writer import write_bigwig
from bpflow.datasets import Windows
from bpflow.errors import InputError
from bpflow.genome import reverse_complement_codes
from bpflow.mappability import Mappability
from bpflow.models.outputs import Outputs
from bpflow.signal_groups import SignalGroups, open_strands
from unit import simulated

SIZE = 400


def tracks(seed, number):
    arrays = np.random.default_rng(seed).poisson(0.4, (number, SIZE)).astype(np.int32)
    return arrays, tuple(simulated.signal_track(array, f"{row}.bw") for row, array in enumerate(arrays))


LAYOUTS = [
    Outputs(("",), 2, True, 20),
    Outputs(("",), 2, False, 20),
    Outputs(("a", "b", "c"), 2, True, 20),
    Outputs(("a", "b", "c"), 2, False, 20),
    Outputs(("a", "b"), 1, True, 20),
]


@given(
    st.sampled_from(LAYOUTS),
    st.integers(0, 99),
    st.lists(st.tuples(st.integers(0, SIZE - 20), st.booleans()), min_size=1, max_size=6),
)
def test_windows_equal_cutting_out_track_by_track(outputs, seed, drawn):
    arrays, made = tracks(seed, outputs.tracks)
    groups = SignalGroups(made, outputs.groups, outputs.partners)
    starts, reverse = (np.array(column) for column in zip(*drawn, strict=True))
    expected = []
    for start, turned in drawn:
        window = arrays[:, start : start + 20]
        if turned:
            # On the other strand, plus is minus, read from its end.
            window = np.stack([window[partner][::-1] for partner in outputs.partners])
        expected.append(window.reshape(outputs.groups, -1))
    found = groups.windows(starts, 20, reverse)
    assert found.dtype == np.int32
    whole = (len(drawn), outputs.groups, outputs.width) if outputs.groups > 1 else (len(drawn), outputs.width)
    assert found.shape == whole
    np.testing.assert_array_equal(found.reshape(len(drawn), outputs.groups, -1), expected)
    sums = groups.sums(starts, 20)
    np.testing.assert_array_equal(sums, groups.windows(starts, 20).sum(axis=-1))


@given(st.sampled_from(LAYOUTS), st.integers(0, 99), st.booleans())
def test_the_other_strand_of_the_genome_is_the_same_example_read_in_reverse(outputs, seed, masked):
    """Turning all windows is turning the genome: its complement from the end, strands exchanged."""
    arrays, made = tracks(seed, outputs.tracks)
    random = np.random.default_rng(seed)
    genome, mappable = random.integers(0, 5, SIZE).astype(np.uint8), random.random(SIZE) < 0.7
    control, both = tracks(seed + 1, 2)
    windows = Windows(
        genome, SignalGroups(made, outputs.groups, outputs.partners), 60, 20,
        mappability=Mappability(mappable), control=SignalGroups(both, 2, (1, 0)),
    )  # fmt: skip
    turned = Windows(
        reverse_complement_codes(genome[None])[0],
        SignalGroups(
            tuple(simulated.signal_track(arrays[partner][::-1]) for partner in outputs.partners),
            outputs.groups,
            outputs.partners,
        ),
        60,
        20,
        mappability=Mappability(mappable[::-1]),
        control=SignalGroups(tuple(simulated.signal_track(row[::-1]) for row in control[::-1]), 2, (1, 0)),
    )
    centers = random.integers(30, SIZE - 30, 5)
    found = windows.gather(centers, np.ones(5, dtype=bool), masked=masked)
    expected = turned.gather(SIZE - centers, np.zeros(5, dtype=bool), masked=masked)
    for one, other in zip(found, expected, strict=True):
        if one is None:
            assert other is None
        else:
            np.testing.assert_array_equal(one, other)
    assert (found.mask is None) == (not masked)
    if masked:
        assert found.mask.shape == found.counts.shape


def test_no_windows_are_none_of_each_group():
    _, made = tracks(0, 4)
    nowhere = np.zeros(0, dtype=np.int64)
    for number, shape in ((1, (0, 80)), (2, (0, 2, 40)), (4, (0, 4, 20))):
        groups = SignalGroups(made, number, (1, 0, 3, 2))
        assert groups.windows(nowhere, 20, nowhere.astype(bool)).shape == shape
        assert groups.sums(nowhere, 20).shape == shape[:-1]


def test_files_of_each_group_are_named():
    _, made = tracks(0, 4)
    assert SignalGroups(made, 2, (1, 0, 3, 2)).paths == ("0.bw, 1.bw", "2.bw, 3.bw")
    assert SignalGroups(made, 4, (1, 0, 3, 2)).paths == ("0.bw", "1.bw", "2.bw", "3.bw")
    assert made[2].paths == ("2.bw",)


@pytest.mark.parametrize("files", [1, 2])
def test_strands_are_opened_as_one_group(files, genome, tmp_path):
    for name in ("plus", "minus"):
        write_bigwig(tmp_path / f"{name}.bw", genome.sizes, [("chr2", np.array([7 + len(name)]), np.array([3]))])
    paths = [tmp_path / "plus.bw", tmp_path / "minus.bw"][:files]
    signal = open_strands(paths, genome)
    starts = genome.global_positions(np.array(["chr2"], dtype=object), np.array([0]))
    assert signal.windows(starts, 20).shape == (1, 20 * files)
    assert np.flatnonzero(signal.windows(starts, 20)[0]).tolist() == [11, 32][:files]
    assert signal.sums(starts, 20).tolist() == [3 * files]


def test_a_minus_strand_below_zero_is_read_as_counts(tmp_path, genome):
    for name, value in (("plus", 3.0), ("minus", -3.0)):
        write_bigwig(tmp_path / f"{name}.bw", genome.sizes, [("chr2", np.array([5]), np.array([value]))])
    signal = open_strands([tmp_path / "plus.bw", tmp_path / "minus.bw"], genome)
    starts = genome.global_positions(np.array(["chr2"], dtype=object), np.array([0]))
    assert signal.windows(starts, 10)[0].tolist() == [0, 0, 0, 0, 0, 3, 0, 0, 0, 0] * 2
    with pytest.raises(InputError, match="the value -3"):
        open_strands([tmp_path / "minus.bw"], genome)
