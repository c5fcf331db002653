"""Configuration and sheet of sister models."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpflow.errors import InputError
from bpflow.settings import (
    is_sister,
    load_schema,
    read_sister_samples,
    resolve_sister_config,
    resolved_sisters,
)

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "workflow" / "schemas"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("genome.fa", "a.plus.bw", "a.minus.bw", "b.plus.bw", "b.minus.bw", "a.bed", "d.bed", "r.bam"):
        Path(name).write_text("")
    return tmp_path


def resolved(system="bpnet", sheet="", **others):
    Path("samples.tsv").write_text(sheet)
    config = {"samples": "samples.tsv", "genome": {"fasta": "genome.fa"}, "model": {"system": system}, **others}
    return resolve_sister_config(config, load_schema(SCHEMAS / "sister_config.schema.yaml"))


def samples(sheet, system="bpnet"):
    return read_sister_samples(
        "samples.tsv", load_schema(SCHEMAS / "sister_samples.schema.yaml"), resolved(system, sheet)
    )


TWO_TASKS = (
    "sample\ttask\tplus\tminus\tpeaks\tcontrol_plus\tcontrol_minus\n"
    "s\ta\ta.plus.bw\ta.minus.bw\ta.bed\tb.plus.bw\tb.minus.bw\n"
    "s\tb\tb.plus.bw\tb.minus.bw\t\t\t\n"
)


def test_rows_of_one_sample_are_tasks_of_one_model(folder):
    found = samples(TWO_TASKS)
    assert list(found) == ["s"]
    assert found["s"].task_names == ("a", "b")
    assert found["s"].task("b").plus == "b.plus.bw"
    assert found["s"].control == ("b.plus.bw", "b.minus.bw")
    sheet = resolved_sisters(resolved(sheet=TWO_TASKS), found)["sheet"]
    assert [task["peaks"] for task in sheet[0]["tasks"]] == ["a.bed", None]


def test_a_task_without_a_name_has_the_samples(folder):
    found = samples("sample\treads\tnonpeaks\ns\tr.bam\td.bed\n", "procapnet")
    assert found["s"].task_names == ("s",)
    assert found["s"].nonpeaks == "d.bed"


@pytest.mark.parametrize(
    ("system", "sheet", "said"),
    [
        ("bpnet", "sample\ttask\ns\ta\n", "not all of a signal"),
        ("bpnet", "sample\tplus\ns\ta.plus.bw\n", "not all of a signal"),
        ("bpnet", "sample\treads\tplus\tminus\ns\tr.bam\ta.plus.bw\ta.minus.bw\n", "both reads and bigWigs"),
        ("bpnet", "sample\treads\tnonpeaks\ns\tr.bam\td.bed\n", "a bpnet does not read"),
        ("procapnet", "sample\treads\tcontrol_plus\ns\tr.bam\ta.plus.bw\n", "a procapnet does not read"),
        ("bpnet", "sample\treads\ns\tr.bam\ns\tr.bam\n", "a second time"),
        ("bpnet", "sample\treads\tcontrol_plus\ns\tr.bam\ta.plus.bw\n", "a control on one strand"),
        ("basenji2", "sample\ns\n", "no tracks"),
        ("basenji2", "sample\treads\ns\tr.bam\n", "a basenji2 does not read"),
        ("bpnet", "sample\treads\ns\tabsent.bam\n", "absent.bam"),
        ("bpnet", "sample\treads\ngenome\tr.bam\n", "the results use themselves"),
        ("bpnet", "sample\treads\ttusk\ns\tr.bam\tx\n", "Perhaps task is meant"),
        ("bpnet", "sample\treads\n", "no samples"),
    ],
)
def test_mistakes_in_the_sheet_are_named(folder, system, sheet, said):
    with pytest.raises(InputError, match=said) as error:
        samples(sheet, system)
    assert "samples.tsv" in str(error.value)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"model": {"system": "enformer"}}, "bpnet or procapnet or basenji2"),
        ({"model": {"system": "bpnet", "input_length": 501}}, "501 is odd"),
        ({"peaks": {}}, "unknown key 'peaks'"),
        ({"folds": {"run": [5]}}, "fold 5 of 5"),
        ({"genome": {"fasta": "absent.fa"}}, "absent.fa"),
    ],
)
def test_mistakes_in_the_configuration_are_named(folder, others, said):
    with pytest.raises(InputError, match=said) as error:
        resolved(**others)
    assert "config, key" in str(error.value)


def test_only_a_named_system_makes_a_sister():
    assert is_sister({"model": {"system": "bpnet"}})
    assert not is_sister({"model": {"preset": "small"}})
    assert not is_sister({})
