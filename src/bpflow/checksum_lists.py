"""Publishers' lists of digests: what they say of a file, and whether the file has it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bpflow.errors import InputError

__all__ = ["PublishedDigest", "digest_of", "published_digest"]

HEXADECIMAL = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
BLOCK = 1 << 20


class PublishedDigest(NamedTuple):
    """A digest, and how it is computed: md5, sha1, sha256, sha512, or sum (BSD's 16 bits, and the number of KiB)."""

    kind: str
    value: str


def published_digest(text: bytes, file_name: str, where: str) -> PublishedDigest | None:
    """What a list of digests says of a file.

    Parameters
    ----------
    text
        The list: lines of ``md5sum`` and its like, lines of ``sum`` as Ensembl's CHECKSUMS, ENCODE's JSON of one file
        or Zenodo's JSON of a record.
    file_name
        The file's name, without folders.
    where
        Where the list is from, for messages.

    Returns
    -------
    PublishedDigest or None
        None where the list does not name the file.

    Raises
    ------
    InputError
        It is no such list.
    """
    words = text.decode("utf-8", errors="replace")
    try:
        entries = list(_json_entries(json.loads(words)) if words.lstrip().startswith("{") else _lines(words))
    except (AttributeError, KeyError, TypeError, ValueError):
        entries = []
    if not entries:
        raise InputError(
            "no list of digests",
            where=where,
            expected="lines of md5sum, sha256sum or sum, or JSON of ENCODE or Zenodo",
        )
    return next((digest for name, digest in entries if PurePosixPath(name).name == file_name), None)


def digest_of(path: str | os.PathLike[str], kind: str) -> str:
    """The digest of a file's bytes, as `PublishedDigest` writes it."""
    if kind == "sum":
        return _bsd_sum(Path(path))
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, kind).hexdigest()


def _lines(text: str) -> Iterator[tuple[str, PublishedDigest]]:
    for line in text.splitlines():
        if match := re.fullmatch(r"([0-9a-fA-F]+)\s+\*?(\S+)", line.strip()):
            if len(match[1]) in HEXADECIMAL:
                yield match[2], PublishedDigest(HEXADECIMAL[len(match[1])], match[1].lower())
        elif match := re.fullmatch(r"(\d{1,5})\s+(\d+)\s+(\S+)", line.strip()):
            yield match[3], PublishedDigest("sum", f"{int(match[1]):05} {match[2]}")


def _json_entries(content: dict) -> Iterator[tuple[str, PublishedDigest]]:
    if "md5sum" in content:
        yield content["href"], PublishedDigest("md5", content["md5sum"].lower())
    for file in content.get("files", ()):
        kind, _, value = file["checksum"].partition(":")
        if kind in HEXADECIMAL.values():
            yield file["key"], PublishedDigest(kind, value.lower())


def _bsd_sum(path: Path) -> str:
    """What ``sum`` prints: a 16-bit sum that is turned by a bit before each byte, and the number of KiB begun."""
    total = 0
    with open(path, "rb") as handle:
        while block := handle.read(BLOCK):
            for byte in block:
                total = ((total >> 1) + ((total & 1) << 15) + byte) & 0xFFFF
    return f"{total:05} {-(-path.stat().st_size // 1024)}"
