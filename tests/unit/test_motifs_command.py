"""``bpflow motifs`` from contributions to named motifs and their places."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from bpflow.cli import main
from bpflow.motif_files import Motif, built_in_motifs, frequencies_of, read_motif_file, write_meme
from unit.simulated_contributions import WORDS, Simulated, simulate, write_simulated

COLUMNS = ["chrom", "start", "end", "name", "score", "strand", "pattern", "log2_odds", "p", "contribution"]


def find(contributions: Path, output: Path, *options: object) -> Path:
    words = ["motifs", "--contributions", contributions, "--output-dir", output, "--window", 150, "--threads", 1]
    main([str(word) for word in (*words, *options)])
    return output


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    """The planted motifs under names of their own, and 60 random ones."""
    rng = np.random.default_rng(0)
    others = [Motif(f"random{i}", rng.dirichlet(np.full(4, 0.3), int(rng.integers(6, 15)))) for i in range(60)]
    path = tmp_path_factory.mktemp("database") / "known.meme"
    write_meme([*(Motif(f"my {name}", frequencies_of(word)) for name, word in WORDS.items()), *others], path)
    return path


def regions(made: Simulated) -> dict[str, np.ndarray]:
    n = len(made.codes)
    chroms = np.array(["chr2", "chr10"], dtype=object)[np.arange(n) % 2]
    return {"coords_chrom": chroms, "coords_center": 1000 + 300 * np.arange(n)}


def test_motifs_are_found_named_and_placed(tmp_path, database, discovered):
    made = discovered.made
    coordinates = regions(made)
    write_simulated(tmp_path / "counts.h5", made, coordinates)
    folder = find(tmp_path / "counts.h5", tmp_path / "out", "--database", database)
    table = pd.read_csv(folder / "motifs.tsv", sep="\t")
    assert sorted(table["label"]) == ["my AP1", "my CTCF"]
    assert sorted(table["match_1"]) == ["my AP1", "my CTCF"]
    record = json.loads((folder / "motifs.json").read_text())
    assert [item["label"] for item in record["patterns"]] == table["label"].tolist()
    assert (record["head"], record["view"], record["database"]) == ("counts", "corrected", 62)
    assert [item["kind"] for item in record["patterns"]] == ["factor", "factor"]
    assert record["messages"] == []
    assert [item["verdict"] for item in record["verdicts"]] == ["good"]
    motifs = read_motif_file(folder / "motifs.meme")
    assert [motif.name for motif in motifs] == [f"{row.pattern} {row.label}" for row in table.itertuples()]
    with h5py.File(folder / "modisco.h5") as handle:
        assert len(handle["pos_patterns"]) == 2

    placed = pd.read_csv(folder / "instances.bed.gz", sep="\t", names=COLUMNS)
    assert placed.equals(placed.sort_values(["chrom", "start", "end"], kind="stable", ignore_index=True))
    assert placed["name"].value_counts().to_dict() == dict(zip(table["label"], table["instances"], strict=True))
    assert placed["score"].between(400, 1000).all()
    # A core may lack a planted word's last letters, so middles are compared.
    middles = (placed["start"] + placed["end"]) // 2
    found = set(zip(placed["chrom"], placed["name"].str.removeprefix("my "), middles, strict=True))
    expected = 0
    for planted in made.planted:
        chrom, center = (coordinates[f"coords_{name}"][planted.row] for name in ("chrom", "center"))
        middle = center - 75 + planted.start + len(WORDS[planted.name]) // 2
        expected += any((chrom, planted.name, middle + step) in found for step in (-1, 0, 1))
    assert expected == len(made.planted)
    assert len(placed) <= 1.05 * len(made.planted)


def test_sequences_have_no_places_and_the_built_in_table_names_motifs(tmp_path, discovered):
    made = discovered.made
    names = {"name": np.array([f"s{i}" for i in range(len(made.codes))], dtype=object)}
    write_simulated(tmp_path / "profile.h5", made, names, head="profile", view="bias", split="valid")
    folder = find(tmp_path / "profile.h5", tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == ["modisco.h5", "motifs.json", "motifs.meme", "motifs.tsv"]
    record = json.loads((folder / "motifs.json").read_text())
    assert record["database"] == len(built_in_motifs())
    assert (record["head"], record["view"], record["split"]) == ("profile", "bias", "valid")
    assert any("CTCF" in item["label"] for item in record["patterns"])
    # What the bias model should not have learned.
    assert [item["verdict"] for item in record["verdicts"]] == ["fail"]


def test_no_motifs_are_a_result(tmp_path):
    made = simulate(5)
    write_simulated(tmp_path / "counts.h5", made._replace(hypothetical=0 * made.hypothetical), regions(made))
    folder = find(tmp_path / "counts.h5", tmp_path / "out")
    assert gzip.decompress((folder / "instances.bed.gz").read_bytes()) == b""
    table = (folder / "motifs.tsv").read_text().splitlines()
    assert len(table) == 1
    assert table[0].startswith("pattern\tlabel\tconsensus\tseqlets\tinstances\tmatch_1\t")
    record = json.loads((folder / "motifs.json").read_text())
    assert record["patterns"] == []
    assert "No motif recurs often enough in 5 regions" in record["messages"][0]
    assert (folder / "motifs.meme").read_text().startswith("MEME version 4")


def test_official_files_are_searched(tmp_path, discovered):
    made = discovered.made
    with h5py.File(tmp_path / "official.h5", "w") as handle:
        handle["raw/seq"] = made.one_hot
        handle["shap/seq"] = made.hypothetical.astype(np.float16)
        handle["projected_shap/seq"] = (made.hypothetical * made.one_hot).astype(np.float16)
    folder = find(tmp_path / "official.h5", tmp_path / "out")
    record = json.loads((folder / "motifs.json").read_text())
    assert len(record["patterns"]) == 2
    assert record["head"] == "unknown"
    assert not (folder / "instances.bed.gz").exists()


def absent(folder: Path) -> list[object]:
    return [folder / "absent.h5"]


def damaged(folder: Path) -> list[object]:
    (folder / "damaged.h5").write_text("no HDF5")
    return [folder / "damaged.h5"]


def good(folder: Path, made: Simulated | None = None) -> Path:
    return write_simulated(folder / "good.h5", made or simulate(3), {})


def empty(folder: Path) -> list[object]:
    return [good(folder, simulate(0))]


def no_numbers(folder: Path) -> list[object]:
    made = simulate(3)
    made.hypothetical[2, :, 60] = np.nan
    return [good(folder, made)]


def wide(folder: Path) -> list[object]:
    return [good(folder), "--window", 151]


def narrow(folder: Path) -> list[object]:
    return [good(folder), "--window", 20]


def no_database(folder: Path) -> list[object]:
    return [good(folder), "--database", folder / "absent.meme"]


def wrong_database(folder: Path) -> list[object]:
    (folder / "wrong.meme").write_text("MEME version 4\nMOTIF x\nletter-probability matrix: w= 1\n1 1 0 0\n")
    return [good(folder), "--database", folder / "wrong.meme"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (absent, "absent.h5: no such file"),
        (damaged, "damaged.h5: not HDF5, or damaged"),
        (empty, "no sequences. Expected contributions of some regions"),
        (no_numbers, "scores of sequence 3 that are no numbers"),
        (wide, "a window of 151 bases. Expected at most 150"),
        (narrow, "a window of 20 bases. Expected 50 or more"),
        (no_database, "absent.meme: no such file"),
        (wrong_database, "wrong.meme, line 4: frequencies of sum 2"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_wrong_inputs_exit_with_2(tmp_path, make, message, capsys):
    contributions, *options = make(tmp_path)
    with pytest.raises(SystemExit) as caught:
        find(contributions, tmp_path / "out", *options)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
