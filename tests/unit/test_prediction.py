from __future__ import annotations

import logging

import h5py
import numpy as np
import pandas as pd
import pyBigWig
import pytest
import torch

from bpflow.bigwig_writer import write_bigwig
from bpflow.checkpoints import save_model
from bpflow.cli import main
from bpflow.errors import InputError
from bpflow.models import BPNet, BPNetConfig
from bpflow.prediction import expected_counts, iterate_predictions, predict_codes, probabilities
from bpflow.prediction_file import write_predictions
from bpflow.regions import from_centers, write_regions
from bpflow.sequences import read_sequences

LENGTH, OUTPUT = 300, 100


@pytest.fixture(scope="module")
def model():
    config = BPNetConfig(input_length=LENGTH, output_length=OUTPUT, filters=4, layers=2)
    made = BPNet(config, torch.Generator().manual_seed(2)).eval()
    with torch.no_grad():
        made.counts.bias.fill_(3.0)
    return made


@pytest.fixture(scope="module")
def model_file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "bias.safetensors"
    save_model(model, path, metadata={})
    return path


@pytest.fixture
def regions(tmp_path):
    frame = from_centers(["chr2", "chr1", "chr1", "chr3", "chr1"], np.array([5000, 4000, 4030, 700, 50]), LENGTH)
    frame["start"] = frame["start"].clip(lower=0)
    frame["summit"] = np.array([5000, 4000, 4030, 700, 50]) - frame["start"]
    write_regions(frame, tmp_path / "regions.bed")
    return tmp_path / "regions.bed"


def test_predictions_do_not_depend_on_the_batch_size(model, genome):
    codes = genome.windows(np.arange(0, 7000, 1000), LENGTH)
    together, one_by_one = (predict_codes(model, codes, batch_size=size) for size in (64, 1))
    np.testing.assert_allclose(together.profile_logits, one_by_one.profile_logits, atol=1e-5)
    np.testing.assert_allclose(together.log_counts, one_by_one.log_counts, atol=1e-5)
    assert together.profile_logits.shape == (7, OUTPUT)
    assert together.profile_logits.dtype == together.log_counts.dtype == np.float32


def test_no_codes_give_no_predictions(model):
    found = predict_codes(model, np.zeros((0, LENGTH), np.uint8))
    assert found.profile_logits.shape == (0, OUTPUT)


def test_iterating_gives_all_regions_in_order(model, genome):
    starts = np.array([9000, 100, 5000, 70_000, 300])
    blocks = list(iterate_predictions(model, genome, starts, batch_size=2))
    assert [block.rows for block in blocks] == [slice(0, 2), slice(2, 4), slice(4, 5)]
    whole = predict_codes(model, genome.windows(starts, LENGTH), batch_size=2)
    np.testing.assert_array_equal(np.concatenate([b.prediction.log_counts for b in blocks]), whole.log_counts)


def test_probabilities_survive_large_logits():
    found = probabilities(np.array([[0.0, 1000.0, 1000.0], [5.0, 5.0, 5.0]], dtype=np.float32))
    np.testing.assert_allclose(found, [[0, 0.5, 0.5], [1 / 3] * 3], atol=1e-7)


def test_expected_counts_invert_the_training_target():
    np.testing.assert_allclose(expected_counts(np.log1p([0.0, 5.0, 100.0])), [0, 5, 100], atol=1e-9)
    assert expected_counts(np.array([-2.0])).tolist() == [0]
    np.testing.assert_allclose(expected_counts(np.log([6.0]), official_scale=True), [6])


def predict(model_file, genome_json, output, *options):
    main(["predict", "--model", str(model_file), "--genome", str(genome_json), "--device", "cpu",
          "--output", str(output), *map(str, options)])  # fmt: skip


def test_predict_regions_writes_the_prediction_file(model, model_file, genome, genome_json, regions, tmp_path, caplog):
    background = tmp_path / "background.bed"
    write_regions(from_centers(["chr2"], np.array([20_000]), LENGTH), background)
    with caplog.at_level(logging.WARNING, logger="bpflow"):
        predict(model_file, genome_json, tmp_path / "p.h5", "--regions", regions, "--nonpeaks", background)
    assert "left out 1 of 5" in caplog.text
    with h5py.File(tmp_path / "p.h5") as handle:
        assert handle["coords/coords_chrom"].asstr()[:].tolist() == ["chr2", "chr1", "chr1", "chr3", "chr2"]
        centers = handle["coords/coords_center"][:]
        assert centers.tolist() == [5000, 4000, 4030, 700, 20_000]
        assert handle["coords/coords_peak"][:].tolist() == [1, 1, 1, 1, 0]
        starts = genome.global_positions(handle["coords/coords_chrom"].asstr()[:], centers - LENGTH // 2)
        expected = predict_codes(model, genome.windows(starts, LENGTH))
        np.testing.assert_allclose(handle["predictions/profile_logits"][:], expected.profile_logits, atol=1e-6)
        np.testing.assert_allclose(handle["predictions/profs"][:].sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(handle["predictions/logcounts"][:], expected.log_counts, atol=1e-6)
        assert handle.attrs["model"] == "bias.safetensors"
        assert len(handle.attrs["model_sha256"]) == 64


def test_predicting_twice_gives_the_same_bytes(model_file, genome_json, regions, tmp_path):
    for name in ("a.h5", "b.h5"):
        predict(model_file, genome_json, tmp_path / name, "--regions", regions, "--batch-size", 2)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.fixture
def parts_of(model_file, genome_json, regions, tmp_path):
    def predict_parts(total, *options):
        paths = [tmp_path / f"{part}_of_{total}.h5" for part in range(1, total + 1)]
        for part, path in enumerate(paths, start=1):
            what = ("--regions", regions, "--nonpeaks", tmp_path / "many.bed", "--batch-size", 96, *options)
            predict(model_file, genome_json, path, *what, "--part", f"{part}/{total}")
        return paths

    # More than a chunk of the file, in batches that no chunk boundary fits.
    write_regions(from_centers(["chr1"] * 500, np.arange(1000, 3000, 4), LENGTH), tmp_path / "many.bed")
    return predict_parts


def gather(paths, output):
    main(["gather-predictions", "--parts", *map(str, paths), "--output", str(output)])


# Nine parts of six batches: some have none.
@pytest.mark.parametrize("total", [2, 3, 9])
def test_parts_are_joined_to_the_bytes_of_the_whole(parts_of, tmp_path, total):
    (whole,) = parts_of(1)
    gather(parts_of(total)[::-1], tmp_path / "joined.h5")
    with h5py.File(whole) as handle:
        assert len(handle["predictions/logcounts"]) == 504
    assert (tmp_path / "joined.h5").read_bytes() == whole.read_bytes()


def test_parts_that_are_no_whole_are_refused(parts_of, tmp_path, capsys):
    (whole,), parts, others = parts_of(1), parts_of(2), parts_of(3, "--precision", "bfloat16")
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(b"text")
    for given, message in (
        ([parts[0]], "part 2/2 is missing"),
        ([parts[0], parts[0]], "part 1/2 again"),
        ([parts[0], others[1]], "other attributes than"),
        ([whole], "no part of a whole"),
        ([damaged], "not an HDF5 file"),
    ):
        with pytest.raises(SystemExit) as stopped:
            gather(given, tmp_path / "joined.h5")
        assert stopped.value.code == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "joined.h5").exists()


def test_a_fold_keeps_the_regions_of_one_split(model_file, genome_json, regions, tmp_path):
    fold = tmp_path / "fold.json"
    fold.write_text('{"train": ["chr1"], "valid": ["chr2"], "test": ["chr3"]}')
    predict(model_file, genome_json, tmp_path / "p.h5", "--regions", regions, "--fold", fold, "--split", "valid")
    with h5py.File(tmp_path / "p.h5") as handle:
        assert handle["coords/coords_chrom"].asstr()[:].tolist() == ["chr2"]
        assert handle.attrs["split"] == "valid"


@pytest.mark.parametrize("official", [False, True])
def test_the_bigwig_holds_the_nearest_region_of_each_base(model_file, genome_json, regions, tmp_path, official):
    options = ["--official-scale"] if official else []
    predict(model_file, genome_json, tmp_path / "p.h5", "--regions", regions, "--bigwig", tmp_path / "p.bw", *options)
    with h5py.File(tmp_path / "p.h5") as handle:
        profiles, log_counts = handle["predictions/profs"][:], handle["predictions/logcounts"][:]
    tracks = profiles * (np.exp(log_counts) - (0 if official else 1))[:, None]
    with pyBigWig.open(str(tmp_path / "p.bw")) as handle:
        assert handle.chroms()["chr1"] == 60_000
        np.testing.assert_allclose(handle.values("chr2", 4950, 5050), tracks[0], rtol=1e-5)
        # Centres 4000 and 4030 share their border at 4015.
        np.testing.assert_allclose(handle.values("chr1", 3950, 4015), tracks[1][:65], rtol=1e-5)
        np.testing.assert_allclose(handle.values("chr1", 4015, 4080), tracks[2][35:], rtol=1e-5)
        assert np.isnan(handle.values("chr1", 3949, 3950)[0])
        assert handle.intervals("chr1", 4080, 4081) is None


def test_sequences_are_predicted_by_name(model, model_file, sequences, tmp_path):
    fasta = tmp_path / "s.fa"
    fasta.write_text("".join(f">s{i} note\n{sequences['chr2'][i * 500 : i * 500 + LENGTH]}\n" for i in range(5)))
    main(["predict", "--model", str(model_file), "--sequences", str(fasta), "--output", str(tmp_path / "s.h5"),
          "--batch-size", "2", "--device", "cpu", "--table", str(tmp_path / "s.tsv")])  # fmt: skip
    table = pd.read_csv(tmp_path / "s.tsv", sep="\t")
    assert table.columns.tolist() == ["name", "predicted_counts", "predicted_log_counts"]
    assert table["name"].tolist() == [f"s{i}" for i in range(5)]
    codes = np.stack([row for _, row in read_sequences(fasta, LENGTH)])
    with h5py.File(tmp_path / "s.h5") as handle:
        assert handle["coords/name"].asstr()[:].tolist() == [f"s{i}" for i in range(5)]
        assert handle["predictions/profile_logits"].shape == (5, OUTPUT)
        np.testing.assert_allclose(
            handle["predictions/logcounts"][:], predict_codes(model, codes).log_counts, atol=1e-6
        )


def test_the_table_has_predicted_and_observed_counts(model_file, genome, genome_json, regions, tmp_path):
    counts = np.random.default_rng(0).poisson(0.3, 60_000)
    blocks = [("chr1", np.flatnonzero(counts), counts[counts > 0])]
    write_bigwig(tmp_path / "s.bw", genome.sizes, blocks)
    background = tmp_path / "background.bed"
    background.write_text("chr1\t9000\t9101\n")
    options = ["--regions", regions, "--nonpeaks", background, "--table", tmp_path / "t.tsv.gz"]
    predict(model_file, genome_json, tmp_path / "p.h5", *options, "--signal", tmp_path / "s.bw")
    table = pd.read_csv(tmp_path / "t.tsv.gz", sep="\t")
    assert table.columns.tolist() == [
        *("chrom", "start", "end", "center", "is_peak", "name"),
        *("predicted_counts", "predicted_log_counts", "observed_counts"),
    ]
    with h5py.File(tmp_path / "p.h5") as handle:
        assert table["center"].tolist() == handle["coords/coords_center"][:].tolist()
        log_counts = handle["predictions/logcounts"][:]
    np.testing.assert_allclose(table["predicted_log_counts"], log_counts, rtol=1e-5)
    np.testing.assert_allclose(table["predicted_counts"], np.exp(log_counts) - 1, rtol=1e-5)
    assert table["is_peak"].tolist() == [1, 1, 1, 1, 0]
    assert table[["start", "end"]].iloc[-1].tolist() == [9000, 9101]
    for row in table.itertuples():
        seen = counts[row.center - OUTPUT // 2 : row.center + OUTPUT // 2].sum() if row.chrom == "chr1" else 0
        assert row.observed_counts == seen


def test_several_models_are_averaged(model, model_file, genome, genome_json, regions, tmp_path):
    other = BPNet(model.config, torch.Generator().manual_seed(9)).eval()
    save_model(other, tmp_path / "other.safetensors", metadata={})
    main(["predict", "--models", str(model_file), str(tmp_path / "other.safetensors"), "--genome", str(genome_json),
          "--device", "cpu", "--regions", str(regions), "--output", str(tmp_path / "p.h5"), "--batch-size", "3",
          "--table", str(tmp_path / "t.tsv")])  # fmt: skip
    table = pd.read_csv(tmp_path / "t.tsv", sep="\t")
    codes = genome.windows(
        genome.global_positions(table["chrom"].to_numpy(dtype=object), table["center"].to_numpy() - LENGTH // 2), LENGTH
    )
    both = [predict_codes(one, codes) for one in (model, other)]
    log_counts = np.array([one.log_counts for one in both])
    with h5py.File(tmp_path / "p.h5") as handle:
        mean = np.mean([probabilities(one.profile_logits) for one in both], axis=0)
        np.testing.assert_allclose(handle["predictions/profs"][:], mean, rtol=1e-4)
        np.testing.assert_allclose(handle["predictions/profile_logits"][:], np.log(mean), atol=1e-4)
        np.testing.assert_allclose(handle["predictions/logcounts"][:], log_counts.mean(axis=0), atol=1e-5)
        assert handle.attrs["models"] == 2
    np.testing.assert_allclose(table["sd_log_counts"], log_counts.std(axis=0, ddof=1), atol=1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">good\n" + "A" * LENGTH + "\n>short\nACGT\n", "'short' has 4 bases.*300"),
        (">odd\n" + "A" * 10 + "!" + "A" * (LENGTH - 11) + "\n", "'!' at position 11 of 'odd'"),
        ("", "no sequence"),
    ],
)
def test_sequences_that_do_not_fit_are_named(tmp_path, text, message):
    (tmp_path / "s.fa").write_text(text)
    with pytest.raises(InputError, match=message):
        list(read_sequences(tmp_path / "s.fa", LENGTH))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sequences", "x.fa", "--bigwig", "y.bw"], "--bigwig with --sequences"),
        (["--regions", "x.bed"], "--regions without --genome"),
        (["--regions", "x.bed", "--genome", "g.fa", "--table", "t.tsv", "--part", "1/2"], "--part 1/2 with"),
        (["--sequences", "x.fa", "--signal", "y.bw"], "--signal with --sequences"),
        (["--regions", "x.bed", "--genome", "g.fa", "--signal", "y.bw"], "--signal without --table"),
    ],
)
def test_options_that_exclude_each_other(model_file, tmp_path, options, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["predict", "--model", str(model_file), "--output", str(tmp_path / "p.h5"), *options])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_no_region_left_is_said_and_nothing_is_written(model_file, genome_json, tmp_path, capsys):
    edge = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [40]})
    edge.to_csv(tmp_path / "edge.bed", sep="\t", header=False, index=False)
    with pytest.raises(SystemExit):
        predict(model_file, genome_json, tmp_path / "p.h5", "--regions", tmp_path / "edge.bed")
    assert "no region is left" in capsys.readouterr().err
    assert not (tmp_path / "p.h5").exists()


def test_a_failed_prediction_leaves_no_file(tmp_path):
    with (
        pytest.raises(RuntimeError, match="stopped"),
        write_predictions(tmp_path / "p.h5", {"coords_center": np.arange(3)}, width=4, attributes={}),
    ):
        raise RuntimeError("stopped")
    assert not list(tmp_path.iterdir())
