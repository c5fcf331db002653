"""The table of genomes that are known by name: where each one's files are published.

Read while the workflow is parsed, so only the standard library is imported here.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bpflow.errors import InputError

__all__ = ["NamedGenome", "PublishedFile", "find_genome", "read_catalogue"]

COLUMNS = ("genome", "part", "address", "checksums", "sha256", "browser")
NONE = "none"


@dataclass(frozen=True)
class PublishedFile:
    """One file of a genome.

    Attributes
    ----------
    part
        ``fasta``, ``blacklist`` or ``fold_{k}``.
    address
        Where it is published: http, https or file.
    checksums
        Address of the publisher's list of digests, if there is one.
    sha256
        The digest that it must have, where the table knows one.
    """

    part: str
    address: str
    checksums: str | None = None
    sha256: str | None = None

    @property
    def file_name(self) -> str:
        """The last part of the address, without what follows a question mark."""
        return unquote(urlsplit(self.address).path).rpartition("/")[2]


@dataclass(frozen=True)
class NamedGenome:
    """A genome of the table; `blacklist` is None where none is published, `folds` empty likewise.

    Attributes
    ----------
    browser
        What the genome browsers of UCSC and IGV call it, if they know it.
    """

    name: str
    fasta: PublishedFile
    blacklist: PublishedFile | None = None
    folds: tuple[PublishedFile, ...] = ()
    browser: str | None = None

    @property
    def files(self) -> dict[str, PublishedFile]:
        """Everything that is published of it, by part."""
        return {file.part: file for file in (self.fasta, self.blacklist, *self.folds) if file}


def find_genome(name: str, catalogue: str | os.PathLike[str] | None = None) -> NamedGenome:
    """Look up a genome by name in the built-in table, or in `catalogue`.

    Raises
    ------
    InputError
        No such name; the message lists those there are. Or the table is wrong, see `read_catalogue`.
    """
    known = read_catalogue(catalogue)
    if name not in known:
        near = difflib.get_close_matches(name.lower(), [key.lower() for key in known], 1)
        meant = next((key for key in known if near and key.lower() == near[0]), None)
        raise InputError(
            f"no genome is called {name!r}",
            where=str(catalogue) if catalogue else "the built-in table of genomes",
            expected=f"one of {', '.join(known)}",
            mend=(f"Perhaps {meant} is meant. " if meant else "")
            + "Of any other genome, give a file of your own in genome.fasta",
        )
    return known[name]


def read_catalogue(path: str | os.PathLike[str] | None = None) -> dict[str, NamedGenome]:
    """Read a table of genomes; None reads the built-in one, ``data/genomes.tsv``, which explains its columns.

    Raises
    ------
    InputError
        Names the line: not the columns, an address of another kind, a part that is unknown or there twice, a digest
        that is none, two files of one name, a genome without FASTA, folds that do not count up from 0.
    """
    where = str(path) if path else "the built-in table of genomes"
    rows: dict[str, dict[str, PublishedFile | None]] = {}
    browsers: dict[str, str] = {}
    for line, row in _rows(_text(path), where):
        place = f"{where}, line {line}"
        name, part = row["genome"], row["part"]
        parts = rows.setdefault(name, {})
        if part in parts:
            raise InputError(f"{part} of {name} is there twice", where=place)
        parts[part] = _published(row, place)
        if part == "fasta" and row["browser"]:
            browsers[name] = row["browser"]
    return {name: _genome(name, parts, browsers.get(name), where) for name, parts in rows.items()}


def _text(path: str | os.PathLike[str] | None) -> str:
    try:
        return (Path(path) if path else files("bpflow") / "data" / "genomes.tsv").read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError("not text", where=str(path), expected="a tab-separated table of genomes") from None
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror})", where=str(path), expected="a tab-separated table of genomes"
        ) from None


def _rows(text: str, where: str) -> list[tuple[int, dict[str, str]]]:
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line and line[0] != "#"]
    if not lines:
        raise InputError("no genomes", where=where, expected=f"the columns {', '.join(COLUMNS)}")
    header = [cell.strip() for cell in lines[0][1].split("\t")]
    unknown = [name for name in header if name not in COLUMNS]
    if unknown or not set(COLUMNS[:3]) <= set(header):
        raise InputError(
            f"the columns {', '.join(header)}",
            where=f"{where}, line {lines[0][0]}",
            expected=f"{', '.join(COLUMNS)}, separated by tabs (the last three may be left out)",
        )
    rows = []
    for number, line in lines[1:]:
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) > len(header):
            raise InputError(f"{len(cells)} columns", where=f"{where}, line {number}", expected=f"{len(header)}")
        rows.append((number, dict.fromkeys(COLUMNS, "") | dict(zip(header, cells, strict=False))))
    return rows


def _published(row: dict[str, str], where: str) -> PublishedFile | None:
    _fits(row["genome"], r"\w[\w.-]*", "a genome's name of letters, digits and . _ -", where)
    _fits(row["part"], r"fasta|blacklist|fold_\d+", "fasta, blacklist or fold_0, fold_1 and so on", where)
    if row["address"] == NONE and row["part"] != "fasta":
        return None
    for key in ("address", "checksums"):
        if row[key] or key == "address":
            # In the cache, addresses are paths; none may lead out of it.
            address = r"(https?://[^/\s]+|file://)/(?!.*\.\.)[^\0-\x1f]+"
            _fits(unquote(row[key]), address, "an address of http, https or file", where)
    if row["sha256"]:
        _fits(row["sha256"], r"[0-9a-f]{64}", "64 hexadecimal digits, or nothing", where)
    file = PublishedFile(row["part"], row["address"], row["checksums"] or None, row["sha256"] or None)
    _fits(file.file_name, r"[\w.+-]+", "an address that ends in a file's name of letters, digits and . _ + -", where)
    return file


def _fits(value: str, pattern: str, expected: str, where: str) -> None:
    if re.fullmatch(pattern, value, flags=re.ASCII) is None:
        raise InputError(f"{value!r} found" if value else "an empty cell", where=where, expected=expected)


def _genome(name: str, parts: dict[str, PublishedFile | None], browser: str | None, where: str) -> NamedGenome:
    fasta = parts.pop("fasta", None)
    if fasta is None:
        raise InputError(f"no FASTA of {name}", where=where, expected="a row fasta for each genome")
    blacklist = parts.pop("blacklist", None)
    folds = tuple(file for number in range(len(parts)) if (file := parts.get(f"fold_{number}")))
    if len(folds) != len(parts):
        raise InputError(f"the folds {', '.join(parts)} of {name}", where=where, expected="fold_0, fold_1 and so on")
    genome = NamedGenome(name, fasta, blacklist, folds, browser)
    names = [file.file_name for file in genome.files.values()]
    twice = sorted({file for file in names if names.count(file) > 1})
    if twice:
        raise InputError(f"two files {twice[0]!r} of {name}", where=where, expected="files of different names")
    return genome
