"""Make the reference cut-site PWMs that bpflow ships (src/bpflow/data/shift_references.json).

ATAC: measured on yeast ATAC-seq (run SRR1822137, Schep et al. 2015; unshifted fragments), on the odd chromosomes of
sacCer3 only (the rDNA array is on an even one), so that the even ones can test them; and the published Tn5 target
consensus A-GNTYWRANC-T (Goryshin et al. 1998), whose nine inner bases are duplicated, the read starting at the first.

DNASE: simulated from the published preference, not measured. DNase I's choice rests on the three bases on either side
of the cut (He et al. 2014; Lazarovici et al. 2013); the preferred hexamer ACT|TRY is that of the DNase I probes
of the official chrombpnet (TTTACAAGTCCA and TGTACTTACGAA), once as cut on the read's own strand and once as the mean
of both strands, since a double-strand break is read from both sides.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from bpflow.files import write_json
from bpflow.genome import Genome
from bpflow.reads import ReadFilter, read_ends
from bpflow.shift import FLANK, log_odds, sample_log_odds
from bpflow.site_counts import SiteCounts

ODD = [f"chr{name}" for name in ("I", "III", "V", "VII", "IX", "XI", "XIII", "XV")]
REACH = 12
# Tn5 acts on nine bases; the centre is the fifth, where both insertions of a cut are counted.
TN5_CONSENSUS = "AGNTYWRANCT"
DNASE_CONSENSUS = "NACTTRYN"
IUPAC = {"A": "A", "C": "C", "G": "G", "T": "T", "Y": "CT", "R": "AG", "W": "AT", "N": "ACGT"}
STRENGTH = 0.75


def main() -> None:
    """Write the references."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yeast", type=Path, required=True, help="folder with sacCer3.fa.gz, fragments.tsv.gz")
    parser.add_argument("--output", type=Path, default=Path("src/bpflow/data/shift_references.json"))
    args = parser.parse_args()
    hexamer = consensus_log_odds(DNASE_CONSENSUS)
    write_json(
        args.output,
        {
            "ATAC": [
                {
                    "name": "yeast_odd_chromosomes",
                    "source": "measured: yeast ATAC-seq SRR1822137 (Schep et al. 2015), odd chromosomes of sacCer3",
                    **measured(args.yeast),
                },
                {
                    "name": "tn5_consensus",
                    "source": "published consensus A-GNTYWRANC-T (Goryshin et al. 1998)",
                    "first": -1,
                    "log_odds": consensus_log_odds(TN5_CONSENSUS).round(4),
                },
            ],
            "DNASE": [
                {
                    "name": "dnase_hexamer",
                    "source": "simulated: preferred hexamer ACT|TRY, cut in the middle",
                    "first": -4,
                    "log_odds": hexamer.round(4),
                },
                {
                    "name": "dnase_both_strands",
                    "source": "simulated: mean of the hexamer ACT|TRY and its reverse complement",
                    "first": -4,
                    "log_odds": ((hexamer + hexamer[::-1, ::-1]) / 2).round(4),
                },
            ],
        },
    )


def measured(folder: Path) -> dict:
    """Log odds around the 5' ends of the odd chromosomes, mean of both strands in read orientation."""
    genome = Genome.open(folder / "sacCer3.fa.gz", chromosomes=ODD)
    found: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for ends in read_ends(
        folder / "fragments.tsv.gz",
        genome,
        file_format="fragments",
        read_filter=ReadFilter(),
        tally=Counter(),
    ):
        found[ends.plus].append(ends.positions.astype(np.int64))
    rng = np.random.default_rng(0)
    matrices = []
    for plus, positions in found.items():
        sites = SiteCounts(*np.unique(np.concatenate(positions), return_counts=True))
        matrices.append(sample_log_odds(genome, sites, rng, reverse=not plus)[0])
    # The centre of the nine duplicated bases is position 4 of the read.
    first = 4 - REACH
    rows = np.mean(matrices, axis=0)[FLANK[1] + first : FLANK[1] + first + 2 * REACH + 1]
    return {"first": first, "log_odds": rows.round(4)}


def consensus_log_odds(consensus: str) -> np.ndarray:
    """Log odds of a consensus whose letters hold STRENGTH of the weight, against equal bases; (length, 4)."""
    rows = []
    for letter in consensus:
        allowed = np.array([base in IUPAC[letter] for base in "ACGT"])
        share = np.where(allowed, STRENGTH / allowed.sum(), 0) if not allowed.all() else np.full(4, 0.25)
        rows.append(share + (0 if allowed.all() else (1 - STRENGTH) / 4))
    return log_odds(np.array(rows), np.full(4, 0.25))


if __name__ == "__main__":
    main()
