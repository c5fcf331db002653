from __future__ import annotations

import hashlib
import json
import shutil
import subprocess

import pytest

from bpflow.checksum_lists import PublishedDigest, digest_of, published_digest
from bpflow.errors import InputError

MD5 = "393688b4f06c9ce26165d47433dd8c37"
SHA256 = "6ff72f079c3268431fc514a1a88730f8290e717663d343fa8a3590af65c422c3"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{'0' * 32}  other.fa.gz\n{MD5}  g.fa.gz\n", ("md5", MD5)),
        (f"{MD5.upper()} *./g.fa.gz\n", ("md5", MD5)),
        (f"{SHA256}  dir/g.fa.gz\n", ("sha256", SHA256)),
        ("46264 36462 g.fa.gz\n", ("sum", "46264 36462")),
        ("64    3 g.fa.gz\n", ("sum", "00064 3")),
        (json.dumps({"md5sum": MD5, "href": "/files/X/@@download/g.fa.gz"}), ("md5", MD5)),
        (json.dumps({"files": [{"key": "g.fa.gz", "checksum": f"md5:{MD5}"}]}), ("md5", MD5)),
        (f"{MD5}  big.fa.gz.md5\n{MD5}  og.fa.gz\n", None),
    ],
)
def test_lists_of_all_kinds(text, expected):
    found = published_digest(text.encode(), "g.fa.gz", "here")
    assert found == (expected and PublishedDigest(*expected))


@pytest.mark.parametrize(
    "text", ["", "<html>not found</html>", "{", "{}", '{"files": [{"key": "g"}]}', '{"files": 3}', "\xff\xfe"]
)
def test_what_is_no_list_is_said_so(text):
    with pytest.raises(InputError, match=r"here: no list of digests\. Expected lines of md5sum"):
        published_digest(text.encode("latin-1"), "g.fa.gz", "here")


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 5000])
def test_the_sum_is_that_of_the_program(tmp_path, size):
    path = tmp_path / "x"
    path.write_bytes(bytes(i * i % 251 for i in range(size)))
    assert shutil.which("sum"), "coreutils has it"
    said = subprocess.run(["sum", "-r", path], capture_output=True, text=True, check=True).stdout.split()
    assert digest_of(path, "sum").split() == [said[0], said[1]]


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256", "sha512"])
def test_digests(tmp_path, kind):
    (tmp_path / "x").write_bytes(b"ACGT")
    assert digest_of(tmp_path / "x", kind) == hashlib.new(kind, b"ACGT").hexdigest()
