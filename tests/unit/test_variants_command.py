"""``bpflow variants`` and ``bpflow gather-variants``: against brute force, parts against the whole, mistakes."""

from __future__ import annotations

import gzip
import json
import re
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pysam
import pytest
from scipy.stats import false_discovery_control

from bpflow import variant_results
from bpflow.checkpoints import save_model
from bpflow.cli import main
from bpflow.ensemble import corrected, load_ensemble
from bpflow.files import sha256
from bpflow.genome import Genome
from bpflow.regions import from_centers, write_regions
from bpflow.variant_files import Allele
from bpflow.variant_nulls import null_ranks, null_windows
from bpflow.variant_scoring import draw_peaks
from unit import small_variants as small

N_NULL, N_PEAKS, SEED = 150, 40, 7
EFFECTS = ("log2_fold_counts", "jsd", "integrative_effect")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Genome, two folds' models, 60 peaks and 300 variants, with some that cannot be scored among them."""
    folder = tmp_path_factory.mktemp("variants")
    small.open_genome(folder)
    for fold in range(2):
        save_model(small.tiny_chrombpnet(fold), folder / f"model_{fold}.safetensors", metadata={})
    centres = np.r_[np.linspace(40, 1100, 40), np.linspace(40, 600, 20)].astype(int)
    write_regions(from_centers(["chr1"] * 40 + ["chr2"] * 20, centres, 20), folder / "peaks.narrowPeak")
    small.write_vcf(folder / "v.vcf", mixed())
    return folder


def mixed() -> list[Allele]:
    """Sorted variants; every thirtieth is followed by one of the same place that cannot be scored."""
    many = []
    for number, allele in enumerate(small.snvs(300)):
        many.append(allele)
        if number % 30 == 0:
            many.append(allele._replace(alt="<DEL>"))
    return many


def options(folder: Path, *extra: object, variants: str = "v.vcf", folds: int = 2) -> list[str]:
    models = [folder / f"model_{fold}.safetensors" for fold in range(folds)]
    words = ["variants", "--models", *models, "--genome", folder / "genome.fa", "--variants", folder / variants]
    words += ["--peaks", folder / "peaks.narrowPeak", "--max-peaks", N_PEAKS, "--null", N_NULL, "--seed", SEED]
    return [*map(str, [*words, "--device", "cpu", "--precision", "float32", *extra])]


def gathering(folder: Path, *extra: object, variants: str = "v.vcf") -> list[str]:
    words = ["gather-variants", "--variants", folder / variants, "--genome", folder / "genome.fa", *extra]
    return [*map(str, [*words, "--device", "cpu", "--precision", "float32"])]


def outputs(folder: Path) -> list[object]:
    return ["--output", folder / "r.tsv.gz", "--vcf", folder / "r.vcf.gz", "--qc", folder / "r.json"]


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", keep_default_na=False, na_values=[""], dtype={"note": str, "id": str})


@pytest.fixture(scope="module")
def whole(folder) -> Path:
    """One run over all variants."""
    main(options(folder, *outputs(folder / "whole"), "--figures", folder / "whole/figures", "--top", 3))
    return folder / "whole"


def test_parts_give_the_bytes_of_the_whole(folder, whole):
    parts = [folder / f"part_{number}.h5" for number in (1, 2, 3, 4)]
    for number, path in enumerate(parts, start=1):
        main(options(folder, "--part", f"{number}/4", "--scores", path))
    models = ["--models", *(folder / f"model_{fold}.safetensors" for fold in range(2))]
    out = folder / "gathered"
    figures = ["--figures", out / "figures", "--top", 3, *models]
    main(gathering(folder, "--parts", *parts[::-1], *outputs(out), *figures))
    names = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    assert sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file()) == names
    assert len(names) == 7
    for name in names:
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.fixture(scope="module")
def scores_file(folder) -> Path:
    """The scores behind `whole`."""
    main(options(folder, "--part", "1/1", "--scores", folder / "scores.h5"))
    return folder / "scores.h5"


def test_scores_are_those_of_the_variants_their_nulls_and_the_peaks(folder, scores_file):
    genome = Genome.open(folder / "genome.fa")
    ensemble = small.ensemble(
        corrected(load_ensemble([folder / f"model_{fold}.safetensors" for fold in range(2)])).models, 64
    )
    alleles, numbers = small.snvs(300), np.arange(N_NULL)
    chosen = [alleles[rank] for rank in null_ranks(numbers, N_NULL, len(alleles))]
    starts = draw_peaks(folder / "peaks.narrowPeak", genome, small.INPUT, at_most=N_PEAKS, seed=SEED)
    expected = {
        "variants": ensemble.score_alleles(alleles, genome),
        "null": ensemble.score(null_windows(chosen, numbers.tolist(), genome, small.INPUT, seed=SEED)),
    }
    with h5py.File(scores_file) as handle:
        for kind, scores in expected.items():
            for name, values in scores._asdict().items():
                # Batches are cut otherwise here, so that they differ by rounding.
                np.testing.assert_allclose(handle[f"{kind}/{name}"][:], values, rtol=1e-3, atol=1e-5)
        peaks = ensemble.predict(genome.windows(starts, small.INPUT)).log_counts.numpy().T
        np.testing.assert_allclose(handle["peaks/log_counts"][:], peaks, rtol=1e-5)
        assert not np.allclose(handle["null/jsd"][:], handle["variants/jsd"][:N_NULL], rtol=0.1)


def by_brute_force(path: Path) -> pd.DataFrame:
    """Columns of the mean and of each fold, from all scores at once."""
    with h5py.File(path) as handle:
        stored = {
            kind: {name: values[:] for name, values in handle[kind].items()} for kind in ("variants", "null", "peaks")
        }

    def effects_of(kind: str, column: int) -> dict[str, np.ndarray]:
        logs = [stored[kind][f"{which}_log_counts"][:, column] for which in ("reference", "alternative")]
        fold, jsd = (logs[1] - logs[0]) / np.log(2), stored[kind]["jsd"][:, column]
        return dict(zip(EFFECTS, (fold, jsd, abs(fold) * jsd), strict=True))

    columns = {}
    for column, prefix in enumerate(("", "fold_0_", "fold_1_")):
        found, expected = effects_of("variants", column), effects_of("null", column)
        logs = {name: values[:, column] for name, values in stored["variants"].items() if name != "jsd"}
        columns |= {f"{prefix}{name}": values for name, values in logs.items()}
        peaks = stored["peaks"]["log_counts"][:, column]
        active = np.maximum(*logs.values())
        columns[f"{prefix}active_allele_quantile"] = np.array([np.mean(peaks <= value) for value in active])
        for name in EFFECTS:
            p = np.array([(np.sum(abs(expected[name]) >= value) + 1) / (N_NULL + 1) for value in abs(found[name])])
            columns |= {f"{prefix}{name}": found[name], f"{prefix}p_{name}": p}
            columns[f"{prefix}q_{name}"] = false_discovery_control(p)
    for name in (*EFFECTS, "active_allele_quantile"):
        columns[f"{name}_std"] = np.std([columns[f"fold_{fold}_{name}"] for fold in range(2)], axis=0, ddof=1)
    return pd.DataFrame(columns)


def test_table_against_brute_force(scores_file, whole):
    table = read(whole / "r.tsv.gz")
    assert [tuple(row) for row in table[["chrom", "pos", "id", "ref", "alt"]].itertuples(index=False)] == [
        (each.chrom, each.start + 1, each.name, each.ref, each.alt) for each in mixed()
    ]
    assert table["status"].value_counts().to_dict() == {"scored": 300, "symbolic_allele": 10}
    numbers = table.columns[7:]
    assert table.loc[table["status"] != "scored", numbers].isna().all(axis=None)
    scored = table[table["status"] == "scored"].reset_index(drop=True)
    expected = by_brute_force(scores_file)
    assert set(numbers) == set(expected)
    pd.testing.assert_frame_equal(scored[list(expected)], expected, rtol=1e-5, atol=1e-9)
    assert scored["p_jsd"].nunique() > 20
    assert scored["q_jsd"].nunique() > 2


def test_annotated_vcf_says_what_the_table_says(folder, whole):
    table = read(whole / "r.tsv.gz")
    with pysam.VariantFile(str(whole / "r.vcf.gz")) as handle:
        info = handle.header.info
        assert (info["BPFLOW_LOG2FC"].number, info["BPFLOW_LOG2FC"].type) == ("A", "Float")
        assert "log2" in info["BPFLOW_LOG2FC"].description
        assert "log base 2" in info["BPFLOW_JSD"].description
        records = list(handle)
    assert len(records) == len(table) == 310
    for record, row in zip(records, table.itertuples(), strict=True):
        assert (record.chrom, record.pos, record.ref, record.alts) == (row.chrom, row.pos, row.ref, (row.alt,))
        assert record.info["BPFLOW_STATUS"] == (row.status,)
        for key, name in (("LOG2FC", "log2_fold_counts"), ("JSD", "jsd"), ("Q_IES", "q_integrative_effect")):
            if row.status == "scored":
                assert record.info[f"BPFLOW_{key}"][0] == pytest.approx(getattr(row, name), rel=1e-4)
            else:
                assert f"BPFLOW_{key}" not in record.info
    with pysam.VariantFile(str(whole / "r.vcf.gz")) as handle:
        inside = [record.pos for record in handle.fetch("chr2", 99, 200)]
    assert inside == [
        pos for chrom, pos in zip(table["chrom"], table["pos"], strict=True) if chrom == "chr2" and 100 <= pos <= 200
    ]
    assert len(inside) > 10


def test_record(folder, whole):
    record = json.loads((whole / "r.json").read_text())
    assert record["stage"] == "variants"
    assert (record["alleles"], record["status"]["scored"], record["status"]["symbolic_allele"]) == (310, 300, 10)
    assert (record["null"], record["seed"]) == (N_NULL, SEED)
    peaks = {"file": "peaks.narrowPeak", "sha256": sha256(folder / "peaks.narrowPeak"), "n": N_PEAKS}
    assert record["peaks"] == peaks
    assert record["sorted"]
    table = read(whole / "r.tsv.gz")
    assert record["significant"] == {"q": 0.05, **{name: int((table[f"q_{name}"] <= 0.05).sum()) for name in EFFECTS}}
    (message,) = record["messages"]
    assert message.startswith("Not scored: 10 because their alternative allele is no sequence")


def test_figures_show_the_leading_variants(whole):
    table = read(whole / "r.tsv.gz")
    leading = table.sort_values(["q_integrative_effect", "integrative_effect"], ascending=[True, False]).head(3)
    expected = [
        f"{rank:02d}_{row.chrom}_{row.pos}_{row.ref}_{row.alt}.svg"
        for rank, row in enumerate(leading.itertuples(), start=1)
    ]
    assert sorted(path.name for path in (whole / "figures").iterdir()) == expected
    text = (whole / "figures" / expected[0]).read_text()
    first = leading.iloc[0]
    assert f"{first['chrom']}:{first['pos']} {first['ref']}&gt;{first['alt']}" in text
    insertions = np.expm1(first["alternative_log_counts"])
    assert f"alternative: {insertions:.1f} insertions" in text


def test_multi_allelic_samples_and_earlier_annotations(folder, tmp_path):
    one, two = small.snv("chr1", 300, 0), small.snv("chr1", 300, 1)
    columns = small.COLUMNS.replace("\n", "\tFORMAT\ts1\ts2\n")
    old = '##INFO=<ID=BPFLOW_JSD,Number=A,Type=Float,Description="old">\n'
    genotypes = "GT:AD\t0/1:3,4,5\t./.:."
    lines = [
        f"chr1\t301\trs1\t{one.ref}\t{one.alt},*,{two.alt}\t99.50\tPASS\tAC=1,2,3;BPFLOW_JSD=9,9,9;DB\t{genotypes}\n",
        f"chr1\t301\t.\t{one.ref}\t.\t.\t.\tDB;\t{genotypes}\n",
    ]
    small.write_text(tmp_path / "v.vcf.gz", small.META + old + columns + "".join(lines))
    main([*options(folder, *outputs(tmp_path), variants=str(tmp_path / "v.vcf.gz"))])
    table = read(tmp_path / "r.tsv.gz")
    assert table["status"].tolist() == ["scored", "overlapping_deletion", "scored", "no_alternative"]
    assert table["jsd"][0] != table["jsd"][2]
    with gzip.open(tmp_path / "r.vcf.gz", "rt") as handle:
        text = handle.read().splitlines()
    assert columns.rstrip("\n") in text
    assert old.rstrip("\n") not in text
    assert len([line for line in text if line.startswith("##INFO=<ID=BPFLOW_JSD,")]) == 1
    first, second = ([*line.split("\t")] for line in text[-2:])
    assert "\t".join(first[8:]) == "\t".join(second[8:]) == genotypes
    assert first[:7] == ["chr1", "301", "rs1", one.ref, f"{one.alt},*,{two.alt}", "99.50", "PASS"]
    info = dict(entry.partition("=")[::2] for entry in first[7].split(";"))
    assert (info["AC"], info["DB"]) == ("1,2,3", "")
    assert info["BPFLOW_JSD"] == f"{table['jsd'][0]:.6g},.,{table['jsd'][2]:.6g}"
    assert info["BPFLOW_STATUS"] == "scored,overlapping_deletion,scored"
    assert second[7] == "DB"


def test_unsorted_tables_with_duplicates(folder, tmp_path):
    some = [small.snv("chr2", 300), small.snv("chr1", 200), small.snv("chr1", 100), small.snv("chr1", 200)]
    rows = [f"{a.chrom}\t{a.start + 1}\tname {i}\t{a.ref}\t{a.alt}\n" for i, a in enumerate(some)]
    small.write_text(tmp_path / "v.tsv", "chrom\tpos\tid\tref\talt\n" + "".join(rows) + "chr1\t500\tx\tA\t-\n")
    (tmp_path / "r.vcf.gz.tbi").write_text("of an earlier run")
    main(options(folder, *outputs(tmp_path), "--null", 0, variants=str(tmp_path / "v.tsv")))
    table = read(tmp_path / "r.tsv.gz")
    assert table["note"].fillna("").tolist() == ["", "", "", "duplicate", ""]
    assert table["pos"].tolist() == [301, 201, 101, 201, 500], "the file's order"
    assert table["jsd"][1] == table["jsd"][3] > 0
    assert table["status"].tolist() == ["scored"] * 4 + ["ambiguous_allele"]
    assert table[[f"p_{name}" for name in EFFECTS]].isna().all(axis=None)
    record = json.loads((tmp_path / "r.json").read_text())
    assert (record["sorted"], record["duplicates"], record["significant"]) == (False, 1, None)
    messages = " ".join(record["messages"])
    for words in ("are not sorted", "1 alleles come again", "No null variants", "1 alleles with letters that a VCF"):
        assert words in messages
    assert not (tmp_path / "r.vcf.gz.tbi").exists()
    with pysam.VariantFile(str(tmp_path / "r.vcf.gz")) as handle:
        assert [(record.pos, record.id) for record in handle] == [
            (301, "name_0"), (201, "name_1"), (101, "name_2"), (201, "name_3"),
        ]  # fmt: skip
        assert handle.header.contigs["chr2"].length == small.SIZES["chr2"]


def test_one_fold_without_peaks(folder, tmp_path):
    words = options(folder, "--output", tmp_path / "r.tsv", "--qc", tmp_path / "r.json", "--folds", "3", folds=1)
    at = words.index("--peaks")
    main(words[:at] + words[at + 2 :])
    table = read(tmp_path / "r.tsv")
    assert table["fold_3_jsd"].equals(table["jsd"])
    assert table[["jsd_std", "active_allele_quantile"]].isna().all(axis=None)
    messages = " ".join(json.loads((tmp_path / "r.json").read_text())["messages"])
    assert "No peaks were given" in messages
    assert "no spread over folds" in messages


def test_results_do_not_depend_on_how_tables_are_cut(folder, whole, tmp_path, monkeypatch):
    main(options(folder, *outputs(tmp_path / "a"), "--scores", tmp_path / "s.h5"))
    monkeypatch.setattr(variant_results, "STEP", 37)
    main(gathering(folder, "--parts", tmp_path / "s.h5", *outputs(tmp_path / "b")))
    for name in ("r.tsv.gz", "r.vcf.gz", "r.json"):
        content = (tmp_path / "b" / name).read_bytes()
        assert gzip.decompress(content) == gzip.decompress((whole / name).read_bytes()) if name[-2:] == "gz" else True
        assert (tmp_path / "a" / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_variants(folder, tmp_path):
    """Six times as many variants may take what the search for duplicates needs, 8 bytes each, and little more."""
    few = mixed()[:200]

    def peak(times: int) -> int:
        small.write_vcf(tmp_path / f"{times}.vcf", [allele for allele in few for _ in range(times)])
        words = options(folder, "--output", tmp_path / "r.tsv", "--null", 0, variants=str(tmp_path / f"{times}.vcf"))
        tracemalloc.start()
        main(words)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    variant_step, variant_results.STEP = variant_results.STEP, 256
    try:
        peak(2)
        assert peak(24) < 1.3 * peak(4)
    finally:
        variant_results.STEP = variant_step


# What is wrong, and what the command line says.
MISTAKES = {
    "no output": (lambda f: options(f), "neither --output nor --part"),
    "a part without scores": (lambda f: options(f, "--part", "1/2"), "--part without --scores"),
    "a part with an output": (
        lambda f: options(f, "--part", "1/2", "--scores", "s.h5", "--qc", f / "x.json"),
        r"--qc with --part\. Expected --scores alone",
    ),
    "no such part": (lambda f: options(f, "--part", "3/2", "--scores", "s.h5"), "the part '3/2'"),
    "names of folds": (
        lambda f: options(f, "--output", f / "x.tsv", "--folds", "0"),
        "1 names of folds for 2 models",
    ),
    "a VCF that is not compressed": (
        lambda f: options(f, "--output", f / "x.tsv", "--vcf", f / "x.vcf"),
        r"--vcf: the name '.*x\.vcf'. Expected one that ends in \.vcf\.gz",
    ),
    "another model": (
        lambda f: [*options(f, "--output", f / "x.tsv")[:2], str(f / "genome.fa"), *options(f, "--output", "x")[4:]],
        r"genome\.fa",
    ),
    "an empty VCF": (lambda f: of_text(f, ""), "an empty file"),
    "a header alone": (lambda f: of_text(f, small.HEADER), "a header and no variants"),
    "no header": (lambda f: of_text(f, "chr1\t5\t.\tA\tC\t.\t.\t.\n"), "variants without a header"),
    "a truncated VCF": (lambda f: of_half(f), r"half\.vcf\.gz: the file is damaged or cut short"),
    "a wrong line": (lambda f: of_text(f, small.HEADER + "chr1\tx\t.\tA\tC\t.\t.\t.\n"), "line 5: the position 'x'"),
    "other names": (
        lambda f: of_text(f, small.HEADER + "1\t500\t.\tA\tC\t.\t.\t.\n"),
        "none of 1 alleles can be scored.*'1' where the genome says 'chr1'",
    ),
    "another assembly": (
        lambda f: of_text(f, small.HEADER + f"chr1\t501\t.\t{wrong_base()}\tAA\t.\t.\t.\n"),
        "none of 1 alleles can be scored.*another reference allele",
    ),
    "parts that are none": (
        lambda f: gathering(f, "--parts", f / "genome.fa", "--output", f / "x.tsv"),
        r"genome\.fa: not an HDF5 file",
    ),
    "figures without models": (
        lambda f: gathering(f, "--parts", f / "p.h5", "--output", f / "x.tsv", "--figures", f / "x"),
        "--figures without --models",
    ),
    "parts of other variants": (lambda f: parts_of_others(f), "--variants: not the variants that the parts"),
}


def of_text(folder: Path, text: str) -> list[str]:
    small.write_text(folder / "bad.vcf", text)
    return options(folder, "--output", folder / "x.tsv", variants="bad.vcf")


def of_half(folder: Path) -> list[str]:
    whole = small.write_bgzip(folder / "half.vcf.gz", small.HEADER + "".join(map(small.row, small.snvs(300))))
    whole.write_bytes(whole.read_bytes()[:-28])
    return options(folder, "--output", folder / "x.tsv", variants="half.vcf.gz")


def wrong_base() -> str:
    return small.OTHERS[small.sequences()["chr1"][500]][0]


def parts_of_others(folder: Path) -> list[str]:
    main(options(folder, "--part", "1/1", "--scores", folder / "p.h5", "--null", "0"))
    small.write_vcf(folder / "other.vcf", small.snvs(3))
    return gathering(folder, "--parts", folder / "p.h5", "--output", folder / "x.tsv", variants="other.vcf")


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_message_and_exit_code_2(folder, name, capfd):
    arguments, message = MISTAKES[name]
    words = arguments(folder)
    with pytest.raises(SystemExit) as stop:
        main(words)
    shown = capfd.readouterr().err
    assert stop.value.code == 2
    assert re.search(message, shown, flags=re.DOTALL), shown
    assert "Traceback" not in shown
    assert not list(folder.glob("x.*"))
