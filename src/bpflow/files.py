"""Reading and writing files safely: atomic outputs, JSON, digests, compressed input."""

from __future__ import annotations

import glob
import hashlib
import json
import math
import os
import platform
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from isal import igzip, isal_zlib

from bpflow import __version__
from bpflow.errors import InputError

__all__ = [
    "DAMAGED",
    "READ_ERRORS",
    "atomic_path",
    "existing",
    "is_gzip",
    "open_binary",
    "parse_json",
    "read_json",
    "require_writable",
    "reserve",
    "sha256",
    "stamp",
    "text_lines",
    "write_json",
]

# Bytes of a file that is held as text, such as motifs; more may be a few bytes that were packed to fill a memory.
LARGEST_TEXT = 1 << 28
# What a damaged gzip stream raises: a short one EOFError, a corrupt one the others (isal types its own as an object).
READ_ERRORS: tuple[type[Exception], ...] = (
    EOFError,
    zlib.error,
    igzip.BadGzipFile,
    isal_zlib.error,  # type: ignore[assignment]
)


# How to mend a file that was written whole and is not any more.
DAMAGED = "Copy it again; if it is one of a run's results, delete it and start the run again, which makes it anew"


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` only if the block succeeds and all is on the disk.

    Raises
    ------
    OSError
        A full or read-only disk, with `path` as its file name where the system names none.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(final)
    handle, name = tempfile.mkstemp(
        prefix=f".{final.name}.{platform.node()}.{os.getpid()}.", suffix=".part", dir=final.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes private files; outputs follow the user's umask like any other file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        # Network disks say only now that they are full, and a machine that dies leaves no empty file under the name.
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        temporary.replace(final)
    except OSError as error:
        if error.filename is None:
            error.filename = str(final)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _remove_leftovers(final: Path) -> None:
    """Remove what processes of this machine that were killed left behind; others may still be writing."""
    for leftover in final.parent.glob(f".{glob.escape(final.name)}.{glob.escape(platform.node())}.*.part"):
        process = leftover.name.split(".")[-3]
        if not (process.isdigit() and _is_alive(int(process))):
            leftover.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def reserve(handle: IO[bytes], size: int) -> None:
    """Give a new file `size` bytes of the disk now: a process that writes to a mapping of a full disk is ended."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle.fileno(), 0, size)
    else:
        handle.truncate(size)


def require_writable(*paths: str | os.PathLike[str]) -> None:
    """Say now, and not after hours of work, if one of these files cannot be written."""
    for path in map(Path, paths):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path.parent) as handle:
                handle.write(b"\0")
        except OSError as error:
            raise InputError(
                f"cannot be written ({error.strerror})",
                where=str(path),
                expected="a folder that has room and lets you write",
            ) from None


def existing(path: str | os.PathLike[str], what: str) -> Path:
    """Return `path` if it is a readable file, else say which `what` is missing."""
    found = Path(path)
    if not found.is_file():
        kind = "a folder" if found.is_dir() else "no such file"
        raise InputError(kind, where=str(path), expected=f"{what}", mend="Check the path")
    if not os.access(found, os.R_OK):
        raise InputError("not readable", where=str(path), expected=f"{what} that you may read")
    return found


def is_gzip(path: str | os.PathLike[str]) -> bool:
    """Tell gzip and bgzip files by their first bytes, never by their name."""
    with open(path, "rb") as handle:
        return handle.read(2) == b"\x1f\x8b"


def open_binary(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open a plain, gzip or bgzip file for reading bytes."""
    return igzip.open(path, "rb") if is_gzip(path) else open(path, "rb")  # type: ignore[return-value]


def text_lines(path: str | os.PathLike[str], what: str) -> list[tuple[int, str]]:
    """Numbers, from 1, and stripped text of the lines that are neither empty nor comments (``#``); plain or gzip."""
    existing(path, what)
    try:
        with open_binary(path) as handle:
            content = handle.read(LARGEST_TEXT + 1)
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("not text", where=str(path), expected=what) from None
    except READ_ERRORS as error:
        raise InputError(
            f"the compressed file is damaged or cut short ({error})", where=str(path), mend=DAMAGED
        ) from None
    if len(content) > LARGEST_TEXT:
        raise InputError(f"more than {LARGEST_TEXT} bytes of text", where=str(path), expected=what)
    numbered = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return [(number, line) for number, line in numbered if line and not line.startswith("#")]


def sha256(path: str | os.PathLike[str]) -> str:
    """Digest of a file's bytes, in hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def stamp(stage: str, **content: Any) -> dict[str, Any]:
    """A stage's record: its name and the package version, then its content."""
    return {"stage": stage, "version": __version__, **content}


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write JSON atomically; NaN and infinities become null, numpy values plain ones."""
    with atomic_path(path) as temporary:
        text = json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | os.PathLike[str], what: str = "a JSON file") -> Any:
    """Read JSON, naming the file and line where it is not."""
    text = existing(path, what).read_bytes()
    try:
        return parse_json(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise InputError(f"not JSON ({error})", where=f"{path}, line {line}", expected=what, mend=DAMAGED) from None


def parse_json(text: str | bytes) -> Any:
    """Parse JSON; a `ValueError` says what is none, which a key that comes twice in one object is not either."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} comes twice")
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value
