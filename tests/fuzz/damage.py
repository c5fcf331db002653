"""Strategies that damage good files: bytes, lines, columns, compression and JSON."""

from __future__ import annotations

import copy
import gzip
import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

__all__ = ["damaged_bytes", "damaged_json", "damaged_json_text", "damaged_text", "json_values"]

NUMBERS = [
    *(b"0", b"-1", b"-0", b"+1", b"00012", b"1e3", b"1.0", b"1.5", b"0x10", b"1_000", b" 7", b"7 ", b"nan", b"inf"),
    *(b"2147483648", b"4294967296", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809"),
    *(b"9" * 30, b"9" * 5000, b"\xd9\xa3", b"\xc2\xb2", b"--5", b"1-", b"", b"."),
]
BYTES = [
    *(b"\0", b"\xff", b"\xc3", b"\xe2\x80\xa8", b"\xc2\x85", b"\x0b", b"\x0c", b"\x1c", b"\x85"),
    *(b"\r", b"\r\n", b"\n", b"\t", b" ", b"\0" * 8, b"\xff" * 8, b"\xff" * 7 + b"\x7f"),
]
TEXTS = [b"#", b'"', b"'", b"track name=x\n", b"browser\n", b"\xef\xbb\xbf", b"chrUn", b"\t\t", b"\n\n", b"A" * 70_000]
JSON_TEXTS = [
    *(b"[" * 100_000, b'{"a":' * 50_000, b"NaN", b"9" * 5000, b"-Infinity", b"1e999999", b'{"train":[]}', b'"\\ud800"'),
    *(b"/* x */", b",", b"'", b'"train": ["chr2"], ', b'{"train": 1, "train": 2}', b"true", b"null", b"[]", b"{}"),
]
ODD_VALUES = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2,
        7,
        24,
        1.5,
        1e308,
        float("nan"),
        float("inf"),
        1 << 31,
        1 << 63,
        10**30,
        1 << 200,
    ),
    *("", "x", "1", "NaN", "\ud800", "\0", "a\nb", "x" * 10_000, [], {}, [[]], [None], {"": None}, ["x", 1]),
    *(
        [1, 2, 3],
        [10**12],
        [1 << 40, 1 << 40],
        [-1, -1],
        {"kind": "bpnet"},
        {"self": 1},
        json.loads("[" * 200 + "]" * 200),
    ),
]
ENCODINGS = ["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1"]

PLACE = st.integers(0, (1 << 16) - 1)
Change = tuple[str, int, int, bytes]


def damaged_text(seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> st.SearchStrategy[bytes]:
    """Tables of lines and columns with some damage, plain or compressed, the compressed bytes damaged as well."""
    changes = _changes([*BYTE_CHANGES, *LINE_CHANGES, "splice"], [*NUMBERS, *BYTES, *TEXTS, *words], 5)
    packing = st.tuples(st.sampled_from(["", "", "", *PACKINGS]), PLACE, st.booleans())
    return st.builds(lambda seed, made, how: _packed(_changed(seeds, seed, made), *how), PLACE, changes, packing)


def damaged_bytes(seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> st.SearchStrategy[bytes]:
    """Binary files with some damage."""
    changes = _changes([*BYTE_CHANGES, "splice"], [*BYTES, *words], 6)
    return st.builds(lambda seed, made: _changed(seeds, seed, made), PLACE, changes)


def damaged_json_text(value: Any, seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> st.SearchStrategy[bytes]:
    """JSON that is damaged as a value, or as text: keys twice, deep nesting, huge numbers, other encodings."""
    changes = _changes([*BYTE_CHANGES, "splice"], [*JSON_TEXTS, *BYTES, *words], 4)
    as_text = st.builds(
        lambda seed, made, name: _changed(seeds, seed, made).decode("utf-8", "replace").encode(name, "replace"),
        *(PLACE, changes, st.sampled_from(ENCODINGS)),
    )
    as_bytes = st.builds(lambda seed, made: _changed(seeds, seed, made), PLACE, changes)
    return st.one_of(damaged_json(value).map(lambda changed: json.dumps(changed).encode()), as_text, as_bytes)


def damaged_json(value: Any) -> st.SearchStrategy[Any]:
    """A JSON value in which some places hold something else, or nothing."""
    return json_values(3).map(lambda changes: change_json(value, changes))


def json_values(most: int) -> st.SearchStrategy[list[tuple[int, str, int]]]:
    """Changes for :func:`change_json`."""
    odd = st.integers(0, len(ODD_VALUES) - 1)
    return st.lists(st.tuples(PLACE, st.sampled_from(["put", "drop", "add", "twice"]), odd), max_size=most)


def change_json(value: Any, changes: Sequence[tuple[int, str, int]]) -> Any:
    """A copy in which some places hold something else, or nothing."""
    value = copy.deepcopy(value)
    for number, how, which in changes:
        odd = copy.deepcopy(ODD_VALUES[which])
        places = _places(value)
        place = places[number % len(places)]
        if not place:
            value = odd if how == "put" else value
            continue
        *outer, last = place
        inside = value
        for key in outer:
            inside = inside[key]
        if how == "put":
            inside[last] = odd
        elif how == "drop":
            del inside[last]
        elif isinstance(inside, dict):
            inside[str(odd)[:50]] = odd
        else:
            inside.append(inside[last] if how == "twice" else odd)
    return value


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if len(path) > 50:
        return [path]
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inside for place in _places(item, (*path, key)))]


def _changes(kinds: Sequence[str], words: Sequence[bytes], most: int) -> st.SearchStrategy[list[Change]]:
    numbers = st.integers(-5, 6000).map(lambda number: str(number).encode())
    word = st.one_of(st.sampled_from(words), st.binary(max_size=9), numbers)
    return st.lists(st.tuples(st.sampled_from(kinds), PLACE, PLACE, word), max_size=most)


def _changed(seeds: Sequence[bytes], seed: int, changes: Sequence[Change]) -> bytes:
    content = seeds[seed % len(seeds)]
    for kind, place, number, word in changes:
        if kind in BYTE_CHANGES:
            content = BYTE_CHANGES[kind](content, place % (len(content) + 1), number, word)
        elif kind == "splice":
            other = seeds[number % len(seeds)]
            content = content[: place % (len(content) + 1)] + other[number % len(other) :]
        else:
            lines = content.splitlines(keepends=True) or [b""]
            LINE_CHANGES[kind](lines, place % len(lines), number, word)
            content = b"".join(lines)
    return content


def _flip(content: bytes, place: int, number: int, word: bytes) -> bytes:
    return (
        content[:place] + bytes(byte ^ (1 << number % 8) for byte in content[place : place + 1]) + content[place + 1 :]
    )


def _overwrite(content: bytes, place: int, number: int, word: bytes) -> bytes:
    return content[:place] + word + content[place + len(word) :]


def _insert(content: bytes, place: int, number: int, word: bytes) -> bytes:
    return content[:place] + word + content[place:]


def _remove(content: bytes, place: int, number: int, word: bytes) -> bytes:
    return content[:place] + content[place + number % 64 + 1 :]


def _cut(content: bytes, place: int, number: int, word: bytes) -> bytes:
    return content[:place]


def _repeat(content: bytes, place: int, number: int, word: bytes) -> bytes:
    return content[:place] + content[place : place + number % 64 + 1] * (number % 5) + content[place:]


def _lines_end_in(content: bytes, place: int, number: int, word: bytes) -> bytes:
    return content.replace(b"\n", [b"\r\n", b"\r", b"\n\n"][number % 3])


def _column(lines: list[bytes], place: int, number: int, word: bytes) -> None:
    body = lines[place].rstrip(b"\r\n")
    fields = body.split(b"\t")
    fields[number % len(fields)] = word
    lines[place] = b"\t".join(fields) + lines[place][len(body) :]


def _columns(lines: list[bytes], place: int, number: int, word: bytes) -> None:
    fields = lines[place].rstrip(b"\r\n").split(b"\t")
    lines[place] = b"\t".join((fields * 9)[: number % 14]) + b"\n"


def _move(lines: list[bytes], place: int, number: int, word: bytes) -> None:
    lines.insert(number % len(lines), lines[place])


def _drop(lines: list[bytes], place: int, number: int, word: bytes) -> None:
    del lines[place]


BYTE_CHANGES: dict[str, Callable[[bytes, int, int, bytes], bytes]] = {
    **{"flip": _flip, "overwrite": _overwrite, "insert": _insert, "remove": _remove, "cut": _cut, "repeat": _repeat},
    "lines end in": _lines_end_in,
}
LINE_CHANGES: dict[str, Callable[[list[bytes], int, int, bytes], None]] = {
    **{"column": _column, "columns": _columns, "move": _move, "drop": _drop}
}


def _packed(content: bytes, how: str, place: int, blocks: bool) -> bytes:
    if not how:
        return content
    pack = _bgzip if blocks else _gzip
    whole = pack(content)
    at = place % len(whole)
    if how == "cut":
        return whole[:at]
    if how == "flipped":
        return _flip(whole, at, place, b"")
    if how == "members":
        middle = place % (len(content) + 1)
        return pack(content[:middle]) + _gzip(content[middle:])
    if how == "tail":
        return whole + [b"\0" * 20, b"x", b"\x1f\x8b", b"chr1\t1\t2\n"][place % 4]
    return whole


PACKINGS = ["whole", "cut", "flipped", "members", "tail"]


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, 1, mtime=0)


def _bgzip(content: bytes) -> bytes:
    """BGZF blocks of up to 60 kB, and the empty one at the end."""
    blocks = []
    for first in [*range(0, len(content), 60_000), len(content)]:
        data = content[first : first + 60_000]
        packer = zlib.compressobj(1, zlib.DEFLATED, -15)
        body = packer.compress(data) + packer.flush()
        head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + (len(body) + 25).to_bytes(2, "little")
        blocks.append(head + body + zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little"))
    return b"".join(blocks)
