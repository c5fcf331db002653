"""The genome, encoded once into a memory-mapped array of base codes (A C G T = 0 1 2 3, anything else 4)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
from numpy.lib.stride_tricks import sliding_window_view

from bpflow.chromosomes import choose_chromosomes, explain_mismatch
from bpflow.errors import InputError
from bpflow.files import READ_ERRORS, atomic_path, existing, open_binary, read_json, sha256, stamp, write_json

__all__ = [
    "OTHER_BASE",
    "Genome",
    "code_windows",
    "encode",
    "encode_fasta",
    "reverse_complement_codes",
    "sequence_names",
]

OTHER_BASE = 4
INVALID = 255
NEWLINE = ord("\n")

_LETTERS = {"Aa": 0, "Cc": 1, "Gg": 2, "Tt": 3, "NnRrYySsWwKkMmBbDdHhVvUuXx-*.": OTHER_BASE}
_CODES = bytes(next((code for letters, code in _LETTERS.items() if chr(i) in letters), INVALID) for i in range(256))
BLOCK = 1 << 24
WORD = 8


def encode(sequence: str) -> np.ndarray:
    """Encode DNA letters of either case as uint8 codes; letters that are no IUPAC code become 255."""
    return np.frombuffer(bytearray(sequence, "ascii", errors="replace").translate(_CODES), dtype=np.uint8)


def reverse_complement_codes(codes: np.ndarray) -> np.ndarray:
    """Reverse complement of (N, L) uint8 codes; codes of other bases stay."""
    # Whole words are turned, then the bytes in each: several times faster than byte by byte.
    words = -(-codes.shape[1] // WORD)
    padded = np.zeros((len(codes), words * WORD), dtype=np.uint8)
    padded[:, : codes.shape[1]] = codes
    turned = padded.view(np.uint64)[:, ::-1].byteswap().view(np.uint8)[:, words * WORD - codes.shape[1] :]
    # 3 - 4 wraps to 255. With a number in place of the array, the minimum is ten times slower.
    return np.minimum(3 - turned, np.full_like(turned, OTHER_BASE))


def code_windows(array: np.ndarray, starts: np.ndarray, width: int) -> np.ndarray:
    """Windows of equal `width` of an array of codes, (N, width) uint8, copied."""
    return sliding_window_view(np.asarray(array), width)[np.asarray(starts)]


@dataclass(frozen=True)
class Genome:
    """Chromosomes laid end to end in one array, in the order of the FASTA.

    Attributes
    ----------
    names
        Chromosomes kept.
    sizes
        Length of each chromosome, in bases.
    offsets
        Where each chromosome starts in `array`.
    array
        (total length,) uint8 codes, memory-mapped.
    acgt
        Number of A, C, G and T of each chromosome.
    source
        The FASTA it was made from.
    digest
        SHA-256 of that FASTA.
    dropped
        Sequences of the FASTA that were left out, with the reason.
    """

    names: list[str]
    sizes: dict[str, int]
    offsets: dict[str, int]
    array: np.ndarray
    acgt: dict[str, int]
    source: str
    digest: str
    dropped: dict[str, str]

    @classmethod
    def open(cls, path: str | os.PathLike[str], chromosomes: str | Sequence[str] = "auto") -> Genome:
        """Open an encoded genome (``genome.json``) or encode a FASTA for this process alone.

        Parameters
        ----------
        path
            ``genome.json`` written by ``bpflow genome``, or a FASTA (plain, gzip or bgzip; no index is needed).
        chromosomes
            For a FASTA: the rule of :func:`bpflow.chromosomes.choose_chromosomes`.
        """
        if Path(path).suffix == ".json":
            return cls._open_encoded(Path(path))
        with tempfile.TemporaryDirectory(prefix="bpflow_") as folder:
            target = Path(folder) / "genome.json"
            encode_fasta(path, target, chromosomes=chromosomes)
            # The mapping stays valid after the folder is gone.
            return cls._open_encoded(target)

    @classmethod
    def _open_encoded(cls, path: Path) -> Genome:
        record = read_json(path, "an encoded genome written by 'bpflow genome'")
        if not isinstance(record, dict) or record.get("stage") != "genome":
            raise InputError(
                "not an encoded genome", where=str(path), expected="a FASTA or a genome.json of 'bpflow genome'"
            )
        data = existing(path.parent / record["data"], "the encoded sequence beside genome.json")
        rows = record["chromosomes"]
        total = sum(row["length"] for row in rows)
        if data.stat().st_size != total:
            raise InputError(
                f"{data.stat().st_size} bytes",
                where=str(data),
                expected=f"{total}",
                mend=f"Make it anew with 'bpflow genome'; in a run, 'snakemake --force {path}' does",
            )
        return cls(
            names=[row["name"] for row in rows],
            sizes={row["name"]: row["length"] for row in rows},
            offsets={row["name"]: row["offset"] for row in rows},
            array=np.memmap(data, dtype=np.uint8, mode="r"),
            acgt={row["name"]: row["acgt"] for row in rows},
            source=record["source"],
            digest=record["sha256"],
            dropped={row["name"]: row["reason"] for row in record["dropped"]},
        )

    def codes(self, chromosome: str) -> np.ndarray:
        """Codes of one chromosome, (length,) uint8, without copying."""
        start = self.offsets[chromosome]
        return self.array[start : start + self.sizes[chromosome]]

    def global_positions(self, chromosomes: Sequence[str] | np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Places in `array` of 0-based `positions` on `chromosomes`, (N,) int64."""
        names, inverse = np.unique(np.asarray(chromosomes, dtype=object), return_inverse=True)
        self.require(names.tolist(), where="regions")
        offsets = np.array([self.offsets[name] for name in names], dtype=np.int64)
        return (offsets[inverse] if len(names) else np.zeros(0, np.int64)) + np.asarray(positions, dtype=np.int64)

    def locate(self, place: int) -> tuple[str, int]:
        """Chromosome and 0-based position of a place in `array`."""
        starts = np.array([self.offsets[name] for name in self.names])
        name = self.names[int(np.searchsorted(starts, place, side="right")) - 1]
        return name, place - self.offsets[name]

    def windows(self, global_starts: np.ndarray, width: int) -> np.ndarray:
        """Codes of windows of equal width, (N, width) uint8; `global_starts` as :meth:`global_positions`."""
        return code_windows(self.array, global_starts, width)

    def require(self, names: Sequence[str], *, where: str) -> None:
        """Stop if any of `names` is not a chromosome of this genome, saying how names differ."""
        unknown = [name for name in names if name not in self.sizes]
        if not unknown:
            return
        dropped = {name: self.dropped[name] for name in unknown if name in self.dropped}
        mend = explain_mismatch(unknown, self.names)
        if mend is None and dropped:
            name, reason = next(iter(dropped.items()))
            mend = f"{name} was left out of the genome ({reason}); set genome.chromosomes to keep it"
        raise InputError(
            f"chromosome {unknown[0]!r} is not in the genome",
            where=where,
            expected=f"names such as {', '.join(self.names[:3])}",
            mend=mend or "Use the same assembly for all files",
        )


def encode_fasta(
    fasta: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    chromosomes: str | Sequence[str] = "auto",
) -> None:
    """Write ``genome.json``, and beside it ``genome.seq`` (codes, one byte a base) and ``chrom.sizes``.

    Parameters
    ----------
    fasta
        FASTA, plain, gzip or bgzip. It is read from start to end, so no index is needed.
    output
        The JSON's path; the two other files go into its folder.
    chromosomes
        The rule of :func:`bpflow.chromosomes.choose_chromosomes`.

    Raises
    ------
    InputError
        Not a FASTA, a damaged one, a name twice, an empty sequence, letters that are no DNA, nothing kept.
    """
    output = Path(output)
    kept, dropped = choose_chromosomes(sequence_names(fasta), chromosomes, where=str(fasta))
    keep, rows, lengths, offset = set(kept), [], {}, 0
    data = output.with_suffix(".seq")
    with atomic_path(data) as temporary, open(temporary, "wb") as handle:
        for name, sequence in _records(fasta):
            lengths[name] = len(sequence)
            if name not in keep:
                continue
            codes = encode(sequence)
            _check_letters(codes, sequence, name, fasta)
            handle.write(codes.data)
            acgt = int(np.count_nonzero(codes < OTHER_BASE))
            rows.append({"name": name, "length": len(codes), "offset": offset, "acgt": acgt})
            offset += len(codes)
    with atomic_path(output.with_name("chrom.sizes")) as temporary:
        temporary.write_text("".join(f"{row['name']}\t{row['length']}\n" for row in rows))
    write_json(
        output,
        stamp(
            "genome",
            source=str(fasta),
            sha256=sha256(fasta),
            rule=chromosomes if isinstance(chromosomes, str) else list(chromosomes),
            chromosomes=rows,
            dropped=[{"name": name, "length": lengths[name], "reason": why} for name, why in dropped.items()],
            data=data.name,
            messages=[],
        ),
    )


def _records(fasta: str | os.PathLike[str]) -> Iterator[tuple[str, str]]:
    with pysam.FastxFile(str(fasta), persist=False) as records:
        try:
            for record in records:
                name = record.name or ""
                if not record.sequence:
                    raise InputError(f"the sequence {name!r} is empty", where=str(fasta))
                yield name, record.sequence
        except (OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"damaged ({error})", where=str(fasta), mend="Copy or download it again") from None


def sequence_names(fasta: str | os.PathLike[str]) -> list[str]:
    """Names of all sequences. What it reads through is a FASTA and, if compressed, whole."""
    existing(fasta, "a FASTA file")
    names: dict[str, None] = {}
    try:
        with open_binary(fasta) as handle:
            # Blocks end with a line, so that no name is cut.
            block = handle.read(BLOCK) + handle.readline()
            if not block.startswith(b">"):
                raise InputError(
                    f"starts with {block[:1]!r}",
                    where=f"{fasta}, line 1",
                    expected="a FASTA, whose first letter is '>'",
                )
            while block:
                for name in _headers(block):
                    if not name.isprintable():
                        raise InputError(f"the name {name!r}", where=str(fasta), expected="letters that can be printed")
                    if name in names:
                        raise InputError(f"the name {name!r} comes twice", where=str(fasta), expected="unique names")
                    names[name] = None
                block = handle.read(BLOCK) + handle.readline()
    except READ_ERRORS as error:
        raise InputError(
            f"the compressed file is damaged or cut short ({error})",
            where=str(fasta),
            mend="Copy or download it again",
        ) from None
    return list(names)


def _headers(block: bytes) -> Iterator[str]:
    at = block.find(b">")
    while at >= 0:
        if at == 0 or block[at - 1] == NEWLINE:
            end = block.find(b"\n", at)
            words = block[at + 1 : end if end >= 0 else len(block)]
            # The name ends at the first space, as htslib has it; it may be nothing.
            yield "" if words[:1].isspace() or not words else words.split(None, 1)[0].decode("ascii", "replace")
        at = block.find(b">", at + 1)


def _check_letters(codes: np.ndarray, sequence: str, name: str, fasta: str | os.PathLike[str]) -> None:
    if codes.max() == INVALID:
        position = int(np.argmax(codes == INVALID))
        raise InputError(
            f"the letter {sequence[position]!r} at {name}:{position} (0-based) is no DNA",
            where=str(fasta),
            expected="A, C, G, T, N or another IUPAC letter",
        )
