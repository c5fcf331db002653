"""The readers of text that users bring: fragments and tagAligns, regions, folds, variants."""

from __future__ import annotations

import gzip
import json
import random
import re
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pysam

from bpflow.folds import read_fold
from bpflow.genome import Genome, encode_fasta
from bpflow.reads import ReadFilter, detect_format, read_ends
from bpflow.regions import read_regions
from bpflow.variant_files import VariantFile
from fuzz.damage import damaged_json_text, damaged_text
from fuzz.guard import Target

__all__ = ["folds", "fragments", "peaks", "small_genome", "unique_keys", "variants"]

SIZES = {"chr1": 5000, "chr2": 4000, "chr3": 3000, "chrM": 500}
WHOLE = re.compile(rb"[0-9]+")


def small_genome(folder: Path) -> Genome:
    """Four chromosomes, the mitochondrial one left out."""
    draw = random.Random(1)
    fasta = "".join(f">{name}\n{''.join(draw.choices('ACGT', k=size))}\n" for name, size in SIZES.items())
    (folder / "genome.fa").write_text(fasta)
    encode_fasta(folder / "genome.fa", folder / "genome.json")
    return Genome.open(folder / "genome.json")


def fragments(folder: Path) -> Target:
    """Fragment files and tagAligns, by splitting lines at tabs."""
    genome = small_genome(folder)
    places = _places(60)
    plain = [f"{name}\t{start}\t{end}\tcell{start % 3}\t{start % 5}" for name, start, end in places]
    tags = [f"{name}\t{start}\t{end}\tN\t1000\t{'+-'[start % 2]}" for name, start, end in places]
    seeds = ["# made up\n" + "\n".join(plain) + "\n", "\n".join(tags) + "\n", "\n".join(line[:-7] for line in plain)]
    words = [b"+", b"-", b"chr2", b"@HD\tVN:1.6\n"]

    def read(path: Path) -> object:
        tally: Counter[str] = Counter()
        file_format = detect_format(path)
        ends = read_ends(path, genome, file_format=file_format, read_filter=ReadFilter(), tally=tally)
        strands: dict[bool, list[np.ndarray]] = {True: [], False: []}
        for batch in ends:
            strands[batch.plus].append(batch.positions)
        plus, minus = (sorted(np.concatenate(found).tolist()) if found else [] for found in strands.values())
        return file_format, tally["records"], tally["kept"], plus, minus

    def reference(path: Path) -> object:
        lines = _lines(path)
        if lines is None or not _is_text(b"".join(line for line in lines if not line.startswith(b"#"))):
            return None
        if any(b"\r" in line[:-1] or not _is_text(line) for line in lines):
            return NotImplemented
        rows = [line.removesuffix(b"\r").split(b"\t") for line in lines if not line.startswith(b"#")]
        has_strand = bool(rows) and len(rows[0]) > 5 and rows[0][5] in (b"+", b"-")
        plus, minus, kept = [], [], 0
        for row in rows:
            # The parser's numbers may begin with blanks and a sign.
            numbers = [re.sub(rb"^ *(?:\+|-(?=0+$))?", b"", text) for text in row[1:3]]
            interval = _interval([row[0], *numbers])
            strand = row[5] if has_strand and len(row) > 5 else b""
            if interval is None or (has_strand and strand not in (b"+", b"-")):
                return None
            name, start, end = interval
            if name not in genome.sizes:
                continue
            kept += 1
            if strand != b"-" and start < genome.sizes[name]:
                plus.append(genome.offsets[name] + start)
            if strand != b"+" and end <= genome.sizes[name]:
                minus.append(genome.offsets[name] + end - 1)
        if not kept:
            return None
        return "tagalign" if has_strand else "fragments", len(rows), kept, sorted(plus), sorted(minus)

    return Target(damaged_text([seed.encode() for seed in seeds], words), read, reference, _is_packed)


def peaks(folder: Path) -> Target:
    """narrowPeak and BED, by splitting lines at tabs."""
    genome = small_genome(folder)
    places = _places(30)
    narrow = [
        f"{name}\t{start}\t{end}\tp{start}\t7\t.\t{start / 7:.5f}\t{start / 9:.5f}\t-1\t{(end - start) // 3}"
        for name, start, end in places
    ]
    beds = ["\t".join(line.split("\t")[:width]) for width in (3, 6) for line in narrow]
    seeds = ["\n".join(narrow) + "\n", "track name=x\n" + "\n".join(beds[:30]) + "\n", "\n".join(beds[30:])]

    def read(path: Path) -> object:
        frame = read_regions(path, genome)
        columns = ["chrom", "start", "end", "summit", "signal", "pvalue", "qvalue"]
        return frame.attrs["format"], list(frame[columns].itertuples(index=False, name=None))

    def reference(path: Path) -> object:
        lines = _lines(path)
        if lines is None:
            return None
        kept = [line for line in lines if line.strip() and not line.startswith((b"#", b"track", b"browser"))]
        rows = [line.rstrip(b"\r").split(b"\t") for line in kept]
        if len({len(row) for row in rows}) != 1:
            return None
        narrow, regions = len(rows[0]) == 10, []
        # It may have been cut within its last number.
        if narrow and kept[-1] is lines[-1] and not _ends_its_last_line(path):
            return None
        for row in rows:
            interval = _interval(row)
            if (
                interval is None
                or any(len(text) > 12 for text in row[1:3] + row[9:10] * narrow)
                or interval[0] not in SIZES
                or not _is_text(b"\t".join(row))
            ):
                return None
            name, start, end = interval
            summit, values = (end - start) // 2, (0.0, -1.0, -1.0)
            if narrow:
                scores = [_score(text) for text in row[6:9]]
                if None in scores or not (row[9] == b"-1" or WHOLE.fullmatch(row[9])) or int(row[9]) >= end - start:
                    return None
                values, summit = tuple(scores), summit if row[9] == b"-1" else int(row[9])
            size = genome.sizes.get(name, float("inf"))
            if start + summit >= size:
                return None
            regions.append((name, start, min(end, size), summit, *values))
        if not any(region[0] in genome.sizes for region in regions):
            return None
        return "narrowPeak" if narrow else "BED3", regions

    return Target(
        damaged_text([seed.encode() for seed in seeds], [b"chr2", b"inf", b"1e400"]), read, reference, _is_packed
    )


def folds(folder: Path) -> Target:
    """Folds, by Python's parser of JSON, which is told to refuse a key that comes twice."""
    genome = small_genome(folder)
    good = [
        {"train": ["chr1"], "valid": ["chr2"], "test": ["chr3"]},
        {"test": ["chr1", "chrM"], "valid": ["chr2"], "train": ["chr3"], "note": {"made": [1, 2.5, None]}},
    ]
    seeds = [json.dumps(fold, indent=1).encode() for fold in good]

    def read(path: Path) -> object:
        return tuple(read_fold(path, genome))

    def reference(path: Path) -> object:
        try:
            content = json.loads(path.read_bytes(), object_pairs_hook=unique_keys)
        except (ValueError, RecursionError):
            return None
        if not isinstance(content, dict):
            return None
        splits = [content.get(name) for name in ("train", "valid", "test")]
        if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in splits):
            return None
        every = [name for names in splits for name in names]
        kept = tuple(tuple(name for name in names if name in genome.sizes) for names in splits)
        return kept if len(every) == len(set(every)) and set(every) <= set(SIZES) and all(kept) else None

    files = damaged_json_text(good[0], seeds, [b'"train"', b'"chr1"', b"[]", b"{}"])
    return Target(files, read, reference, lambda path: False, ".json")


def variants(folder: Path) -> Target:
    """VCF, BCF and tables, by splitting lines at tabs and, where htslib reads the whole file, by htslib."""
    declared = "".join(f"##contig=<ID={name},length={size}>\n" for name, size in SIZES.items())
    header = f'##fileformat=VCFv4.2\n{declared}##INFO=<ID=AF,Number=A,Type=Float,Description="x">\n'
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    alleles = [("A", "C"), ("G", "T,<DEL>"), ("ACG", "A,*"), ("N", "N[chr1:3["), ("T", ".")]
    lines = [
        (name, start, f"rs{start}" if start % 2 else ".", *alleles[place % len(alleles)])
        for place, (name, start, _) in enumerate(_places(20))
    ]
    body = "".join("\t".join(map(str, line)) + "\t.\tPASS\tAF=0.5\n" for line in lines)
    genotypes = body.replace("AF=0.5\n", "AF=0.5\tGT\t0|1\n")
    table = "chrom\tpos\tref\talt\tid\n" + "".join(f"{c}\t{p}\t{r}\t{a}\t{i}\n" for c, p, i, r, a in lines)
    texts = [
        f"{header}{columns}\n{body}",
        f'{header}##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n{columns}\tFORMAT\tone\n{genotypes}',
        table,
        f"## made up\n#{table}",
    ]
    seeds = [text.encode() for text in texts]
    (folder / "seed.vcf").write_bytes(seeds[1])
    with (
        pysam.VariantFile(str(folder / "seed.vcf")) as source,
        pysam.VariantFile(str(folder / "seed.bcf"), "wb", header=source.header) as target,
    ):
        for record in source:
            target.write(record)
    bcf = (folder / "seed.bcf").read_bytes()
    words = [b"#CHROM", b"##fileformat=VCFv4.2\n", b"##", b"POS", b"GT", b"<DEL>", b",", b"BCF\x02\x02", b"*"]

    def read(path: Path) -> object:
        return [tuple(allele) for allele in VariantFile.open(path).alleles()]

    def reference(path: Path) -> object:
        lines = _lines(path)
        if lines is None:
            return None
        text = [line.removesuffix(b"\r") for line in lines if line.removesuffix(b"\r").strip()]
        if not text or text[0].startswith(b"BCF"):
            return NotImplemented
        text[0] = text[0].removeprefix(b"\xef\xbb\xbf")
        found = _vcf_alleles(text) if text[0].startswith(b"##fileformat=VCF") else _table_alleles(text)
        by_htslib = _htslib_alleles(path) if found and text[0].startswith(b"##fileformat=VCF") else None
        return found if by_htslib in (None, found) else by_htslib

    files = damaged_text(seeds, words) | damaged_text([bcf], words)
    return Target(files, read, reference)


def _vcf_alleles(lines: list[bytes]) -> list[tuple[str, int, str, str, str]] | None:
    columns = next((line for line in lines if line.startswith(b"#CHROM\t")), b"")
    rows = [line.split(b"\t") for line in lines[lines.index(columns) + 1 :]] if columns else []
    fields = [(row, row[0], row[1], row[2], row[3], row[4]) for row in rows if len(row) > 4]
    if len(fields) != len(rows) or any(len(row) != columns.count(b"\t") + 1 for row in rows):
        return None
    return _alleles([row[1:] for row in fields])


def _table_alleles(lines: list[bytes]) -> list[tuple[str, int, str, str, str]] | None:
    rows = [[field.strip() for field in line.decode("utf-8", "replace").split("\t")] for line in lines]
    rows = rows[next((i for i, line in enumerate(lines) if not line.startswith(b"##")), len(rows)) :]
    if not rows:
        return None
    names = [name.lower() for name in ["".join(rows[0][:1]).lstrip("#"), *rows[0][1:]]]
    if not {"chrom", "pos", "ref", "alt"} <= set(names) or any(len(row) != len(names) for row in rows):
        return None
    table = [dict(zip(reversed(names), reversed(row), strict=True)) for row in rows[1:]]
    order = ("chrom", "pos", "id", "ref", "alt")
    return _alleles([[row.get(name, "").encode() or b"." * (name == "id") for name in order] for row in table])


def _alleles(rows: list[list[bytes]]) -> list[tuple[str, int, str, str, str]] | None:
    if not rows or any(not all(row) or not WHOLE.fullmatch(row[1]) for row in rows):
        return None
    texts = [[field.decode("utf-8", "replace") for field in row] for row in rows]
    return [
        (chrom, int(pos) - 1, name, ref, alt or ".") for chrom, pos, name, ref, alts in texts for alt in alts.split(",")
    ]


def _htslib_alleles(path: Path) -> list[tuple[str, int, str, str, str]] | None:
    """What htslib reads, None where it complains."""
    try:
        with pysam.VariantFile(str(path)) as handle:
            return [
                (record.chrom, record.start, record.id or ".", record.ref, alt)
                for record in handle
                for alt in record.alts or (".",)
            ]
    except (OSError, ValueError, NotImplementedError):
        return None


def _places(number: int) -> list[tuple[str, int, int]]:
    draw = random.Random(number)
    names = draw.choices(["chr1", "chr2", "chr3", "chrM", "chrUn"], [5, 4, 3, 1, 0], k=number)
    starts = [draw.randrange(SIZES[name] - 300) for name in names]
    return sorted((name, start, start + draw.randrange(30, 300)) for name, start in zip(names, starts, strict=True))


def _is_packed(path: Path) -> bool:
    return path.read_bytes()[:2] == b"\x1f\x8b"


def _lines(path: Path) -> list[bytes] | None:
    """Lines of a plain or gzip file, without an empty one at the end; None of a damaged one."""
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, ValueError, zlib.error):
            return None
    lines = content.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def _ends_its_last_line(path: Path) -> bool:
    content = path.read_bytes()
    return (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).endswith((b"\n", b"\r"))


def _interval(row: list[bytes]) -> tuple[str, int, int] | None:
    if len(row) < 3 or not row[0] or not all(WHOLE.fullmatch(text) for text in row[1:3]) or not _is_text(row[0]):
        return None
    start, end = (int(text) if len(text) < 4000 else 1 << 63 for text in row[1:3])
    return (row[0].decode(), start, end) if start < end < 1 << 63 else None


def _is_text(content: bytes) -> bool:
    try:
        return content.decode() is not None
    except UnicodeDecodeError:
        return False


def _score(text: bytes) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return -1.0 if text == b"." else None
    return -1.0 if value != value else value


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = Counter(name for name, _ in pairs)
    if any(number > 1 for number in names.values()):
        raise ValueError("a key twice")
    return dict(pairs)
