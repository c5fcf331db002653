"""A page as a PDF, printed by a Chromium without a window."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from bpflow.errors import InputError
from bpflow.files import atomic_path

__all__ = ["CHROMIUM_VARIABLE", "find_chromium", "print_page"]

CHROMIUM_VARIABLE = "BPFLOW_CHROMIUM"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Seconds, far more than the largest page takes.
PATIENCE = 600

OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-pdf-header-footer",
)


def find_chromium() -> str:
    """The browser that prints: what the variable ``BPFLOW_CHROMIUM`` names, else a Chromium or Chrome on PATH.

    Raises
    ------
    InputError
        If there is none, or what the variable names is no program.
    """
    named = os.environ.get(CHROMIUM_VARIABLE)
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        raise InputError(
            f"no program {named!r}" if named else "no Chromium or Chrome to print with",
            where=CHROMIUM_VARIABLE if named else "PATH",
            expected=f"{', '.join(CHROMIUM_NAMES[:-1])} on PATH, or the program's path in {CHROMIUM_VARIABLE}",
            mend="Install one (on Debian: apt-get install chromium), or leave the PDF out: the page has all of it",
        )
    return found


def print_page(page: str | os.PathLike[str], pdf: str | os.PathLike[str], *, patience: float = PATIENCE) -> None:
    """Print an HTML file as it looks on paper: all unfolded, in light colours, on A4.

    Parameters
    ----------
    page
        HTML file that needs nothing else.
    pdf
        File to write.
    patience
        Seconds after which the browser is stopped.

    Raises
    ------
    InputError
        If there is no browser, or it fails or takes too long.
    """
    chromium = find_chromium()
    # Chromium's sandbox does not start as root, as a container's user often is; the page is our own.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="bpflow_") as profile, atomic_path(pdf) as temporary:
        command = [chromium, *OPTIONS, *sandbox, f"--user-data-dir={profile}", f"--print-to-pdf={temporary.resolve()}"]
        try:
            done = subprocess.run(
                [*command, Path(page).resolve().as_uri()], capture_output=True, text=True, check=False, timeout=patience
            )
        except subprocess.TimeoutExpired:
            raise InputError(
                f"not printed within {patience:g} s", where=str(page), mend="Print it from a browser by hand"
            ) from None
        if done.returncode or not temporary.read_bytes().startswith(b"%PDF"):
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise InputError(
                f"{chromium} could not print it ({last})", where=str(page), mend="Print it from a browser by hand"
            )
