"""Printing a page: which browser is taken, and what is said where it cannot."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from bpflow.cli import main
from bpflow.errors import InputError
from bpflow.report.pdf import CHROMIUM_VARIABLE, find_chromium, print_page


def program(path: Path, body: str) -> Path:
    """A stand-in for a browser: a Python program."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def no_browser(monkeypatch, tmp_path):
    monkeypatch.delenv(CHROMIUM_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


@pytest.fixture
def page(tmp_path) -> Path:
    path = tmp_path / "a page.html"
    path.write_text("<title>It</title><p>Words on paper")
    return path


def test_the_variable_comes_before_the_path(monkeypatch, no_browser, tmp_path):
    found = program(tmp_path / "bin" / "google-chrome", "")
    assert find_chromium() == str(found)
    found = program(tmp_path / "bin" / "chromium", "")
    assert find_chromium() == str(found)
    mine = program(tmp_path / "mine", "")
    monkeypatch.setenv(CHROMIUM_VARIABLE, str(mine))
    assert find_chromium() == str(mine)
    monkeypatch.setenv(CHROMIUM_VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(InputError, match=r"BPFLOW_CHROMIUM: no program .*gone"):
        find_chromium()


@pytest.mark.usefixtures("no_browser")
def test_without_a_browser_the_command_says_what_to_install_before_it_works(make_tree, tmp_path, capsys):
    tree = make_tree(stage="qc")
    output = tmp_path / "qc.html"
    arguments = ["--results", str(tree.root), "--samples", "yeast_wt", "--folds", "0", "--stage", "qc"]
    with pytest.raises(SystemExit) as stopped:
        main(["report", *arguments, "--output", str(output), "--pdf", str(tmp_path / "qc.pdf")])
    assert stopped.value.code == 2
    assert "apt-get install chromium" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("print('no display', file=sys.stderr); sys.exit(3)", r"could not print it \(no display\)"),
        ("sys.exit(0)", r"could not print it \(exit code 0\)"),
        ("time.sleep(60)", r"not printed within 1 s"),
    ],
)
def test_a_browser_that_fails_leaves_no_file(monkeypatch, no_browser, page, tmp_path, body, message):
    monkeypatch.setenv(CHROMIUM_VARIABLE, str(program(tmp_path / "browser", body)))
    with pytest.raises(InputError, match=message):
        print_page(page, tmp_path / "out" / "page.pdf", patience=1)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_sandbox_is_left_out_for_root_alone(monkeypatch, no_browser, page, tmp_path):
    body = f"open({str(tmp_path / 'words')!r}, 'w').write(' '.join(sys.argv[1:]))"
    monkeypatch.setenv(CHROMIUM_VARIABLE, str(program(tmp_path / "browser", body)))
    for user, expected in ((0, True), (1000, False)):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        with pytest.raises(InputError):
            print_page(page, tmp_path / "page.pdf")
        words = (tmp_path / "words").read_text()
        assert ("--no-sandbox" in words) == expected
        assert words.endswith("/a%20page.html")


@pytest.mark.system
@pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium: make system-deps")
def test_chromium_prints(page, tmp_path):
    print_page(page, tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
