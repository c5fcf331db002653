"""Fetching a file from an address: retried where that may help, and given only when it is whole."""

from __future__ import annotations

import http
import logging
import os
import shutil
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests
import urllib3

from bpflow.errors import InputError

__all__ = ["TIMEOUT", "WAITS", "download", "read_address"]

#: Seconds before each further try.
WAITS: tuple[float, ...] = (2.0, 10.0, 30.0)
#: Seconds without an answer, and without further bytes, after which a try is given up.
TIMEOUT = 60.0
BLOCK = 1 << 20
#: A list of digests is a few kB; what is larger is something else.
LARGEST_TEXT = 1 << 24
#: Answers after which the same question may be answered otherwise.
PASSING = {408, 425, 429, 500, 502, 503, 504}

log = logging.getLogger("bpflow")


class _FailedTryError(Exception):
    """One try that did not succeed, and whether another may."""

    def __init__(self, reason: str, *, passing: bool) -> None:
        self.reason, self.passing = reason, passing
        super().__init__(reason)


def download(
    address: str, target: str | os.PathLike[str], *, waits: Sequence[float] = WAITS, timeout: float = TIMEOUT
) -> None:
    """Write the bytes of an address, http, https or file, to `target`, with the time they were last changed.

    Proxies are those of the environment (``https_proxy``, ``no_proxy``). Bytes are kept as they are stored: a server
    that calls a ``.gz`` file a compressed answer does not get it unpacked.

    Parameters
    ----------
    address
        The address.
    target
        A temporary file; where this raises, what it holds is of no use.
    waits
        Seconds before each further try, where a try failed in a way that may pass.
    timeout
        Seconds without an answer, and without further bytes, after which a try is given up.

    Raises
    ------
    InputError
        What happened at which address.
    """
    for wait in (*waits, None):
        try:
            if urlsplit(address).scheme == "file":
                _copy(address, Path(target))
            else:
                _get(address, Path(target), timeout)
            return
        except _FailedTryError as failed:
            if wait is None or not failed.passing:
                tries = f", after {len(waits) + 1} tries" if failed.passing and waits else ""
                raise InputError(f"{failed.reason}{tries}", where=address) from None
            log.warning("%s: %s; next try in %g s", address, failed.reason, wait)
            time.sleep(wait)


def read_address(
    address: str, folder: str | os.PathLike[str], *, waits: Sequence[float] = WAITS, timeout: float = TIMEOUT
) -> bytes:
    """The bytes of a small file at an address, by way of `folder`; raises as `download` does."""
    target = Path(folder) / "list"
    download(address, target, waits=waits, timeout=timeout)
    if target.stat().st_size > LARGEST_TEXT:
        raise InputError(f"{target.stat().st_size} bytes", where=address, expected="a list of digests")
    return target.read_bytes()


def _copy(address: str, target: Path) -> None:
    source = Path(unquote(urlsplit(address).path))
    if not source.is_file() or not os.access(source, os.R_OK):
        raise _FailedTryError("not readable" if source.exists() else "no such file", passing=False)
    shutil.copyfile(source, target)
    shutil.copystat(source, target)


def _get(address: str, target: Path, timeout: float) -> None:
    # Only what is not recoded on the way has the published digest.
    headers = {"Accept-Encoding": "identity"}
    try:
        with requests.get(address, stream=True, timeout=timeout, headers=headers) as answer:
            if answer.status_code != requests.codes.ok:
                raise _FailedTryError(_said(answer.status_code), passing=answer.status_code in PASSING)
            with open(target, "wb") as handle:
                for block in answer.raw.stream(BLOCK, decode_content=False):
                    handle.write(block)
            changed = answer.headers.get("Last-Modified")
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidProxyURL) as error:
        raise _FailedTryError(f"no address that can be asked ({error})", passing=False) from None
    except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError):
        raise _FailedTryError(f"no answer within {timeout:g} s", passing=True) from None
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _FailedTryError(_cause(error), passing=True) from None
    if changed:
        _keep_time(target, changed)


def _said(status: int) -> str:
    try:
        return f"the server answered {status} ({http.HTTPStatus(status).phrase})"
    except ValueError:
        return f"the server answered {status}"


def _cause(error: BaseException) -> str:
    """The innermost reason: libraries wrap one error into another."""
    text = str(error)
    if isinstance(error, urllib3.exceptions.IncompleteRead) or "IncompleteRead" in text:
        return "the connection was cut before the file was whole"
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"no connection ({reason})"


def _keep_time(target: Path, changed: str) -> None:
    """A file that is fetched again is then as old as it was, and nothing is made anew from it."""
    try:
        seconds = parsedate_to_datetime(changed).timestamp()
    except (TypeError, ValueError):
        return
    os.utime(target, (seconds, seconds))
