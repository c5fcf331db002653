from __future__ import annotations

import pytest

from bpflow.chromosomes import choose_chromosomes, explain_mismatch
from bpflow.errors import InputError


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (["chr1", "chr22", "chrX", "chrY", "chrM", "chr1_KI270706v1_random", "chrUn_GL000195v1"], 4),
        (["chr1", "chr6_GL000250v2_alt", "chr19_KV575246v1_fix", "chrEBV", "HLA-A*01:01"], 1),
        (["1", "2", "X", "MT", "KI270728.1", "GL000009.2"], 3),
        (["Chr1", "Chr5", "ChrC", "ChrM"], 2),
        (["1", "5", "Mt", "Pt"], 2),
        (["chrI", "chrIV", "chrXVI", "chrM"], 3),
        (["I", "II", "Mito"], 2),
        (["2L", "2R", "X", "mitochondrion_genome", "Un_CP007120v1"], 4),
        (["NC_000001.11", "NC_000002.12", "NT_113930.2", "NW_018654708.1"], 2),
    ],
)
def test_auto_keeps_assembled_nuclear_chromosomes(names, kept):
    assert len(choose_chromosomes(names, "auto", where="x.fa")[0]) == kept


def test_an_assembly_of_scaffolds_alone_is_kept():
    kept, dropped = choose_chromosomes(["scaffold_1", "scaffold_2", "chrM"], "auto", where="x.fa")
    assert kept == ["scaffold_1", "scaffold_2"]
    assert dropped == {"chrM": "mitochondrion"}


def test_a_listed_chromosome_must_exist():
    with pytest.raises(InputError, match="differ in style"):
        choose_chromosomes(["chr1", "chr2"], ["1"], where="x.fa")
    with pytest.raises(InputError, match="not a pattern"):
        choose_chromosomes(["chr1"], "chr[", where="x.fa")
    with pytest.raises(InputError, match="no sequence is left"):
        choose_chromosomes(["chr1"], "scaffold.*", where="x.fa")


def test_mismatch_is_explained_only_where_prefixes_differ():
    assert explain_mismatch(["chr1"], ["1", "2"])
    assert explain_mismatch(["1"], ["chr1", "chr2"])
    assert explain_mismatch(["chrI"], ["chr1"]) is None
