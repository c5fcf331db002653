"""Fetching genomes by name from a server on this machine, that fails in all ways that servers do."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import os
import subprocess
import sys
import time

import pytest

from bpflow.cli import main
from bpflow.errors import InputError
from bpflow.genome_cache import cached_path, default_cache, fetch_file, fetch_genome
from bpflow.genome_catalogue import PublishedFile, find_genome
from unit.file_server import cut, serving, slow, status

CONTENT = gzip.compress(b">chr1\nACGT\n>chrM\nAC\n" * 1000, mtime=0)
NOW = (0.0, 0.0)


@pytest.fixture
def server():
    with serving() as running:
        running.files["/g/tiny.fa.gz"] = CONTENT
        running.files["/g/md5sum.txt"] = f"{hashlib.md5(CONTENT).hexdigest()}  tiny.fa.gz\n".encode()
        yield running


@pytest.fixture
def published(server):
    return PublishedFile("fasta", f"{server.address}/g/tiny.fa.gz", f"{server.address}/g/md5sum.txt")


@pytest.fixture
def unlisted(server):
    return PublishedFile("fasta", f"{server.address}/g/tiny.fa.gz")


@pytest.fixture
def fetch(tmp_path):
    return lambda file, **options: fetch_file(file, tmp_path / "cache", **{"waits": NOW, "timeout": 5, **options})


def record_of(path):
    return json.loads(path.with_name(f"{path.name}.fetched.json").read_text())


def left(tmp_path):
    """Names of the files in the cache but locks and records."""
    return sorted(
        path.name
        for path in (tmp_path / "cache").rglob("*")
        if path.is_file() and not path.name.endswith((".lock", ".fetched.json"))
    )


def test_a_file_is_fetched_once_and_checked(server, published, fetch, tmp_path):
    path = fetch(published)
    assert path == tmp_path / f"cache/127.0.0.1:{server.server_port}/g/tiny.fa.gz"
    assert path.read_bytes() == CONTENT
    assert record_of(path) == {
        "address": published.address,
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "bytes": len(CONTENT),
        "checked": f"md5 of {published.checksums}",
    }
    assert path.stat().st_mtime == 1388534400  # as the server has it
    assert fetch(published) == path
    assert server.asked == ["/g/tiny.fa.gz", "/g/md5sum.txt"]


def test_without_a_list_the_first_digest_counts(unlisted, fetch):
    assert record_of(fetch(unlisted))["checked"] == "first fetch"


def test_a_list_that_does_not_name_the_file(server, published, fetch, caplog):
    server.files["/g/md5sum.txt"] = f"{'0' * 32}  other.fa.gz\n".encode()
    assert record_of(fetch(published))["checked"] == "first fetch"
    assert "does not name tiny.fa.gz" in caplog.text


@pytest.mark.parametrize("failure", [status(500), status(503), status(429), cut], ids=["500", "503", "429", "cut"])
def test_what_passes_is_tried_again(server, published, fetch, failure, caplog):
    server.plans["/g/tiny.fa.gz"] = [failure, failure]
    assert fetch(published).read_bytes() == CONTENT
    assert server.asked.count("/g/tiny.fa.gz") == 3
    assert "next try in 0 s" in caplog.text


@pytest.mark.parametrize(
    ("failure", "words", "asked"),
    [
        (status(404), "the server answered 404 (Not Found).", 1),
        (status(403), "the server answered 403 (Forbidden).", 1),
        (status(500), "the server answered 500 (Internal Server Error), after 3 tries.", 3),
        (cut, "the connection was cut before the file was whole, after 3 tries.", 3),
    ],
    ids=["404", "403", "500", "cut"],
)
def test_what_does_not_pass_is_told_with_what_to_do(server, published, fetch, tmp_path, failure, words, asked):
    server.plans["/g/tiny.fa.gz"] = [failure] * 9
    with pytest.raises(InputError) as caught:
        fetch(published)
    path = cached_path(published, tmp_path / "cache")
    for word in (published.address, words, f"download it by hand to {path}", "genome.fasta"):
        assert word in str(caught.value)
    assert server.asked.count("/g/tiny.fa.gz") == asked
    assert left(tmp_path) == []


def test_a_server_that_does_not_answer(server, published, fetch):
    server.plans["/g/tiny.fa.gz"] = [slow(1.0)] * 9
    with pytest.raises(InputError, match=r"no answer within 0\.1 s, after 3 tries"):
        fetch(published, timeout=0.1)
    server.plans["/g/tiny.fa.gz"] = [slow(1.0)]
    assert fetch(published, timeout=0.5).read_bytes() == CONTENT


def test_nobody_listens_there(published, fetch, tmp_path):
    with serving() as gone:
        address = gone.address
    with pytest.raises(InputError, match=r"no connection \(.*refused.*\), after 3 tries"):
        fetch(PublishedFile("fasta", f"{address}/g/tiny.fa.gz"))
    with pytest.raises(InputError, match=r"no connection \(.*\), after 3 tries"):
        fetch(PublishedFile("fasta", "http://no.such.host.invalid/g/tiny.fa.gz"))


def test_a_wrong_digest_is_not_used(server, published, fetch, tmp_path):
    server.files["/g/md5sum.txt"] = f"{'0' * 32}  tiny.fa.gz\n".encode()
    with pytest.raises(InputError, match=rf"md5 is .*Expected {'0' * 32}, by {published.checksums}"):
        fetch(published)
    assert left(tmp_path) == []


def test_a_digest_of_the_table(unlisted, fetch):
    right = PublishedFile("fasta", unlisted.address, sha256=hashlib.sha256(CONTENT).hexdigest())
    assert record_of(fetch(right))["checked"] == "sha256 of the table of genomes"
    with pytest.raises(InputError, match=r"Expected 0000.*by the table of genomes"):
        fetch(PublishedFile("fasta", unlisted.address, sha256="0" * 64))


def test_a_list_that_cannot_be_had(server, published, fetch, tmp_path):
    del server.files["/g/md5sum.txt"]
    with pytest.raises(InputError, match=r"md5sum\.txt: the server answered 404"):
        fetch(published)
    assert left(tmp_path) == []


def test_a_file_that_changed_where_it_is_published(server, unlisted, fetch):
    path = fetch(unlisted)
    path.unlink()
    server.files["/g/tiny.fa.gz"] = CONTENT[:-1] + b"x"
    with pytest.raises(InputError, match=r"at its first fetch.*remove .*tiny\.fa\.gz\.fetched\.json"):
        fetch(unlisted)
    assert not path.exists()
    server.files["/g/tiny.fa.gz"] = CONTENT
    assert fetch(unlisted) == path


def test_a_file_that_changed_in_the_cache_is_fetched_again(server, unlisted, fetch, caplog):
    path = fetch(unlisted)
    path.write_bytes(CONTENT[:-1] + b"x")
    assert fetch(unlisted).read_bytes() == CONTENT
    assert "changed after it was fetched" in caplog.text
    assert len(server.asked) == 2


def test_a_file_put_there_by_hand(server, published, fetch, tmp_path, caplog):
    path = cached_path(published, tmp_path / "cache")
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert record_of(fetch(published))["checked"] == f"md5 of {published.checksums}"
    assert "/g/tiny.fa.gz" not in server.asked
    # Without network, the list cannot be had.
    path.with_name(f"{path.name}.fetched.json").unlink()
    del server.files["/g/md5sum.txt"]
    assert record_of(fetch(published))["checked"] == "first fetch"
    assert "cannot be held to the publisher's list" in caplog.text
    path.with_name(f"{path.name}.fetched.json").unlink()
    server.files["/g/md5sum.txt"] = f"{'0' * 32}  tiny.fa.gz\n".encode()
    with pytest.raises(InputError, match=f"Expected {'0' * 32}"):
        fetch(published)
    assert path.read_bytes() == CONTENT


def test_a_file_that_the_server_calls_compressed_stays_as_it_is(server, published, fetch):
    server.headers["Content-Encoding"] = "gzip"
    assert fetch(published).read_bytes() == CONTENT


def test_proxies_of_the_environment(server, monkeypatch, fetch):
    monkeypatch.setenv("http_proxy", server.address)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    address = "http://genomes.invalid/g/tiny.fa.gz"
    assert fetch(PublishedFile("fasta", address)).read_bytes() == CONTENT
    assert server.asked == [address]


def test_files_of_this_machine(tmp_path, fetch):
    source = tmp_path / "my genomes" / "tiny.fa.gz"
    source.parent.mkdir()
    source.write_bytes(CONTENT)
    file = PublishedFile("fasta", f"file://{tmp_path}/my%20genomes/tiny.fa.gz")
    path = fetch(file)
    assert path == tmp_path / "cache" / "file" / source.relative_to("/")
    assert path.read_bytes() == CONTENT
    with pytest.raises(InputError, match="no such file"):
        fetch(PublishedFile("fasta", f"file://{tmp_path}/no.fa.gz"))


def test_another_address_of_the_same_place(server, unlisted, fetch):
    fetch(unlisted)
    with pytest.raises(InputError, match=r"the cache holds http.*genome\.cache"):
        fetch(PublishedFile("fasta", f"{unlisted.address}?version=2"))


def test_a_cache_that_cannot_be_written(published, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(InputError, match=r"cannot be written.*genome\.cache"):
        fetch_file(published, tmp_path / "cache", waits=())


def test_a_full_disk(published, fetch, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bpflow.downloads._get", full)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)"):
        fetch(published)
    assert left(tmp_path) == []


def test_two_at_once_fetch_once(server, published, tmp_path):
    """Processes, as locks are between them."""
    server.plans["/g/tiny.fa.gz"] = [slow(2.0)]
    code = (
        "import sys; from bpflow.genome_cache import fetch_file; from bpflow.genome_catalogue import PublishedFile;"
        "print(fetch_file(PublishedFile('fasta', *sys.argv[2:]), sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "cache"), published.address, published.checksums]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert server.asked.count("/g/tiny.fa.gz") == 1
    assert left(tmp_path) == ["tiny.fa.gz"]


def test_one_that_was_killed_leaves_nothing_that_is_used(server, published, fetch, tmp_path):
    server.plans["/g/tiny.fa.gz"] = [slow(30.0)]
    code = (
        "import sys; from bpflow.genome_cache import fetch_file; from bpflow.genome_catalogue import PublishedFile;"
        "fetch_file(PublishedFile('fasta', *sys.argv[2:]), sys.argv[1])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "cache"), published.address, published.checksums]
    )
    deadline = time.monotonic() + 120
    while not server.asked and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not cached_path(published, tmp_path / "cache").exists()
    assert fetch(published).read_bytes() == CONTENT
    assert left(tmp_path) == ["tiny.fa.gz"]


@pytest.fixture
def table(server, tmp_path):
    """A catalogue of one genome with a blacklist and two folds, and a clone of it without them."""
    server.files |= {"/g/black.bed": b"chr1\t0\t2\n", "/g/a.json": b"{}", "/g/b.json": b"[]"}
    rows = [("tiny", "fasta", "tiny.fa.gz", "md5sum.txt"), ("tiny", "blacklist", "black.bed", "")]
    rows += [("tiny", "fold_0", "a.json", ""), ("tiny", "fold_1", "b.json", ""), ("bare", "fasta", "tiny.fa.gz", "")]
    here = f"{server.address}/g/"
    lines = ["\t".join((*row[:2], here + row[2], row[3] and here + row[3])) for row in rows]
    path = tmp_path / "mine.tsv"
    path.write_text("\n".join(["genome\tpart\taddress\tchecksums", *lines, "bare\tblacklist\tnone"]) + "\n")
    return path


def test_a_whole_genome(table, server, tmp_path):
    genome = find_genome("tiny", table)
    record = fetch_genome(genome, tmp_path / "out", cache=tmp_path / "cache", waits=NOW)
    assert record == json.loads((tmp_path / "out/fetched.json").read_text())
    assert [file["part"] for file in record["files"]] == ["fasta", "blacklist", "fold_0", "fold_1"]
    assert sorted(os.listdir(tmp_path / "out")) == ["a.json", "b.json", "black.bed", "fetched.json", "tiny.fa.gz"]
    assert (tmp_path / "out/tiny.fa.gz").read_bytes() == CONTENT
    assert (tmp_path / "out/tiny.fa.gz").is_symlink()
    assert [text.split(" is published")[0] for text in record["messages"]] == [
        f"No digest of {server.address}/g/{name}" for name in ("black.bed", "a.json", "b.json")
    ]


def test_a_full_cache_needs_no_network(table, server, tmp_path):
    genome = find_genome("tiny", table)
    first = fetch_genome(genome, tmp_path / "out", cache=tmp_path / "cache", waits=NOW)
    server.files.clear()
    asked = len(server.asked)
    assert fetch_genome(genome, tmp_path / "other", cache=tmp_path / "cache", waits=()) == first
    assert len(server.asked) == asked


def test_a_full_cache_need_not_be_writable(table, tmp_path, monkeypatch):
    genome, cache = find_genome("tiny", table), tmp_path / "cache"
    fetch_genome(genome, tmp_path / "out", cache=cache, waits=NOW)

    def read_only(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("bpflow.genome_cache._alone", read_only)
    fetch_genome(genome, tmp_path / "other", cache=cache, waits=())
    next(cache.rglob("black.bed")).unlink()
    with pytest.raises(InputError, match="Read-only file system"):
        fetch_genome(genome, tmp_path / "third", cache=cache, waits=())


def test_parts(table, tmp_path):
    genome = find_genome("tiny", table)
    fetch_genome(genome, tmp_path / "out", cache=tmp_path / "cache", parts=["blacklist"], waits=NOW)
    assert sorted(os.listdir(tmp_path / "out")) == ["black.bed", "fetched.json"]
    with pytest.raises(InputError, match="no fold_7 of tiny"):
        fetch_genome(genome, tmp_path / "out", cache=tmp_path / "cache", parts=["fold_7"])


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.delenv("BPFLOW_GENOMES", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache/bpflow/genomes"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert str(default_cache()) == "/x/bpflow/genomes"
    monkeypatch.setenv("BPFLOW_GENOMES", "/lab/genomes")
    assert str(default_cache()) == "/lab/genomes"


def test_the_command(table, server, tmp_path, monkeypatch, caplog, capsys):
    caplog.set_level(logging.INFO, "bpflow")
    monkeypatch.chdir(tmp_path)
    main(["fetch-genome", "bare", "--catalogue", str(table), "--cache", "cache"])
    assert (tmp_path / "bare/tiny.fa.gz").read_bytes() == CONTENT
    assert "No blacklist of bare is published" in caplog.text
    with pytest.raises(SystemExit) as caught:
        main(["fetch-genome", "tinny", "--catalogue", str(table)])
    assert caught.value.code == 2
    assert "Perhaps tiny is meant" in capsys.readouterr().err
