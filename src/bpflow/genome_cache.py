"""Files of genomes that are known by name: fetched once, checked, and kept in a folder that runs share.

In the cache a file's path is its address, as in ``hgdownload.soe.ucsc.edu/goldenPath/hg38/bigZips/hg38.fa.gz``, so that
a person can put it there too. Beside it, ``NAME.fetched.json`` holds the SHA-256 it had at first; a file that has
another one later is not used.
"""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from bpflow.checksum_lists import digest_of, published_digest
from bpflow.downloads import TIMEOUT, WAITS, download, read_address
from bpflow.errors import InputError
from bpflow.files import atomic_path, read_json, sha256, stamp, write_json
from bpflow.genome_catalogue import NamedGenome, PublishedFile

__all__ = ["CACHE_VARIABLE", "cached_path", "default_cache", "fetch_file", "fetch_genome"]

#: The environment's name for the folder that runs share.
CACHE_VARIABLE = "BPFLOW_GENOMES"
FIRST_FETCH = "first fetch"
CATALOGUE = "the table of genomes"

log = logging.getLogger("bpflow")


class _NoListError(InputError):
    """The publisher's list of digests cannot be had."""


def default_cache() -> Path:
    """``$BPFLOW_GENOMES``, else ``bpflow/genomes`` in ``$XDG_CACHE_HOME``, else in ``~/.cache``."""
    if given := os.environ.get(CACHE_VARIABLE):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bpflow" / "genomes"


def cached_path(file: PublishedFile, cache: str | os.PathLike[str]) -> Path:
    """Where a file of this address lies in the cache, whether or not it is there."""
    parts = urlsplit(file.address)
    return Path(cache) / (parts.netloc or "file") / unquote(parts.path).lstrip("/")


def fetch_genome(
    genome: NamedGenome,
    output: str | os.PathLike[str],
    *,
    cache: str | os.PathLike[str] | None = None,
    parts: Collection[str] | None = None,
    waits: Sequence[float] = WAITS,
    timeout: float = TIMEOUT,
) -> dict[str, Any]:
    """Fetch a genome's files into the cache, link them into `output`, and write ``fetched.json`` there.

    Parameters
    ----------
    genome
        The genome, of `find_genome`.
    output
        Folder of the links, which have the files' names, and of the record.
    cache
        Folder that runs share; None takes `default_cache`.
    parts
        Only these parts; None takes all that are published.
    waits, timeout
        As in `bpflow.downloads.download`.

    Returns
    -------
    dict
        The record that was written: name, and of each file part, address, sha256, bytes, and what it was checked by.

    Raises
    ------
    InputError
        A part is not published, a file cannot be fetched, or it is not the one it should be.
    """
    cache = Path(cache) if cache else default_cache()
    wanted = list(genome.files) if parts is None else list(parts)
    absent = [part for part in wanted if part not in genome.files]
    if absent:
        raise InputError(
            f"no {absent[0]} of {genome.name} is published",
            where="--parts",
            expected=f"among {', '.join(genome.files)}",
        )
    folder, rows = Path(output), []
    folder.mkdir(parents=True, exist_ok=True)
    for part in wanted:
        file = genome.files[part]
        path = fetch_file(file, cache, waits=waits, timeout=timeout)
        _link(path, folder / file.file_name)
        rows.append({"part": part, **read_json(_record_of(path))})
    record = stamp("fetched_genome", name=genome.name, files=rows, messages=_messages(genome, rows, wanted))
    write_json(folder / "fetched.json", record)
    return record


def fetch_file(
    file: PublishedFile,
    cache: str | os.PathLike[str],
    *,
    waits: Sequence[float] = WAITS,
    timeout: float = TIMEOUT,
) -> Path:
    """Path of a published file in the cache; it is fetched if it is not there whole.

    A file of the cache is used without network after its SHA-256 was compared with the recorded one. Else it is fetched
    and must have the digest of the table, of the publisher's list, and of the first fetch, as far as there are any.
    Several processes may do this at once: one fetches and the others wait for it.

    Parameters
    ----------
    file
        What is wanted.
    cache
        Folder that runs share.
    waits, timeout
        As in `bpflow.downloads.download`.

    Raises
    ------
    InputError
        It cannot be fetched, or is not the file that it should be.
    """
    target = cached_path(file, cache)
    if _is_whole(file, target):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target):
            if not _is_whole(file, target):
                _fetch(file, target, waits, timeout)
    except InputError as error:
        raise InputError(
            error.found, where=error.where, expected=error.expected, mend=error.mend or _by_hand(file, target)
        ) from None
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})",
            where=str(target.parent),
            expected="a folder that has room and lets you write, or one that holds the file already",
            mend=f"Set genome.cache, --cache or {CACHE_VARIABLE} to another folder",
        ) from None
    return target


def _is_whole(file: PublishedFile, target: Path) -> bool:
    """Whether the cache holds the file that was recorded; one without a record is not trusted yet."""
    if not target.is_file() or not _record_of(target).is_file():
        return False
    record = _read_record(file, target)
    if file.sha256 not in (None, record["sha256"]):
        return False
    if target.stat().st_size == record["bytes"] and sha256(target) == record["sha256"]:
        return True
    log.warning("%s was changed after it was fetched; it is fetched again", target)
    return False


def _fetch(file: PublishedFile, target: Path, waits: Sequence[float], timeout: float) -> None:
    if target.is_file() and not _record_of(target).is_file():
        log.info("%s was put there by hand", target)
        try:
            _write_record(file, target, _checked(file, target, (), timeout))
        except _NoListError as error:
            log.warning("it cannot be held to the publisher's list: %s", error)
            _write_record(file, target, FIRST_FETCH)
        return
    log.info("fetching %s to %s", file.address, target)
    with atomic_path(target) as temporary:
        download(file.address, temporary, waits=waits, timeout=timeout)
        checked = _checked(file, temporary, waits, timeout)
        if _record_of(target).is_file():
            _same_as_at_first(file, temporary, target)
        else:
            _write_record(file, temporary, checked, target)


def _write_record(file: PublishedFile, path: Path, checked: str, target: Path | None = None) -> None:
    record = {"address": file.address, "sha256": sha256(path), "bytes": path.stat().st_size, "checked": checked}
    write_json(_record_of(target or path), record)


def _same_as_at_first(file: PublishedFile, path: Path, target: Path) -> None:
    first, found = _read_record(file, target)["sha256"], sha256(path)
    if found != first:
        raise InputError(
            f"the file has the SHA-256 {found}, and at its first fetch it had {first}",
            where=file.address,
            mend="It was changed where it is published, or on the way. If you trust the new one, remove "
            f"{_record_of(target)} and what was made of the old one; else give a copy of the old one in the "
            f"configuration ({_own_key(file)})",
        )


def _checked(file: PublishedFile, path: Path, waits: Sequence[float], timeout: float) -> str:
    """Compare with the table's digest and the publisher's; what it was compared with, in words."""
    if file.sha256 is not None:
        _same(file.address, "sha256", digest_of(path, "sha256"), file.sha256, CATALOGUE)
        return f"sha256 of {CATALOGUE}"
    if file.checksums is None:
        return FIRST_FETCH
    with tempfile.TemporaryDirectory(prefix="bpflow_") as folder:
        try:
            text = read_address(file.checksums, folder, waits=waits, timeout=timeout)
        except InputError as error:
            raise _NoListError(error.found, where=error.where) from None
    published = published_digest(text, file.file_name, file.checksums)
    if published is None:
        log.warning("%s does not name %s", file.checksums, file.file_name)
        return FIRST_FETCH
    _same(file.address, published.kind, digest_of(path, published.kind), published.value, file.checksums)
    return f"{published.kind} of {file.checksums}"


def _same(address: str, kind: str, found: str, expected: str, source: str) -> None:
    if found != expected:
        raise InputError(f"the file's {kind} is {found}", where=address, expected=f"{expected}, by {source}")


def _messages(genome: NamedGenome, rows: Sequence[dict[str, Any]], wanted: Collection[str]) -> list[str]:
    messages = [
        f"No digest of {row['address']} is published; it is held to the one that it had at its first fetch."
        for row in rows
        if row["checked"] == FIRST_FETCH
    ]
    if genome.blacklist is None and "fasta" in wanted:
        messages.append(f"No blacklist of {genome.name} is published that fits, so that none is used.")
    return messages


def _record_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.fetched.json")


def _read_record(file: PublishedFile, target: Path) -> dict[str, Any]:
    path = _record_of(target)
    record = read_json(path, "what was recorded at the first fetch")
    if not isinstance(record, dict) or not {"address", "sha256", "bytes", "checked"} <= record.keys():
        raise InputError("no record of a fetch", where=str(path), mend="Remove it, and the file will be fetched anew")
    if record["address"] != file.address:
        raise InputError(
            f"the cache holds {record['address']} in its place",
            where=file.address,
            mend="Choose another folder in genome.cache",
        )
    return record


def _by_hand(file: PublishedFile, target: Path) -> str:
    return (
        f"Run it again where there is network, or download it by hand to {target}, or give a file of your own in the "
        f"configuration ({_own_key(file)})"
    )


def _own_key(file: PublishedFile) -> str:
    """The key of the configuration that a file of one's own goes into."""
    return "folds.files" if file.part.startswith("fold_") else f"genome.{file.part}"


def _link(path: Path, link: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".link.", dir=link.parent) as folder:
        temporary = Path(folder) / link.name
        temporary.symlink_to(path.resolve())
        temporary.replace(link)


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Let one process after the other in, on file systems that have locks; elsewhere renaming has to do."""
    with open(target.with_name(f".{target.name}.lock"), "a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("waiting for another process that fetches %s", target.name)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            log.warning("%s has no locks: let no other run fetch the same genome now", target.parent)
        yield
