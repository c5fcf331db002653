"""Motifs as base frequencies: read from MEME and JASPAR files, written as MEME, and a table of published ones.

Other readers skip what they do not understand and let a later motif replace an earlier one of its name; here every
line counts, and a mistake is named with its line.

A motif's name is all that its file calls it, identifier and name, joined by one space. Frequencies are the file's, with
nothing added: a base that is never seen has frequency 0.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import resources
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from bpflow.errors import InputError
from bpflow.files import atomic_path, text_lines

__all__ = [
    "IUPAC",
    "BuiltIn",
    "Motif",
    "built_in_motifs",
    "built_in_table",
    "consensus",
    "frequencies_of",
    "is_motif_file",
    "read_motif_file",
    "write_meme",
]

IUPAC = {
    **{base: base for base in "ACGT"},
    **{"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"},
    **{"B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT"},
}
# What a base gets that the consensus letter does not allow, so that the logarithm of every frequency is a number.
PSEUDO_SHARE = 0.01
# Files hold two decimals and more: four roundings of half a hundredth.
SUM_TOLERANCE = 0.02
FORMATS = "a MEME file (MOTIF, letter-probability matrix) or JASPAR matrices (>name, then the rows A, C, G, T)"
MATRIX = "letter-probability matrix"

Lines = Sequence[tuple[int, str]]


class Motif(NamedTuple):
    """A motif: its name and its base frequencies (width, 4), columns A, C, G, T, rows of sum 1."""

    name: str
    frequencies: np.ndarray


class BuiltIn(NamedTuple):
    """A row of the built-in table.

    Attributes
    ----------
    name
        Of a factor, a family or an enzyme.
    consensus
        In IUPAC letters.
    kind
        ``"tf"``, or ``"enzyme"`` for a cutting preference.
    taxon
        ``"vertebrate"`` or ``"yeast"``; ``"-"`` for an enzyme.
    source
        The publication.
    """

    name: str
    consensus: str
    kind: str
    taxon: str
    source: str


Reader = Callable[[Lines, str | os.PathLike[str]], Iterator[tuple[int, Motif]]]


def read_motif_file(path: str | os.PathLike[str]) -> list[Motif]:
    """Read motifs of a MEME file (version 4 or 5, DNA) or of JASPAR matrices, plain or gzip.

    Parameters
    ----------
    path
        MEME minimal format with letter-probability matrices, or ``>name`` lines that are followed by four rows of
        counts or frequencies, ``A [ 1 2 3 ]`` or bare numbers in the order A, C, G, T.

    Raises
    ------
    InputError
        Naming the line: neither format, no motif, a name twice, a row of other than four numbers, a negative number,
        frequencies that do not sum to 1, a width that disagrees with the number of rows.
    """
    lines = text_lines(path, FORMATS)
    reader = _reader(lines)
    if reader is None:
        raise InputError("motifs in no known format" if lines else "no motifs", where=str(path), expected=FORMATS)
    motifs: dict[str, Motif] = {}
    for number, motif in reader(lines, path):
        if motif.name in motifs:
            raise InputError(
                f"the name {motif.name!r} a second time",
                where=f"{path}, line {number}",
                expected="a name of its own for each motif",
            )
        motifs[motif.name] = motif
    if not motifs:
        raise InputError("no motifs", where=str(path), expected=FORMATS)
    return list(motifs.values())


def is_motif_file(path: str | os.PathLike[str]) -> bool:
    """Whether a text file looks like MEME or JASPAR, right or wrong, and not like a table of another kind."""
    return _reader(text_lines(path, FORMATS)) is not None


def write_meme(motifs: Iterable[Motif], path: str | os.PathLike[str]) -> None:
    """Write MEME minimal format (version 4), six decimals; every reader of MEME files takes it."""
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as handle:
        handle.write("MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n")
        handle.write("Background letter frequencies\nA 0.25 C 0.25 G 0.25 T 0.25\n")
        for name, frequencies in motifs:
            handle.write(f"\nMOTIF {name}\n{MATRIX}: alength= 4 w= {len(frequencies)} nsites= 20 E= 0\n")
            handle.writelines(" ".join(f"{value:.6f}" for value in row) + "\n" for row in frequencies)


def consensus(frequencies: np.ndarray) -> str:
    """The most frequent base at each position, the first of equally frequent ones."""
    return "".join("ACGT"[base] for base in frequencies.argmax(axis=1))


def frequencies_of(letters: str) -> np.ndarray:
    """Frequencies (width, 4) of a consensus in IUPAC letters.

    The bases that a letter allows share equally; each base that it does not allow has ``PSEUDO_SHARE``, 0.01.
    """
    allowed = np.array([[base in IUPAC[letter] for base in "ACGT"] for letter in letters], dtype=bool)
    number = allowed.sum(axis=1, keepdims=True)
    return np.where(allowed, (1 - PSEUDO_SHARE * (4 - number)) / number, PSEUDO_SHARE)


def built_in_table() -> list[BuiltIn]:
    """The published consensus sequences of known factors and enzymes that the package ships."""
    text = resources.files("bpflow").joinpath("data/motifs.tsv").read_text(encoding="utf-8")
    header, *rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return [BuiltIn(**dict(zip(header, row, strict=True))) for row in rows]


def built_in_motifs(taxon: Literal["vertebrate", "yeast"] | None = None) -> list[Motif]:
    """Motifs of the built-in table: all of them, enzymes included, or the factors of one taxon."""
    return [
        Motif(row.name, frequencies_of(row.consensus))
        for row in built_in_table()
        if taxon is None or row.taxon == taxon
    ]


def _reader(lines: Lines) -> Reader | None:
    first = lines[0][1] if lines else ""
    if first.startswith(">"):
        return _read_jaspar
    meme = first.startswith(("MEME version", "ALPHABET")) or any(text.startswith("MOTIF ") for _, text in lines)
    return _read_meme if meme else None


def _read_meme(lines: Lines, path: str | os.PathLike[str]) -> Iterator[tuple[int, Motif]]:
    """The line and content of each MOTIF; what lies between motifs and their matrices is no concern of ours."""
    for number, text in lines:
        alphabet = re.match(r"ALPHABET\s*=\s*(\S+)", text)
        if alphabet and alphabet[1].upper() != "ACGT":
            raise InputError(f"the alphabet {alphabet[1]}", where=f"{path}, line {number}", expected="ACGT")
    starts = [place for place, (_, text) in enumerate(lines) if text.split()[0] == "MOTIF"]
    for start, end in pairwise([*starts, len(lines)]):
        number, text = lines[start]
        name = " ".join(text.split()[1:])
        if not name:
            raise InputError("a motif without a name", where=f"{path}, line {number}", expected="MOTIF, then a name")
        heads = [place for place in range(start, end) if lines[place][1].startswith(MATRIX)]
        if len(heads) != 1:
            raise InputError(
                f"{len(heads)} matrices of {name!r}", where=f"{path}, line {number}", expected=f"one {MATRIX!r}"
            )
        yield number, Motif(name, _meme_rows(lines[heads[0] : end], name, path))


def _meme_rows(lines: Lines, name: str, path: str | os.PathLike[str]) -> np.ndarray:
    (number, head), *following = lines
    rows = []
    for line, text in following:
        if not re.match(r"[-+.\d]|nan|inf", text, re.IGNORECASE) or set(text) == {"-"}:
            break
        values = _numbers(text, f"{path}, line {line}")
        if len(values) != 4:
            raise InputError(f"{len(values)} number(s)", where=f"{path}, line {line}", expected="one of A, C, G and T")
        if abs(sum(values) - 1) > SUM_TOLERANCE:
            raise InputError(
                f"frequencies of sum {sum(values):.4g}", where=f"{path}, line {line}", expected="a sum of 1"
            )
        rows.append(values)
    width = re.search(r"\bw\s*=\s*(\d+)", head)
    if not rows or (width and int(width[1]) != len(rows)):
        raise InputError(
            f"{len(rows)} row(s) of {name!r}",
            where=f"{path}, line {number}",
            expected=f"{width[1]} as w= says" if width and rows else "a row for each position",
        )
    result = np.array(rows)
    return result / result.sum(axis=1, keepdims=True)


def _read_jaspar(lines: Lines, path: str | os.PathLike[str]) -> Iterator[tuple[int, Motif]]:
    starts = [place for place, (_, text) in enumerate(lines) if text.startswith(">")]
    for start, end in pairwise([*starts, len(lines)]):
        number, text = lines[start]
        name = " ".join(text[1:].split())
        if not name:
            raise InputError("a motif without a name", where=f"{path}, line {number}", expected="a name after >")
        yield number, Motif(name, _jaspar_columns(lines[start + 1 : end], number, name, path))


def _jaspar_columns(lines: Lines, number: int, name: str, path: str | os.PathLike[str]) -> np.ndarray:
    if len(lines) != 4:
        raise InputError(
            f"{len(lines)} row(s) of {name!r}", where=f"{path}, line {number}", expected="four, of A, C, G and T"
        )
    counts = []
    for base, (line, text) in zip("ACGT", lines, strict=True):
        where = f"{path}, line {line}"
        letter = re.match(r"[A-Za-z]\b", text)
        if letter and letter[0].upper() != base:
            raise InputError(f"a row of {letter[0]}", where=where, expected=f"that of {base}: rows are A, C, G, T")
        counts.append(_numbers(re.sub(r"[][]", " ", text[1:] if letter else text), where))
        if len(counts[-1]) != len(counts[0]) or not counts[0]:
            raise InputError(
                f"{len(counts[-1])} number(s) in the row of {base}",
                where=where,
                expected=f"{len(counts[0])}, as in the row of A" if counts[0] else "one for each position",
            )
    table = np.array(counts).T
    totals = table.sum(axis=1)
    are_frequencies = table.max() <= 1 and (table % 1).any()
    wrong = np.abs(totals - 1) > SUM_TOLERANCE if are_frequencies else totals == 0
    if wrong.any():
        place = int(wrong.argmax())
        raise InputError(
            f"position {place + 1} of {name!r} has the sum {totals[place]:.4g}",
            where=f"{path}, line {number}",
            expected="counts, or frequencies of sum 1",
        )
    return table / totals[:, None]


def _numbers(text: str, where: str) -> list[float]:
    values = []
    for word in text.split():
        try:
            value = float(word)
        except ValueError:
            value = float("nan")
        if not 0 <= value < float("inf"):
            raise InputError(f"{word!r}", where=where, expected="numbers of 0 or more")
        values.append(value)
    return values
