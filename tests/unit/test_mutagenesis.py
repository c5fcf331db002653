"""Saturation mutagenesis: every substitution once, and effects that are known beforehand."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from bpflow.checkpoints import save_model
from bpflow.cli import main
from bpflow.ensemble import Combined
from bpflow.errors import InputError
from bpflow.genome import encode, reverse_complement_codes
from bpflow.mutagenesis import central_start, effects, saturate
from bpflow.prediction import Prediction, predict_codes, probabilities
from bpflow.regions import from_centers, write_regions
from unit.simulated_footprints import INPUT, backgrounds, tiny_model


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(0, 4))
def test_every_substitution_is_made_once(seed, width, unknown):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, 30).astype(np.uint8)
    codes[rng.permutation(30)[:unknown]] = 4
    mutants, base, position = saturate(codes, width)
    start = central_start(30, width)
    middle = codes[start : start + width]
    assert len(mutants) == 3 * width + (middle == 4).sum()
    assert len({row.tobytes() for row in mutants}) == len(mutants)
    for row, b, p in zip(mutants, base, position, strict=True):
        assert np.flatnonzero(row != codes).tolist() == [start + p]
        assert row[start + p] == b


def alone(prediction: Prediction) -> Combined:
    return Combined(prediction, np.full(len(prediction.log_counts), np.nan))


def additive(weights: np.ndarray, output: int = 10):
    """Log counts are sums of weights (4, L) of the letters, the first profile value rises with the first weight row."""

    def predict(codes: np.ndarray) -> Combined:
        known = codes < 4
        chosen = np.where(known, weights[np.minimum(codes, 3), np.arange(codes.shape[1])], 0.0)
        log_counts = chosen.sum(axis=1)
        logits = np.zeros((len(codes), output))
        logits[:, 0] = log_counts
        return Combined(
            Prediction(logits.astype(np.float32), log_counts.astype(np.float32)), np.full(len(codes), np.nan)
        )

    return predict


def test_effects_are_differences_of_log_counts_in_bits():
    rng = np.random.default_rng(0)
    weights, codes = rng.normal(size=(4, 20)), rng.integers(0, 4, 20).astype(np.uint8)
    found = effects(codes, 6, additive(weights))
    start = central_start(20, 6)
    window = slice(start, start + 6)
    expected = (weights[:, window] - weights[codes[window], np.arange(start, start + 6)]) / np.log(2)
    np.testing.assert_allclose(found.log2_fold_counts, expected, atol=1e-5)
    reference = (found.log2_fold_counts == 0) & (found.jsd == 0)
    assert (reference.argmax(axis=0) == codes[window]).all()
    assert (reference.sum(axis=0) == 1).all()
    assert found.log_counts == pytest.approx(weights[codes, np.arange(20)].sum(), rel=1e-5)


def test_distances_are_of_base_two():
    codes = np.zeros(9, np.uint8)
    weights = np.zeros((4, 9))
    weights[1, 4] = 3.0
    found = effects(codes, 3, additive(weights))

    def profile(logit: float) -> np.ndarray:
        return probabilities(np.array([[logit, *[0.0] * 9]]))[0]

    assert found.jsd[1, 1] == pytest.approx(jensenshannon(profile(0), profile(3), base=2), rel=1e-5)
    assert np.count_nonzero(found.jsd) == np.count_nonzero(found.log2_fold_counts) == 1
    weights[1, 4] = 500.0
    assert 0.9 < effects(codes, 3, additive(weights, output=2000)).jsd[1, 1] <= 1


def test_an_unknown_base_is_compared_with_itself():
    codes = np.zeros(9, np.uint8)
    codes[4] = 4
    weights = np.zeros((4, 9))
    weights[:, 4] = [1, 2, 3, 4]
    found = effects(codes, 1, additive(weights))
    np.testing.assert_allclose(found.log2_fold_counts[:, 0], np.array([1, 2, 3, 4]) / np.log(2), rtol=1e-5)


def test_both_strands_are_averaged_and_one_is_not():
    model, (codes,) = tiny_model(3).accessibility, backgrounds(1)

    def predict(batch: np.ndarray) -> Combined:
        return alone(predict_codes(model, batch))

    both = effects(codes, 8, predict, both_strands=True)
    mirrored = effects(reverse_complement_codes(codes[None])[0], 8, predict, both_strands=True)
    np.testing.assert_allclose(mirrored.log2_fold_counts[::-1, ::-1], both.log2_fold_counts, atol=1e-5)
    np.testing.assert_allclose(mirrored.jsd[::-1, ::-1], both.jsd, atol=1e-5)
    one = effects(codes, 8, predict)
    assert not np.allclose(one.log2_fold_counts, both.log2_fold_counts, atol=1e-3)


def test_a_window_wider_than_the_input_is_refused():
    assert [central_start(10, width) for width in (10, 4, 3, 1)] == [0, 3, 4, 5]
    with pytest.raises(InputError, match=r"--width: 11 bases\. Expected at most the model's input length, 10"):
        central_start(10, 11)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    sequence = "".join(rng.choice(list("ACGT"), 900))
    (tmp_path / "genome.fa").write_text(f">chr1\n{sequence}\n")
    write_regions(from_centers(["chr1"] * 4, np.array([500, 10, 100, 300]), 20), tmp_path / "regions.bed")
    (tmp_path / "s.fa").write_text(f">first\n{sequence[:INPUT]}\n>second\n{sequence[INPUT : 2 * INPUT]}\n")
    for seed in (0, 1):
        save_model(tiny_model(seed), tmp_path / f"{seed}.safetensors", metadata={})
    return tmp_path


def mutate(folder, name, *options) -> None:
    main(["mutagenesis", "--output", str(folder / f"{name}.h5"), "--device", "cpu", "--width", "6", *map(str, options)])


def test_command_line_of_regions_and_several_models(folder, caplog):
    models = ["--model", folder / "0.safetensors", folder / "1.safetensors"]
    genome = ["--genome", folder / "genome.fa", "--regions", folder / "regions.bed"]
    mutate(folder, "a", *models, *genome, "--batch-size", 7)
    assert "left out 1 of 4" in caplog.text
    sequence = encode("".join((folder / "genome.fa").read_text().splitlines()[1:]))
    with h5py.File(folder / "a.h5") as handle:
        assert handle["coords/coords_chrom"].asstr()[:].tolist() == ["chr1"] * 3
        assert handle["coords/coords_center"][:].tolist() == [500, 100, 300]
        assert handle["log2_fold_counts"].shape == handle["jsd"].shape == (3, 4, 6)
        assert handle.attrs["models"] == 2
        assert handle.attrs["view"] == "corrected"
        assert not handle.attrs["both_strands"]
        for row, center in enumerate((500, 100, 300)):
            np.testing.assert_array_equal(handle["sequence"][row], sequence[center - 3 : center + 3])
        # One substitution by hand: the mean of the folds' log counts, without bias.
        window = sequence[500 - INPUT // 2 : 500 + INPUT // 2]
        mutant = window.copy()
        mutant[INPUT // 2 + 1] = (window[INPUT // 2 + 1] + 1) % 4
        parts = [tiny_model(seed).accessibility for seed in (0, 1)]
        log_counts = np.mean([predict_codes(part, np.stack([window, mutant])).log_counts for part in parts], axis=0)
        found = handle["log2_fold_counts"][0, mutant[INPUT // 2 + 1], 4]
        assert found == pytest.approx((log_counts[1] - log_counts[0]) / np.log(2), abs=1e-5)
        assert handle["log_counts"][0] == pytest.approx(log_counts[0], abs=1e-5)
    mutate(folder, "b", *models, *genome, "--batch-size", 7)
    assert (folder / "a.h5").read_bytes() == (folder / "b.h5").read_bytes()


def test_command_line_of_sequences(folder):
    mutate(folder, "s", "--model", folder / "0.safetensors", "--sequences", folder / "s.fa", "--both-strands")
    with h5py.File(folder / "s.h5") as handle:
        assert handle["coords/name"].asstr()[:].tolist() == ["first", "second"]
        assert handle["jsd"].shape == (2, 4, 6)
        assert (handle["jsd"][:] > 0).sum() == 2 * 3 * 6
        assert handle.attrs["both_strands"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sequences", "s.fa", "--width", "65"], "--width: 65 bases. Expected at most the model's input length, 64"),
        (["--regions", "regions.bed"], "--regions without --genome"),
        (["--sequences", "genome.fa"], "the sequence 'chr1' has 900 bases"),
    ],
)
def test_wrong_inputs_exit_with_2(folder, options, message, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as caught:
        mutate(folder, "w", "--model", "0.safetensors", *options)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert not (folder / "w.h5").exists()
