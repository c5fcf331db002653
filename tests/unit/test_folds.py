from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow.errors import InputError
from bpflow.folds import Fold, balance, check_fold_set, fold_set_record, read_fold
from bpflow.twins import Twins


@settings(max_examples=100)
@given(
    lengths=st.lists(st.integers(1_000, 10**8), min_size=3, max_size=30),
    n=st.integers(3, 8),
    peaks=st.integers(1, 1000),
)
def test_each_chromosome_is_tested_once_and_in_one_split_a_fold(lengths, n, peaks):
    sizes = {f"c{i}": length for i, length in enumerate(lengths)}
    counts = {name: 1 + peaks * i % 97 for i, name in enumerate(sizes)}
    if len(sizes) < n:
        with pytest.raises(InputError, match=rf"{len(sizes)} chromosome\(s\) with peaks for {n} folds"):
            balance(sizes, counts, n)
        return
    folds = balance(sizes, counts, n)
    assert sorted(name for fold in folds for name in fold.test) == sorted(sizes)
    for fold in folds:
        assert sorted(fold.chromosomes) == sorted(sizes)
        assert fold.train
        assert fold.valid
        assert fold.test


def test_equal_chromosomes_are_spread_evenly():
    folds = balance({f"c{i}": 100 for i in range(10)}, {f"c{i}": 5 for i in range(10)}, 5)
    assert [len(fold.test) for fold in folds] == [2] * 5


def test_two_folds_and_too_few_chromosomes_say_what_is_possible():
    with pytest.raises(InputError, match="3 or more"):
        balance({"a": 1, "b": 1}, {"a": 1, "b": 1}, 2)
    with pytest.raises(InputError, match="At least 3 chromosomes"):
        balance({"a": 1}, {"a": 1}, 3)
    with pytest.raises(InputError, match=r"Set folds\.n to 4"):
        balance(dict.fromkeys("abcd", 1), dict.fromkeys("abcd", 1), 5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "line 1: not JSON"),
        ("[" * 100_000, "not JSON .nested too deeply"),
        ('{"train": ' + "9" * 5000 + "}", "not JSON"),
        ('{"train": ["chr1"], "train": ["chr2"], "valid": ["chr3"]}', "the key 'train' comes twice"),
        ('{"train": ["chr1"]}', "under 'valid'"),
        ('{"train": ["chr1"], "valid": [], "test": ["chr2"]}', "the split 'valid' is empty"),
        ('{"train": ["chr1"], "valid": ["chr1"], "test": ["chr2"]}', "'chr1' is in more than one place"),
        ('{"train": ["chr1"], "valid": ["chr3"], "test": ["chr9"]}', "'chr9' is not in the genome"),
        ('{"train": ["1"], "valid": ["2"], "test": ["3"]}', "differ in style"),
        ('{"train": ["chr1"], "valid": ["chr2"], "test": ["chrM"]}', "none of the chromosomes of 'test' was kept"),
    ],
)
def test_bad_folds(tmp_path, genome, content, message):
    path = tmp_path / "fold.json"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_fold(path, genome)


def test_a_fold_may_name_chromosomes_that_were_left_out(tmp_path, genome):
    path = tmp_path / "fold.json"
    path.write_text(json.dumps({"train": ["chr1", "chrM"], "valid": ["chr2"], "test": ["chr3"]}))
    assert read_fold(path, genome) == Fold(("chr1",), ("chr2",), ("chr3",))


def test_given_folds_must_not_test_a_chromosome_twice():
    fold = Fold(("a",), ("b",), ("c",))
    with pytest.raises(InputError, match="'c' is tested in more than one fold"):
        check_fold_set([fold, fold], where="folds")


def record_of(peaks, twins=()):
    """The record of one fold, with the pairs (peak, chromosome of its twin) of 100 peaks on each of a, b and c."""
    sizes = {"a": 5, "b": 6, "c": 7}
    peak, other = np.array(twins, dtype=np.int64).reshape(-1, 2).T
    found = Twins(list(sizes), np.repeat([0, 1, 2], 100), peak, other)
    return fold_set_record([Fold(("a",), ("b",), ("c",))], sizes, peaks, found, given=True)


def test_record_counts_bases_and_peaks_of_each_split():
    record = record_of([{"a": 1, "c": 2}, {"a": 10, "b": 5}])
    assert record["folds"][0]["length"] == {"train": 5, "valid": 6, "test": 7}
    assert record["folds"][0]["peaks"] == {"train": 11, "valid": 5, "test": 2}
    assert record["messages"] == ["No fold tests a, b; cross-fitted tracks leave them out."]


@pytest.mark.parametrize(
    ("fewest", "expected"), [(100, "good"), (99, "check"), (50, "check"), (49, "fail"), (0, "fail")]
)
@pytest.mark.parametrize("split", ["valid", "test"])
def test_a_split_with_too_few_peaks_of_any_sample_fails(split, fewest, expected):
    few = {"a": 1000, "b": 1000, "c": 1000} | {{"valid": "b", "test": "c"}[split]: fewest}
    item = record_of([{"a": 500, "b": 500, "c": 500}, few])["verdicts"][1]
    assert (item["key"], item["verdict"], item["value"]) == ("folds", expected, min(fewest, 500))
    assert f"{split} of fold 0" in item["name"]


@pytest.mark.parametrize(("leaking", "expected"), [(0, "good"), (5, "check"), (30, "fail")])
def test_test_peaks_with_twins_in_training_fail(leaking, expected):
    enough = {"a": 500, "b": 500, "c": 500}
    elsewhere = [(peak, 1) for peak in range(250, 300)] + [(peak, 2) for peak in range(150)]
    record = record_of([enough], elsewhere + [(peak, 0) for peak in range(200, 200 + leaking)])
    item = record["verdicts"][0]
    assert (item["key"], item["verdict"], item["value"]) == ("folds", expected, leaking / 100)
    twins = record["folds"][0]["twins"]
    assert (twins["peaks"], twins["with_twin"]) == (100, leaking)
    if leaking:
        assert twins["pairs"] == [{"test": "c", "train": "a", "peaks": leaking}]
        assert f"c tested and a trained ({leaking} peaks)" in item["advice"]
