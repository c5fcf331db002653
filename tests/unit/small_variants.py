"""A small genome, tiny models and files of variants on it."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pysam
import torch

from bpflow.genome import Genome
from bpflow.models import BPNet, BPNetConfig, ChromBPNet
from bpflow.variant_files import Allele
from bpflow.variants import VariantScorer
from unit import simulated

INPUT, OUTPUT = 64, 20
SIZES = {"chr1": 1200, "chr2": 700}
META = '##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1200>\n##INFO=<ID=AC,Number=A,Type=Integer,Description="x">\n'
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
HEADER = META + COLUMNS
OTHERS = {"A": "CGT", "C": "AGT", "G": "ACT", "T": "ACG"}


def sequences() -> dict[str, str]:
    rng = np.random.default_rng(3)
    return {name: simulated.random_sequence(size, rng) for name, size in SIZES.items()}


def bases(chrom: str, start: int, length: int) -> str:
    """Letters of the genome."""
    return sequences()[chrom][start : start + length]


def other(base: str) -> str:
    """A base that is not this one."""
    return OTHERS[base][0]


def open_genome(folder: Path) -> Genome:
    return Genome.open(simulated.write_fasta(folder / "genome.fa", sequences()))


def tiny_bpnet(seed: int, filters: int = 6) -> BPNet:
    """A model whose outputs are far from flat and differ between strands."""
    generator = torch.Generator().manual_seed(seed)
    sizes = {"input_length": INPUT, "output_length": OUTPUT, "layers": 1, "first_kernel": 5, "profile_kernel": 5}
    model = BPNet(BPNetConfig(filters=filters, **sizes), generator)
    with torch.no_grad():
        model.profile.weight.mul_(8)
        model.counts.weight.mul_(4)
        model.counts.bias.fill_(2.0)
    return model.eval()


def tiny_chrombpnet(seed: int) -> ChromBPNet:
    return ChromBPNet(tiny_bpnet(seed), tiny_bpnet(seed + 100, filters=3)).eval()


def ensemble(models: Sequence, batch_size: int = 16) -> VariantScorer:
    return VariantScorer(models, batch_size, torch.device("cpu"), torch.float32)


def snv(chrom: str, start: int, which: int = 0, name: str = ".") -> Allele:
    """The `which`-th of the three changes of a base."""
    ref = sequences()[chrom][start].upper()
    return Allele(chrom, start, name, ref, OTHERS[ref][which])


def snvs(n: int) -> list[Allele]:
    """Changes spread over both chromosomes, away from their ends, sorted."""
    room = {name: size - 2 * INPUT for name, size in SIZES.items()}
    of_first = n * room["chr1"] // sum(room.values())
    numbers = {"chr1": of_first, "chr2": n - of_first}
    return [
        snv(chrom, INPUT + i * room[chrom] // number, i % 3, f"rs{i}")
        for chrom, number in numbers.items()
        for i in range(number)
    ]


def row(allele: Allele, info: str = ".") -> str:
    return f"{allele.chrom}\t{allele.start + 1}\t{allele.name}\t{allele.ref}\t{allele.alt}\t.\t.\t{info}\n"


def write_vcf(path: Path, alleles: Iterable[Allele], header: str = HEADER) -> Path:
    return write_text(path, header + "".join(map(row, alleles)))


def write_text(path: Path, text: str) -> Path:
    """Plain, or gzip for ``.gz``."""
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def write_bgzip(path: Path, text: str) -> Path:
    with pysam.BGZFile(str(path), "wb", None) as handle:
        handle.write(text.encode())
    return path
