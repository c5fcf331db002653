from __future__ import annotations

import numpy as np
import pytest

from bpflow.fragment_lengths import count_lengths, lengths_record
from bpflow.report.blocks import Figures, Prose, Table
from bpflow.report.fragments import fragment_blocks


@pytest.fixture
def lengths():
    return lengths_record(count_lengths(np.array([50] * 6 + [200] * 3 + [4000])))


def signal(assay, *lengths):
    files = [{"path": f"data/rep{number}.bam", "fragment_lengths": item} for number, item in enumerate(lengths, 1)]
    return {"assay": assay, "files": files}


@pytest.mark.parametrize(("assay", "said"), [("ATAC", "span one nucleosome"), ("DNASE", "one hump")])
def test_each_file_has_a_row_and_a_histogram(lengths, assay, said):
    summary, drawn = fragment_blocks(signal(assay, lengths, lengths))
    assert isinstance(summary, Table)
    assert isinstance(drawn, Figures)
    assert summary.rows[1] == ("rep2.bam", "10", "50", "60 %", "30 %", "10 %")
    assert drawn.good.startswith("Good:")
    assert said in drawn.good
    assert [panel.title for panel in drawn.panels] == ["rep1.bam", "rep2.bam"]
    y = np.asarray(drawn.panels[0].figure.data[0].y)
    assert len(y) == 1000
    assert (y[50], y[200], y.sum()) == pytest.approx((0.6, 0.3, 0.9))


def test_reads_without_mates_are_left_out_or_said(lengths):
    summary, drawn = fragment_blocks(signal("ATAC", None, lengths))
    assert [row[0] for row in summary.rows] == ["rep2.bam"]
    assert "without mates" in summary.note
    assert len(drawn.panels) == 1
    (only,) = fragment_blocks(signal("DNASE", None))
    assert isinstance(only, Prose)


def test_given_bigwigs_have_no_fragments():
    assert fragment_blocks(signal("ATAC")) == []
