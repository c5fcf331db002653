"""The commands of contributions: parts and the whole, draws, bigWigs, means over folds, and what users get wrong."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pyBigWig
import pytest
import torch

from bpflow.checkpoints import save_model
from bpflow.cli import main
from bpflow.contributions import deep_shap
from bpflow.genome import encode
from bpflow.models.encoding import one_hot
from bpflow.regions import from_centers, write_regions
from bpflow.shuffles import dinucleotide_shuffles, shuffle_seeds
from unit.simulated_footprints import INPUT, tiny_model

# The fourth reaches past its chromosome's end, the third overlaps the first; chr2 comes first, out of order.
PLACES = [("chr2", 400), ("chr1", 500), ("chr1", 530), ("chr1", 10), ("chr1", 300), ("chr2", 700), ("chr1", 700)]
KEPT = [place for place in PLACES if place[1] > 10]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("contributions")
    rng = np.random.default_rng(0)
    letters = {name: "".join(rng.choice(list("ACGT"), 900)) for name in ("chr1", "chr2", "chr3")}
    (path / "genome.fa").write_text("".join(f">{name}\n{sequence}\n" for name, sequence in letters.items()))
    chroms, centers = zip(*PLACES, strict=True)
    write_regions(from_centers(list(chroms), np.array(centers), 20), path / "regions.bed")
    windows = [letters[chrom][center - INPUT // 2 :][:INPUT] for chrom, center in KEPT]
    (path / "s.fa").write_text("".join(f">s{i}\n{sequence}\n" for i, sequence in enumerate(windows)))
    (path / "edge.bed").write_text("chr1\t5\t15\n")
    (path / "short.fa").write_text(f">good\n{windows[0]}\n>short\nACGT\n")
    (path / "fold.json").write_text('{"train": ["chr2"], "valid": ["chr1"], "test": ["chr3"]}')
    (path / "folder").mkdir()
    for seed in (0, 1):
        save_model(tiny_model(seed), path / f"{seed}.safetensors", metadata={})
    save_model(tiny_model(0).bias, path / "bias.safetensors", metadata={})
    return path


@pytest.fixture
def inside(folder, monkeypatch, tmp_path) -> Path:
    """Commands run beside the inputs, and write to an empty folder."""
    monkeypatch.chdir(folder)
    return tmp_path


def contribute(output: Path, *options: object, model: str = "0.safetensors") -> Path:
    words = ["contributions", "--model", model, "--device", "cpu", "--references", 3, "--output-dir", output, *options]
    main([str(word) for word in words])
    return output


REGIONS = ["--regions", "regions.bed", "--genome", "genome.fa"]


def read(path: Path) -> dict[str, np.ndarray]:
    found = {}
    with h5py.File(path) as handle:
        handle.visititems(lambda name, item: found.update({name: item[:]}) if isinstance(item, h5py.Dataset) else None)
        return found | {f"attribute {name}": value for name, value in handle.attrs.items()}


def assert_same(one: Path, other: Path) -> None:
    first, second = read(one), read(other)
    assert set(first) == set(second)
    for name, values in first.items():
        np.testing.assert_array_equal(second[name], values, err_msg=name)


def codes_of_regions() -> np.ndarray:
    lines = Path("s.fa").read_text().splitlines()[1::2]
    return np.stack([encode(line) for line in lines])


@pytest.mark.parametrize(("view", "part"), [("corrected", "accessibility"), ("bias", "bias")])
def test_regions_are_explained_by_the_part_that_is_asked_for(inside, view, part, caplog):
    contribute(inside / "a", *REGIONS, "--view", view, "--seed", 5)
    assert "left out 1 of 7" in caplog.text
    codes = codes_of_regions()
    references = dinucleotide_shuffles(codes, 3, shuffle_seeds(5, len(codes)))
    pairs = one_hot(torch.from_numpy(references).flatten(0, 1)).view(len(codes), 3, 4, INPUT)
    for head in ("counts", "profile"):
        found = read(inside / "a" / f"{head}.h5")
        chroms = [name.decode() for name in found["coords/coords_chrom"]]
        assert list(zip(chroms, found["coords/coords_center"].tolist(), strict=True)) == KEPT
        encoded = one_hot(torch.from_numpy(codes))
        expected = deep_shap(getattr(tiny_model(0), part), encoded, pairs, head)
        np.testing.assert_array_equal(found["shap/seq"], expected)
        np.testing.assert_array_equal(found["projected_shap/seq"], expected * encoded)
        np.testing.assert_array_equal(found["raw/seq"], encoded)
        assert found["convergence/gap"].max() < 1e-4 < found["convergence/difference"].min()
        assert (found["attribute head"], found["attribute view"]) == (head, view)
    record = json.loads((inside / "a" / "contributions.json").read_text())
    assert record["regions"] == len(KEPT)
    assert [item["verdict"] for item in record["verdicts"]] == ["good", "good"]


def test_a_bias_model_alone_is_explained_like_the_part(inside):
    contribute(inside / "part", *REGIONS, "--view", "bias")
    contribute(inside / "alone", *REGIONS, "--view", "bias", model="bias.safetensors")
    for head in ("counts", "profile"):
        part, alone = (read(inside / name / f"{head}.h5") for name in ("part", "alone"))
        # On a processor with AVX-512 the last digits differed, though not in every run.
        np.testing.assert_allclose(alone["shap/seq"], part["shap/seq"], rtol=0, atol=1e-5)
        assert alone["attribute view"] == "bias"


def test_only_regions_of_a_split_are_explained(inside):
    contribute(inside / "a", *REGIONS, "--fold", "fold.json", "--split", "valid")
    found = read(inside / "a" / "counts.h5")
    assert found["coords/coords_center"].tolist() == [center for chrom, center in KEPT if chrom == "chr1"]
    assert found["attribute split"] == "valid"
    assert "attribute split" not in read(contribute(inside / "b", *REGIONS) / "counts.h5")


@pytest.mark.parametrize("inputs", [REGIONS, ["--sequences", "s.fa"]])
@pytest.mark.parametrize("drawn", [6, 4])
def test_gathered_parts_are_the_whole(inside, inputs, drawn):
    options = [*inputs, "--max-regions", drawn, "--seed", 2]
    contribute(inside / "whole", *options)
    # More parts than regions: some are empty.
    parts = [contribute(inside / f"part{k}", *options, "--part", f"{k}/7") for k in (3, 7, 1, 2, 6, 5, 4)]
    main(["gather-contributions", "--inputs", *map(str, parts), "--output-dir", str(inside / "joined")])
    for head in ("counts", "profile"):
        assert_same(inside / "joined" / f"{head}.h5", inside / "whole" / f"{head}.h5")
        assert len(read(inside / "whole" / f"{head}.h5")["raw/seq"]) == drawn
    assert (inside / "joined/contributions.json").read_bytes() == (inside / "whole/contributions.json").read_bytes()


def test_draws_keep_the_order_and_depend_on_the_seed(inside):
    def drawn(seed: int) -> list[int]:
        contribute(inside / str(seed), "--sequences", "s.fa", "--max-regions", 3, "--seed", seed, "--heads", "counts")
        names = read(inside / str(seed) / "counts.h5")["coords/name"]
        return [int(name.decode()[1:]) for name in names]

    draws = [drawn(seed) for seed in range(4)]
    assert all(draw == sorted(draw) and len(set(draw)) == 3 for draw in draws)
    assert len(set(map(tuple, draws))) > 1


def test_sequences_are_explained_as_regions_are(inside):
    contribute(inside / "regions", *REGIONS)
    contribute(inside / "sequences", "--sequences", "s.fa", "--heads", "profile")
    one, other = (read(inside / name / "profile.h5") for name in ("regions", "sequences"))
    np.testing.assert_array_equal(one["shap/seq"], other["shap/seq"])
    assert [name.decode() for name in other["coords/name"]] == [f"s{i}" for i in range(len(KEPT))]
    assert "coords/coords_center" not in other
    assert not (inside / "sequences/counts.h5").exists()


def test_bigwigs_hold_the_nearest_region_of_each_base(inside):
    contribute(inside / "a", *REGIONS, "--bigwigs", "--threads", 1)
    for head in ("counts", "profile"):
        scores = read(inside / "a" / f"{head}.h5")["projected_shap/seq"].sum(axis=1)
        half = INPUT // 2
        with pyBigWig.open(str(inside / "a" / f"{head}.bw")) as handle:
            assert handle.chroms() == {"chr1": 900, "chr2": 900, "chr3": 900}
            np.testing.assert_array_equal(handle.values("chr2", 400 - half, 400 + half, numpy=True), scores[0])
            # Centres 500 and 530 share their border at 515.
            np.testing.assert_array_equal(handle.values("chr1", 500 - half, 515, numpy=True), scores[1][: 15 + half])
            np.testing.assert_array_equal(handle.values("chr1", 515, 530 + half, numpy=True), scores[2][half - 15 :])
            assert handle.intervals("chr1", 530 + half, 600) is None


def test_gathered_bigwigs_are_the_whole_ones(inside):
    contribute(inside / "whole", *REGIONS, "--bigwigs")
    parts = [str(contribute(inside / str(k), *REGIONS, "--part", f"{k}/2")) for k in (1, 2)]
    main(["gather-contributions", "--inputs", *parts, "--output-dir", str(inside / "joined"), "--bigwigs",
          "--genome", "genome.fa"])  # fmt: skip
    with pyBigWig.open(str(inside / "joined/counts.bw")) as one, pyBigWig.open(str(inside / "whole/counts.bw")) as two:
        assert all(one.intervals(name) == two.intervals(name) for name in ("chr1", "chr2"))


def test_folds_are_averaged(inside):
    folds = [contribute(inside / f"fold{k}", *REGIONS, model=f"{k}.safetensors") for k in (0, 1)]
    words = ["--inputs", *map(str, folds), "--output-dir", str(inside / "mean"), "--bigwigs", "--genome", "genome.fa"]
    main(["average-contributions", *words])
    for head in ("counts", "profile"):
        scores = [read(fold / f"{head}.h5")["shap/seq"] for fold in folds]
        assert not np.allclose(*scores, atol=1e-3)
        found = read(inside / "mean" / f"{head}.h5")
        np.testing.assert_allclose(found["shap/seq"], np.mean(scores, axis=0), rtol=1e-5, atol=1e-8)
        with pyBigWig.open(str(inside / "mean" / f"{head}.bw")) as handle:
            values = handle.values("chr2", 400 - INPUT // 2, 400 + INPUT // 2, numpy=True)
        np.testing.assert_array_equal(values, found["projected_shap/seq"][0].sum(axis=0))
    assert json.loads((inside / "mean/contributions.json").read_text())["folds"] == 2


CONTRIBUTIONS = {
    "no genome": (["--regions", "regions.bed"], "--regions without --genome"),
    "no part": ([*REGIONS, "--part", "3"], "the part '3'. Expected a number and a total, such as 2/8"),
    "a part past the total": ([*REGIONS, "--part", "4/3"], "the part '4/3'"),
    "bigwigs of a part": ([*REGIONS, "--part", "1/2", "--bigwigs"], "--bigwigs with --part 1/2"),
    "bigwigs of sequences": (["--sequences", "s.fa", "--bigwigs"], "--bigwigs with --sequences"),
    "a fold of sequences": (["--sequences", "s.fa", "--fold", "fold.json"], "--fold with --sequences"),
    "only an edge": (["--regions", "edge.bed", "--genome", "genome.fa"], "no region is left"),
    "a short sequence": (["--sequences", "short.fa"], "the sequence 'short' has 4 bases"),
    "an absent model": ([*REGIONS, "--model", "absent.safetensors"], "absent.safetensors: no such file"),
    "an absent genome": (["--regions", "regions.bed", "--genome", "no.fa"], "no.fa: no such file"),
}


@pytest.mark.parametrize("mistake", CONTRIBUTIONS)
def test_mistakes_exit_with_2_and_leave_no_file(inside, mistake, capsys):
    options, message = CONTRIBUTIONS[mistake]
    with pytest.raises(SystemExit) as caught:
        contribute(inside / "a", *options)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(inside.rglob("*.*"))


@pytest.mark.parametrize("command", ["gather-contributions", "average-contributions"])
def test_mistakes_of_what_is_combined_exit_with_2(inside, command, capsys):
    contribute(inside / "both", *REGIONS)
    contribute(inside / "one", *REGIONS, "--heads", "counts")
    contribute(inside / "sequences", "--sequences", "s.fa")
    (inside / "empty").mkdir()

    def fails(*options: object, message: str) -> None:
        with pytest.raises(SystemExit) as caught:
            main([command, "--output-dir", str(inside / "out"), *map(str, options)])
        assert caught.value.code == 2
        assert message in capsys.readouterr().err

    inputs = ["--inputs", inside / "both"]
    fails(*inputs, inside / "one", message="one: files of counts. Expected counts and profile of")
    fails("--inputs", inside / "empty", message="empty: files of no head. Expected counts.h5 or profile.h5")
    fails(*inputs, "--bigwigs", message="--bigwigs without --genome")
    assert not (inside / "out").exists()
    fails("--inputs", inside / "sequences", "--bigwigs", "--genome", "genome.fa", message="contributions of given")
    if command == "gather-contributions":
        fails(*inputs, inside / "both", message="part 1/1 again")
    else:
        fails(*inputs, inside / "sequences", message="other regions")
