"""The same cut sites as bedtools and awk count them: an independent program, in the way the official pipe does it."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from bpflow.cut_sites import ReadFile, make_signal
from bpflow.shift import Shift
from bpflow.signal import SignalTrack
from unit import simulated

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not shutil.which("bedtools"), reason="needs bedtools: make system-deps"),
]

# From a BED of alignments to counts of 5' ends at the output shift: + start, - end, then coverage of the 5' base.
PIPE = """set -euo pipefail
bedtools bamtobed -i {bam} | awk -v OFS='\\t' '
    $1 == "chrM" {{next}}
    $6 == "+" {{$2 += {plus}; $3 = $2 + 1}}
    $6 == "-" {{$3 += {minus}; $2 = $3 - 1}}
    {{print}}
' | sort -k1,1 -k2,2n | bedtools genomecov -d -5 -i stdin -g {sizes}
"""


@pytest.mark.parametrize(("assay", "plus", "minus"), [("ATAC", 4, -4), ("DNASE", 0, 1)])
def test_counts_are_those_of_the_official_pipe(tmp_path, genome, genome_json, fragments, assay, plus, minus):
    inner = [fragment for fragment in fragments if fragment[1] > 20 and fragment[2] < 29_000]
    bam = simulated.write_bam(tmp_path / "reads.bam", inner, simulated.SIZES)
    script = PIPE.format(bam=bam, plus=plus, minus=minus, sizes=genome_json.with_name("chrom.sizes"))
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    expected = np.zeros(genome.array.size, dtype=np.int64)
    for name, position, count in rows:
        expected[genome.offsets[name] + int(position) - 1] = int(count)
    make_signal(
        [ReadFile(str(bam), shift=Shift(0, 0))], assay, genome, output=tmp_path / "x.bw", qc=tmp_path / "x.json"
    )
    assert expected.sum() == 2 * sum(name != "chrM" for name, _, _ in inner)
    counted = simulated.every_base(SignalTrack.open(tmp_path / "x.bw", genome), genome.array.size)
    assert np.array_equal(counted, expected)


@pytest.mark.skipif(not shutil.which("samtools"), reason="needs samtools: make system-deps")
def test_reads_dropped_are_those_that_samtools_drops(tmp_path, genome, fragments):
    extra = [{"flag": flag} for flag in (0, 4, 0x100, 0x200, 0x400, 0x800)] + [{"mapping_quality": 10}] * 3
    bam = simulated.write_bam(tmp_path / "reads.bam", fragments[:500], simulated.SIZES, extra=extra)
    flags = str(0x4 | 0x100 | 0x200 | 0x400 | 0x800)
    done = subprocess.run(
        ["samtools", "view", "-c", "-q", "30", "-F", flags, "-e", 'rname != "chrM"', bam],
        capture_output=True,
        text=True,
        check=True,
    )
    make_signal(
        [ReadFile(str(bam), shift=Shift(0, 0))], "ATAC", genome, output=tmp_path / "x.bw", qc=tmp_path / "x.json"
    )
    assert int(done.stdout) == SignalTrack.open(tmp_path / "x.bw", genome).total
