"""The contribution file: its layout, parts joined in any order, means over folds, and files that do not belong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from finemo.data_io import load_regions_from_chrombpnet_h5
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow import contribution_file
from bpflow.contribution_file import (
    average_files,
    join_files,
    open_contributions,
    projected_blocks,
    write_contributions,
)
from bpflow.errors import InputError
from bpflow.parts import Part

N, LENGTH = 7, 12


class Content:
    """What a file is of."""

    def __init__(self, seed: int = 0, scores: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.codes = rng.integers(0, 5, (N, LENGTH)).astype(np.uint8)
        self.coordinates = {
            "coords_chrom": rng.choice(["chr1", "chr22"], N).astype(object),
            "coords_center": rng.integers(0, 1000, N),
        }
        rng = np.random.default_rng(scores)
        self.hypothetical = (rng.normal(size=(N, 4, LENGTH)) * 1e-7).astype(np.float32)
        self.gap, self.difference = rng.random((2, N)).astype(np.float32)

    def write(self, path: Path, rows: slice = slice(None), **attributes: str | int) -> str:
        coordinates = {name: values[rows] for name, values in self.coordinates.items()}
        attributes = {"head": "counts", "model": "m", "sequences": N, "part": "1/1", **attributes}
        with write_contributions(path, coordinates, length=LENGTH, attributes=attributes) as writer:
            columns = [values[rows] for values in (self.codes, self.hypothetical, self.gap, self.difference)]
            for first in range(0, len(columns[0]), 3):
                writer.append(*(values[first : first + 3] for values in columns))
        return str(path)


def arrays(path: str | Path) -> dict[str, np.ndarray]:
    found = {}
    with h5py.File(path) as handle:
        handle.visititems(lambda name, item: found.update({name: item[:]}) if isinstance(item, h5py.Dataset) else None)
    return found


def test_the_layout_is_the_official_one_in_float32(tmp_path):
    content = Content()
    found = arrays(content.write(tmp_path / "c.h5"))
    one_hot = content.codes[:, None] == np.arange(4)[:, None]
    expected = {
        "raw/seq": one_hot.astype(np.int8),
        "shap/seq": content.hypothetical,
        "projected_shap/seq": content.hypothetical * one_hot,
        "convergence/gap": content.gap,
        "convergence/difference": content.difference,
        "coords/coords_center": content.coordinates["coords_center"],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype
    assert [name.decode() for name in found["coords/coords_chrom"]] == content.coordinates["coords_chrom"].tolist()
    assert set(found) == {*expected, "coords/coords_chrom"}
    with open_contributions(tmp_path / "c.h5") as handle:
        np.testing.assert_array_equal(
            np.concatenate(list(projected_blocks(handle))), (content.hypothetical * one_hot).sum(axis=1)
        )


def test_small_scores_survive(tmp_path):
    content = Content()
    content.hypothetical[:] = 1.25e-8
    assert (arrays(content.write(tmp_path / "c.h5"))["shap/seq"] == np.float32(1.25e-8)).all()


def test_finemo_reads_the_file(tmp_path):
    content = Content()
    content.hypothetical *= 1e7
    sequences, scores = load_regions_from_chrombpnet_h5([content.write(tmp_path / "c.h5")], 4)
    np.testing.assert_array_equal(sequences, (content.codes[:, None] == np.arange(4)[:, None])[..., 2:10])
    np.testing.assert_allclose(scores, content.hypothetical[..., 2:10], rtol=1e-3)


def test_the_same_content_gives_the_same_bytes(tmp_path):
    paths = [Content().write(tmp_path / name) for name in ("a.h5", "b.h5")]
    assert Path(paths[0]).read_bytes() == Path(paths[1]).read_bytes()


@settings(max_examples=15)
@given(st.integers(1, 9).flatmap(lambda total: st.permutations(range(1, total + 1))), st.sampled_from([2, 256]))
def test_parts_in_any_order_are_the_whole(tmp_path_factory, numbers, block):
    content, folder = Content(), tmp_path_factory.mktemp("parts")
    parts = [Part(number, len(numbers)) for number in numbers]
    paths = [content.write(folder / f"{part.number}.h5", part.rows(N), part=str(part)) for part in parts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contribution_file, "BLOCK", block)
        join_files(paths, folder / "joined.h5")
    whole, joined = arrays(content.write(folder / "whole.h5")), arrays(folder / "joined.h5")
    assert set(joined) == set(whole)
    for name, values in whole.items():
        np.testing.assert_array_equal(joined[name], values)
        assert joined[name].dtype == values.dtype
    with h5py.File(folder / "joined.h5") as one, h5py.File(folder / "whole.h5") as other:
        assert dict(one.attrs) == dict(other.attrs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({1: {}}, r"part 2/3 is missing\. Expected all 3 parts"),
        ({1: {"part": "1/3"}}, r"1\.h5: part 1/3 again"),
        ({1: {"part": "2/4"}}, r"1\.h5: part 2/4\. Expected one of 3"),
        ({2: {"head": "profile"}}, r"2\.h5: head is profile\. Expected counts, as in .*0\.h5"),
        ({2: {"model": "other"}}, r"2\.h5: model is other\. Expected m"),
        ({2: {"seed": 5}}, r"2\.h5: seed is 5\. Expected nothing"),
    ],
)
def test_parts_that_are_no_whole_are_named(tmp_path, changes, message):
    paths = []
    for number in range(3):
        if changes.get(number) == {}:
            continue
        attributes = {"part": f"{number + 1}/3", **changes.get(number, {})}
        paths.append(Content().write(tmp_path / f"{number}.h5", Part(number + 1, 3).rows(N), **attributes))
    with pytest.raises(InputError, match=message):
        join_files(paths, tmp_path / "joined.h5")
    assert not (tmp_path / "joined.h5").exists()


def test_the_mean_of_folds_and_their_spread(tmp_path):
    folds = [Content(scores=seed) for seed in range(3)]
    paths = [fold.write(tmp_path / f"{i}.h5", model=f"m{i}", model_sha256=f"d{i}") for i, fold in enumerate(folds)]
    average_files(paths, tmp_path / "mean.h5")
    found = arrays(tmp_path / "mean.h5")
    stacked = np.array([fold.hypothetical for fold in folds], dtype=np.float64)
    projected = stacked * (folds[0].codes[:, None] == np.arange(4)[:, None])
    for name, expected in (
        ("shap/seq", stacked.mean(axis=0)),
        ("projected_shap/seq", projected.mean(axis=0)),
        ("projected_shap/spread", projected.sum(axis=2).std(axis=0)),
        ("convergence/gap", np.max([fold.gap for fold in folds], axis=0)),
        ("convergence/difference", np.mean([fold.difference for fold in folds], axis=0)),
    ):
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-12)
        assert found[name].dtype == np.float32
    first = arrays(paths[0])
    for name in ("raw/seq", "coords/coords_chrom", "coords/coords_center"):
        np.testing.assert_array_equal(found[name], first[name])
    with open_contributions(tmp_path / "mean.h5") as handle:
        assert handle.attrs["folds"] == 3
        assert handle.attrs["model_sha256"] == "d0,d1,d2"
        assert "model" not in handle.attrs


def test_the_mean_of_one_fold_is_its_own(tmp_path):
    path = Content().write(tmp_path / "0.h5")
    average_files([path], tmp_path / "mean.h5")
    found = arrays(tmp_path / "mean.h5")
    assert (found.pop("projected_shap/spread") == 0).all()
    for name, values in arrays(path).items():
        np.testing.assert_array_equal(found[name], values)


def test_a_mean_may_be_joined_again(tmp_path):
    average_files([Content().write(tmp_path / "0.h5")], tmp_path / "mean.h5")
    join_files([str(tmp_path / "mean.h5")], tmp_path / "again.h5")
    again = arrays(tmp_path / "again.h5")
    for name, values in arrays(tmp_path / "mean.h5").items():
        np.testing.assert_array_equal(again[name], values)


def moved(content: Content) -> None:
    content.coordinates["coords_center"] = content.coordinates["coords_center"] + 1


def renamed(content: Content) -> None:
    content.coordinates["coords_chrom"] = np.array(["chrX"] * N, dtype=object)


def unplaced(content: Content) -> None:
    content.coordinates = {"name": np.arange(N).astype(str).astype(object)}


def rolled(content: Content) -> None:
    content.codes = np.roll(content.codes, 1, axis=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [(rolled, "other sequences"), (moved, "other regions"), (renamed, "other regions"), (unplaced, "other regions")],
)
def test_folds_of_other_sequences_are_not_averaged(tmp_path, change: Callable[[Content], None], message):
    other = Content()
    change(other)
    paths = [Content().write(tmp_path / "0.h5"), other.write(tmp_path / "1.h5")]
    with pytest.raises(InputError, match=rf"1\.h5: {message}\. Expected those of .*0\.h5"):
        average_files(paths, tmp_path / "mean.h5")


@pytest.mark.parametrize(
    ("rows", "attributes", "message"),
    [
        (slice(0, 3), {}, "other sequences"),
        (slice(None), {"head": "profile"}, "head is profile"),
        (slice(None), {"view": "bias"}, "view is bias"),
        (slice(None), {"references": 4}, "references is 4"),
    ],
)
def test_folds_of_other_options_are_not_averaged(tmp_path, rows, attributes, message):
    paths = [Content().write(tmp_path / "0.h5"), Content().write(tmp_path / "1.h5", rows, **attributes)]
    with pytest.raises(InputError, match=rf"1\.h5: {message}"):
        average_files(paths, tmp_path / "mean.h5")
    assert not (tmp_path / "mean.h5").exists()


def test_files_that_are_none_are_refused(tmp_path):
    whole = Path(Content().write(tmp_path / "whole.h5"))
    (tmp_path / "text.h5").write_text("no HDF5")
    (tmp_path / "cut.h5").write_bytes(whole.read_bytes()[:2000])
    with h5py.File(tmp_path / "other.h5", "w") as handle:
        handle["raw/seq"] = np.zeros((2, 4, 5), np.int8)
    with h5py.File(tmp_path / "turned.h5", "w") as handle:
        handle["raw/seq"] = handle["shap/seq"] = np.zeros((2, 5, 4), np.int8)
    with h5py.File(tmp_path / "group.h5", "w") as handle:
        handle["raw/seq/x"] = handle["shap/seq/x"] = 1
    for name, message in {
        "absent.h5": "no such file",
        "text.h5": "not HDF5, or damaged",
        "cut.h5": "not HDF5, or damaged",
        "other.h5": r"raw/seq of shape \(2, 4, 5\) and shap/seq of shape None",
        "turned.h5": r"raw/seq of shape \(2, 5, 4\)",
        "group.h5": "raw/seq of shape None",
    }.items():
        with pytest.raises(InputError, match=message), open_contributions(tmp_path / name):
            pass


def test_official_files_are_read_but_lack_what_joins_need(tmp_path):
    with h5py.File(tmp_path / "official.h5", "w") as handle:
        for name in ("raw/seq", "shap/seq", "projected_shap/seq"):
            handle[name] = np.zeros((2, 4, 5), np.float16)
    with open_contributions(tmp_path / "official.h5") as handle:
        assert np.concatenate(list(projected_blocks(handle))).shape == (2, 5)
    for combine in (join_files, average_files):
        with pytest.raises(InputError, match=r"official\.h5: no convergence/gap\. Expected contributions of 'bpflow"):
            combine([str(tmp_path / "official.h5")], tmp_path / "out.h5")


def test_a_failure_leaves_no_file(tmp_path):
    content = Content()
    content.hypothetical = content.hypothetical[:, :, 1:]
    with pytest.raises(ValueError, match="broadcast"):
        content.write(tmp_path / "c.h5")
    assert not list(tmp_path.iterdir())
