"""Make a small simulated data set whose truth is known: genome, fragments, blacklist, and what was planted.

    python scripts/make_demo_data.py --output demo --assay ATAC --seed 1

The expected number of insertions at a base is ``accessibility x bias``:

* accessibility is a flat background plus open regions. A region's total is decided by the transcription factor
  sites planted in it alone (``SITE_TOTAL x 2 ** (sum of the sites' strengths)``), and every site leaves a footprint;
  no site of a planted motif is left elsewhere, so that accessibility is a function of the sequence and nothing else.
* bias is the enzyme's preference, ``exp`` of a sum over the bases around the cut, of mean 1.

Insertions are Poisson draws, then paired into fragments, so every base's expectation is exact. Coordinates are as
aligned (not shifted). The same options give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pysam

from bpflow.bigwig_writer import write_bigwig
from bpflow.files import atomic_path, write_json

CHROMOSOME_LENGTHS = {
    "chr1": 750_000,
    "chr2": 640_000,
    "chr3": 540_000,
    "chr4": 450_000,
    "chr5": 350_000,
    "chr6": 270_000,
}
MITOCHONDRION, MITOCHONDRION_LENGTH = "chrM", 16_500
CONTIG, CONTIG_LENGTH = "chrUn_random", 12_000

N_REGIONS = 1_200
BACKGROUND = 0.06  # expected insertions per base outside open regions
SITE_TOTAL = 110.0  # expected insertions of a region before its sites' strengths
MITOCHONDRIAL_SHARE = 0.15  # of all insertions
ARTEFACT_INSERTIONS, ARTEFACT_WIDTH = 20_000, 600
EFFECT_WINDOW = 1_000  # the window of `log2_fold` in truth.json

LEADING_N, GAP_N = 2_000, 3_000
EDGE = 60  # bases at each end of a sequence without insertions, so that reads fit on it
NEIGHBOURS = (800, 950)  # distance between the regions of a cluster
CLUSTER_SIZES = (5, 13)
HALF_ENVELOPE = 400  # an open region's accessibility reaches so far from its middle
N_VARIANTS = 120  # variants that break a site; as many in the same regions that break none
VARIANT_DISTANCE = (25, 90)  # how far from the site the latter are
CENTRE_OFFSET = 60  # a region in regions.bed is off the middle of its sites by up to this

BASES = b"ACGTN"
COMPLEMENT = np.array([3, 2, 1, 0, 4], dtype=np.uint8)
IUPAC = {"A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"}
IUPAC |= {"N": "ACGT"}


@dataclass(frozen=True)
class Motif:
    """A transcription factor's sites: IUPAC consensus, and what one of them does.

    A site matches the consensus with at most `mismatches` letters against it. `strength` is the log2 factor on its
    region's total, `depth` the share of cuts that the protein blocks on its core, `shoulder` the gain beside it.
    """

    name: str
    consensus: str
    strength: float
    frequency: float
    depth: float
    shoulder: float
    mismatches: int = 0
    allowed: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        table = [[base in IUPAC[letter] for base in "ACGT"] + [False] for letter in self.consensus]
        object.__setattr__(self, "allowed", np.array(table))

    def __len__(self) -> int:
        return len(self.consensus)

    @property
    def pwm(self) -> np.ndarray:
        """Base frequencies of planted sites, (width, 4)."""
        allowed = self.allowed[:, :4].astype(float)
        strict = allowed.sum(axis=1) == 1
        wrong = MISMATCHED_SITES * (self.mismatches > 0) * strict / strict.sum()
        return allowed / allowed.sum(axis=1, keepdims=True) * (1 - wrong[:, None]) + (1 - allowed) * wrong[:, None] / 3


MISMATCHED_SITES = 0.3  # share of the sites with one letter against the consensus, where the motif permits it

# Consensus sequences from the literature: CTCF (Kim et al., Cell 2007), AP-1 (the TPA-responsive element, Angel et
# al., Cell 1987), NRF1 (Evans and Scarpulla, Genes Dev. 1990), GATA (Ko and Engel, Mol. Cell. Biol. 1993).
MOTIFS = (
    Motif("CTCF", "CCASYAGRKGGCRS", strength=1.7, frequency=0.2, depth=0.85, shoulder=0.8, mismatches=1),
    Motif("AP1", "RTGASTCAY", strength=1.3, frequency=0.3, depth=0.6, shoulder=0.4),
    Motif("NRF1", "YGCGCATGCGCR", strength=0.9, frequency=0.2, depth=0.8, shoulder=0.6),
    Motif("GATA", "SAGATAAGR", strength=0.5, frequency=0.3, depth=0.4, shoulder=0.2),
)


def palindromic(half: Mapping[int, tuple[float, float, float, float]], mirror: int) -> dict[int, np.ndarray]:
    """Complete log rates of A, C, G, T at offsets from the cut so that both strands are preferred alike.

    An offset ``k`` and ``mirror - k`` are the same place seen from the two strands.
    """
    whole = {offset: np.array(rates) for offset, rates in half.items()}
    whole |= {mirror - offset: rates[::-1] for offset, rates in whole.items()}
    return dict(sorted(whole.items()))


# Natural-log cutting rates of A, C, G, T at offsets from the base that counts as the insertion.
# Tn5 cuts a 9-bp target of consensus A-GNTYWRANC-T (Goryshin et al., PNAS 1998; Adey et al., Genome Biol. 2010); the
# insertion is the middle base of the target, offset 0. DNase I prefers ACTT/AAGT-like hexamers around the cut
# (Lazarovici et al., PNAS 2013); it cuts between offsets -1 and 0.
ENZYMES = {
    "ATAC": palindromic(
        {
            -9: (0.0, -0.1, 0.3, -0.2),
            -8: (-0.1, 0.3, 0.0, -0.2),
            -7: (0.1, -0.15, 0.1, -0.05),
            -6: (-0.2, 0.4, -0.15, -0.1),
            -5: (0.4, -0.3, -0.1, 0.0),
            -4: (-0.3, 0.1, 0.8, -0.8),
            -3: (-0.3, 0.1, -0.2, 0.3),
            -2: (-0.2, 0.1, -0.2, 0.3),
            -1: (-0.5, 0.4, -0.5, 0.4),
            0: (0.4, -0.5, -0.5, 0.4),
        },
        mirror=0,
    ),
    "DNASE": palindromic(
        {
            -4: (0.1, -0.1, -0.1, 0.1),
            -3: (0.5, -0.3, 0.1, -0.4),
            -2: (-0.5, 0.9, -0.4, 0.1),
            -1: (0.0, -0.3, -0.3, 0.5),
        },
        mirror=-1,
    ),
}
# From an insertion to its aligned read: a + read starts at insertion + first, a - read ends (exclusive) at + second.
READ_ENDS = {"ATAC": (-4, 5), "DNASE": (0, 0)}

# Fragment lengths as (share, mean, standard deviation): free of nucleosomes, and of one, two and three of them.
FRAGMENT_LENGTHS = ((0.62, 65.0, 22.0), (0.26, 200.0, 25.0), (0.09, 390.0, 35.0), (0.03, 580.0, 40.0))
SHORTEST, LONGEST = 22, 1_500


@dataclass(frozen=True)
class Layout:
    """All sequences end to end, kept apart by runs of N wider than any motif or enzyme window."""

    names: list[str]
    sizes: dict[str, int]
    offsets: dict[str, int]
    length: int

    SPACER = 64

    @classmethod
    def of(cls, sizes: dict[str, int]) -> Layout:
        """Lay out sequences of these names and lengths."""
        offsets, position = {}, cls.SPACER
        for name, size in sizes.items():
            offsets[name] = position
            position += size + cls.SPACER
        return cls(list(sizes), sizes, offsets, position)

    def part(self, array: np.ndarray, name: str) -> np.ndarray:
        """One sequence's stretch of a whole-genome array, without copying."""
        return array[self.offsets[name] : self.offsets[name] + self.sizes[name]]


@dataclass(frozen=True)
class Sites:
    """Planted sites, sorted by region: first base (in the end-to-end layout), motif index, strand, region index."""

    start: np.ndarray
    motif: np.ndarray
    minus: np.ndarray
    region: np.ndarray


def main(arguments: list[str] | None = None) -> None:
    """Parse the options and write the data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder to write into")
    parser.add_argument("--assay", required=True, choices=sorted(ENZYMES), help="which enzyme cuts")
    parser.add_argument("--seed", type=int, default=1, help="seed of all random draws")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the genome, 1 is 3 million bases")
    args = parser.parse_args(arguments)
    if not 0.02 <= args.scale <= 20:
        parser.error(f"--scale {args.scale}: a number from 0.02 to 20 is expected")
    if args.seed < 0:
        parser.error(f"--seed {args.seed}: a whole number of 0 or more is expected")
    if args.output.exists() and not args.output.is_dir():
        parser.error(f"--output {args.output}: a folder is expected, this is a file")
    simulate(args.output, args.assay, seed=args.seed, scale=args.scale)


def simulate(output: Path, assay: str, *, seed: int, scale: float = 1.0) -> None:
    """Write one data set.

    Parameters
    ----------
    output
        Folder; made if absent.
    assay
        ``"ATAC"`` or ``"DNASE"``.
    seed
        Seed of all random draws.
    scale
        Factor on the chromosomes' lengths and on the number of open regions.
    """
    rng = np.random.default_rng(seed)
    sizes = {name: int(length * scale) for name, length in CHROMOSOME_LENGTHS.items()}
    layout = Layout.of(sizes | {MITOCHONDRION: MITOCHONDRION_LENGTH, CONTIG: CONTIG_LENGTH})

    codes, gc = draw_genome(layout, rng)
    middles, artefact = place_regions(layout, codes, gc, n=round(N_REGIONS * scale), rng=rng)
    sites = plant_sites(codes, middles, rng)
    remove_chance_sites(codes, sites, rng)

    totals = region_totals(sites, n=len(middles))
    bias = cutting_bias(codes, assay)
    accessibility = open_chromatin(codes, layout, middles, sites, totals)
    insertions = draw_insertions(layout, accessibility, bias, artefact, rng)

    write_genome(output / "genome.fa.gz", layout, codes, rng)
    dropped = write_fragments(output / "fragments.tsv.gz", layout, insertions, assay, rng)
    name, start = locate(layout, np.array([artefact]))[0]
    write_text(output / "blacklist.bed", f"{name}\t{start - 200}\t{start + ARTEFACT_WIDTH + 200}\n")
    write_truth(output / "truth", layout, middles, sites, totals, accessibility, bias, assay=assay, seed=seed, rng=rng)
    write_variants(output / "truth" / "variants.vcf", layout, codes, sites, rng)
    sys.stderr.write(
        f"{output}: {len(middles)} open regions, {len(sites.start)} sites, {insertions.sum()} insertions "
        f"({dropped} left unpaired)\n"
    )


def smooth_noise(length: int, scale: int, rng: np.random.Generator) -> np.ndarray:
    """Slowly varying noise, about unit variance: cubic-like interpolation between independent draws."""
    knots = rng.standard_normal(length // scale + 3)
    place = np.arange(length) / scale
    left = place.astype(np.int64)
    blend = 0.5 - 0.5 * np.cos(np.pi * (place - left))
    return knots[left] * (1 - blend) + knots[left + 1] * blend


def draw_genome(layout: Layout, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw bases whose GC content varies along each sequence; N at the starts of chromosomes and in one gap.

    Returns
    -------
    codes
        (length,) uint8, A C G T N = 0 .. 4.
    gc
        (length,) float32, the expected share of G and C.
    """
    codes = np.full(layout.length, 4, dtype=np.uint8)
    gc = np.zeros(layout.length, dtype=np.float32)
    for name in layout.names:
        size = layout.sizes[name]
        noise = 0.055 * smooth_noise(size, 15_000, rng) + 0.035 * smooth_noise(size, 2_500, rng)
        content = np.clip(0.42 + noise, 0.25, 0.68)
        strong = rng.random(size) < content
        drawn = np.where(strong, rng.integers(1, 3, size), 3 * rng.integers(0, 2, size)).astype(np.uint8)
        if name in CHROMOSOME_LENGTHS:
            drawn[: min(LEADING_N, size // 10)] = 4
        if name == "chr2":
            gap = min(GAP_N, size // 20)
            drawn[size // 3 : size // 3 + gap] = 4
        layout.part(codes, name)[:] = drawn
        layout.part(gc, name)[:] = content
    return codes, gc


def place_regions(
    layout: Layout, codes: np.ndarray, gc: np.ndarray, *, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """Place open regions in clusters, so that long stretches between clusters stay closed.

    Clusters lie a little denser where GC is high, as they do in real genomes.

    Returns
    -------
    middles
        (regions,) int64, sorted, in the end-to-end layout.
    artefact
        Start of the stretch that gets the artefact, far from any region.
    """
    middles, gaps = [], []
    genome_length = sum(layout.sizes[name] for name in CHROMOSOME_LENGTHS)
    for name in CHROMOSOME_LENGTHS:
        size = layout.sizes[name]
        density = np.exp(4.0 * (layout.part(gc, name) - 0.42)) * (layout.part(codes, name) != 4)
        share = np.cumsum(density) / density.sum()
        wanted = max(2, round(n * size / genome_length))
        cluster_sizes = []
        while sum(cluster_sizes) < wanted:
            cluster_sizes.append(int(rng.integers(*CLUSTER_SIZES)))
        cluster_sizes[-1] -= sum(cluster_sizes) - wanted
        quantiles = (np.arange(len(cluster_sizes)) + rng.uniform(0.1, 0.4, len(cluster_sizes))) / len(cluster_sizes)
        end = 0
        for quantile, members in zip(quantiles, cluster_sizes, strict=True):
            start = max(int(np.searchsorted(share, quantile)), end + 2_000)
            steps = rng.integers(*NEIGHBOURS, size=members)
            places = start + np.cumsum(steps)
            gaps.append((start - end, layout.offsets[name] + (start + end) // 2))
            middles.extend((layout.offsets[name] + places).tolist())
            end = int(places[-1])
    chosen = np.array(sorted(middles), dtype=np.int64)
    # No region at a sequence's end, or near N: a motif cannot be planted there.
    near = np.arange(-1_500, 1_501, 50)
    clear = (codes[np.clip(chosen[:, None] + near, 0, layout.length - 1)] != 4).all(axis=1)
    artefact = max((gap for gap in gaps if clean_stretch(codes, gap[1])), default=gaps[-1])[1]
    return chosen[clear], artefact - ARTEFACT_WIDTH // 2


def clean_stretch(codes: np.ndarray, middle: int) -> bool:
    """Whether the artefact placed here would lie on called bases alone."""
    return bool((codes[max(0, middle - 1_000) : middle + 1_000] != 4).all())


def plant_sites(codes: np.ndarray, middles: np.ndarray, rng: np.random.Generator) -> Sites:
    """Write one to three motif sites into each region, 35 bases or more apart (changes `codes`)."""
    frequencies = np.array([motif.frequency for motif in MOTIFS])
    numbers = rng.choice([1, 2, 3], size=len(middles), p=[0.4, 0.35, 0.25])
    spread = {1: [0], 2: [-22, 22], 3: [-40, 0, 40]}
    rows = []
    for region, (middle, number) in enumerate(zip(middles.tolist(), numbers.tolist(), strict=True)):
        kinds = rng.choice(len(MOTIFS), size=number, p=frequencies / frequencies.sum())
        for kind, place in zip(kinds.tolist(), spread[number], strict=True):
            motif, minus = MOTIFS[kind], bool(rng.integers(2))
            start = middle + place + int(rng.integers(-3, 4)) - len(motif) // 2
            site = draw_site(motif, rng)
            codes[start : start + len(motif)] = COMPLEMENT[site][::-1] if minus else site
            rows.append((start, kind, minus, region))
    table = np.array(rows, dtype=np.int64)
    return Sites(table[:, 0], table[:, 1], table[:, 2].astype(bool), table[:, 3])


def draw_site(motif: Motif, rng: np.random.Generator) -> np.ndarray:
    """One sequence of the motif, (width,) uint8, on its own strand."""
    allowed = motif.allowed[:, :4]
    site = np.array([rng.choice(np.flatnonzero(row)) for row in allowed], dtype=np.uint8)
    if motif.mismatches and rng.random() < MISMATCHED_SITES:
        place = rng.choice(np.flatnonzero(allowed.sum(axis=1) == 1))
        site[place] = rng.choice(np.flatnonzero(~allowed[place]))
    return site


def find_sites(codes: np.ndarray, motif: Motif) -> Iterator[tuple[int, bool]]:
    """Yield (first base, on the minus strand) of every match of the motif."""
    for minus in (False, True):
        table = motif.allowed[::-1][:, COMPLEMENT] if minus else motif.allowed
        against = np.zeros(len(codes) - len(motif) + 1, dtype=np.uint8)
        for place, row in enumerate(table):
            against += ~row[codes[place : place + len(against)]]
        for start in np.flatnonzero(against <= motif.mismatches).tolist():
            yield start, minus


def remove_chance_sites(codes: np.ndarray, sites: Sites, rng: np.random.Generator) -> None:
    """Break every match of a motif that was not planted, by one substitution outside planted sites."""
    planted = np.zeros(len(codes), dtype=bool)
    known = set()
    for start, kind in zip(sites.start.tolist(), sites.motif.tolist(), strict=True):
        planted[start : start + len(MOTIFS[kind])] = True
        known.add((start, kind))
    for _ in range(4):  # a substitution can make another match, rarely
        changed = False
        for kind, motif in enumerate(MOTIFS):
            strict = motif.allowed[:, :4].sum(axis=1) == 1
            for start, minus in find_sites(codes, motif):
                if (start, kind) in known:
                    continue
                table = motif.allowed[::-1][:, COMPLEMENT] if minus else motif.allowed
                important = strict[::-1] if minus else strict
                window = codes[start : start + len(motif)]
                matched = table[np.arange(len(motif)), window]
                free = np.flatnonzero(important & matched & ~planted[start : start + len(motif)])
                # A motif that permits mismatches needs more than one substitution to be broken.
                needed = motif.mismatches + 1 - int((~matched).sum())
                for place in rng.permutation(free)[:needed].tolist():
                    codes[start + place] = rng.choice(np.flatnonzero(~table[place, :4]))
                    changed = True
        if not changed:
            return


def region_totals(sites: Sites, *, n: int) -> np.ndarray:
    """Expected insertions of each region above the background, (regions,): its sites' strengths decide."""
    strengths = np.array([motif.strength for motif in MOTIFS])[sites.motif]
    return SITE_TOTAL * 2.0 ** np.bincount(sites.region, weights=strengths, minlength=n)


def cutting_bias(codes: np.ndarray, assay: str) -> np.ndarray:
    """Relative cutting rate of every base, (length,) float64, mean 1 over called bases; 0 on N.

    An N around the cut has no preference.
    """
    log_rate = np.zeros(len(codes))
    for offset, rates in ENZYMES[assay].items():
        table = np.append(rates, 0.0)
        # The layout begins and ends with N, so rolling over the ends mixes nothing in.
        log_rate += table[np.roll(codes, -offset)]
    rate = np.exp(log_rate) * (codes != 4)
    return rate / rate[codes != 4].mean()


def open_chromatin(
    codes: np.ndarray, layout: Layout, middles: np.ndarray, sites: Sites, totals: np.ndarray
) -> np.ndarray:
    """Expected insertions per base of an enzyme without preference, (length,) float64."""
    x = np.arange(-HALF_ENVELOPE, HALF_ENVELOPE + 1)
    centres = np.bincount(sites.region, weights=site_middles(sites)) / np.bincount(sites.region)
    distance = middles[:, None] + x - centres[:, None]
    shape = np.exp(-(np.abs(distance / 95.0) ** 3))
    for site_middle, kind, region in zip(site_middles(sites), sites.motif, sites.region, strict=True):
        motif = MOTIFS[kind]
        away = np.abs(middles[region] + x - site_middle)
        half = len(motif) / 2 + 2
        protected = 1 / (1 + np.exp((away - half) / 1.0))
        shoulder = np.exp(-(((away - half - 10) / 7.0) ** 2))
        shape[region] *= (1 - motif.depth * protected) * (1 + motif.shoulder * shoulder)
    shape *= (totals / shape.sum(axis=1))[:, None]

    accessibility = np.full(layout.length, BACKGROUND)
    # Regions are farther apart than their envelopes are wide, yet scaled-down genomes may crowd them.
    np.add.at(accessibility, middles[:, None] + x, shape)
    layout.part(accessibility, MITOCHONDRION)[:] = 0
    nuclear = accessibility[codes != 4].sum()
    share = MITOCHONDRIAL_SHARE / (1 - MITOCHONDRIAL_SHARE)
    layout.part(accessibility, MITOCHONDRION)[:] = nuclear * share / MITOCHONDRION_LENGTH
    accessibility[codes == 4] = 0
    for name in layout.names:
        part = layout.part(accessibility, name)
        part[:EDGE] = part[-EDGE:] = 0
    return accessibility


def site_middles(sites: Sites) -> np.ndarray:
    """Middle of each planted site, (sites,) float64."""
    widths = np.array([len(motif) for motif in MOTIFS])
    return sites.start + (widths[sites.motif] - 1) / 2


def draw_insertions(
    layout: Layout, accessibility: np.ndarray, bias: np.ndarray, artefact: int, rng: np.random.Generator
) -> np.ndarray:
    """Number of insertions at every base, (length,) int64; the artefact is a pile-up beside the truth."""
    insertions = rng.poisson(accessibility * bias)
    share = min(1.0, (layout.length - 30_000) / 3_000_000)
    stretch = slice(artefact, artefact + ARTEFACT_WIDTH)
    insertions[stretch] += rng.poisson(bias[stretch] * ARTEFACT_INSERTIONS * share / ARTEFACT_WIDTH)
    return insertions


def pair_cuts(cuts: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pair cuts of one sequence into fragments of plausible lengths.

    Each round draws which free cuts are left ends and how long their fragments should be, and gives each the free
    cut nearest to that length. Pairing after drawing leaves the rate of every base untouched.

    Returns
    -------
    left, right
        Positions of the paired cuts, each (fragments,), right - left within ``SHORTEST .. LONGEST``.
    """
    shares, means, deviations = (np.array(column) for column in zip(*FRAGMENT_LENGTHS, strict=True))
    free, lefts, rights = np.sort(cuts), [], []
    for attempt in range(60):
        if len(free) < 2:
            break
        is_left = rng.random(len(free)) < 0.5
        left, right = free[is_left], free[~is_left]
        if not len(left) or not len(right):
            continue
        kind = rng.choice(len(shares), size=len(left), p=shares)
        target = left + np.maximum(rng.normal(means[kind], deviations[kind]), SHORTEST)
        place = np.searchsorted(right, target)
        before, after = np.maximum(place - 1, 0), np.minimum(place, len(right) - 1)
        choice = np.where(np.abs(right[before] - target) < np.abs(right[after] - target), before, after)
        length = right[choice] - left
        # Lengths may stray further from the drawn ones as fewer cuts are left.
        good = (np.abs(right[choice] - target) <= 10 + 4 * attempt**1.5) & (length >= SHORTEST) & (length <= LONGEST)
        candidates = rng.permutation(np.flatnonzero(good))
        _, first = np.unique(choice[candidates], return_index=True)
        taken = candidates[first]
        lefts.append(left[taken])
        rights.append(right[choice[taken]])
        free = np.sort(np.concatenate([np.delete(left, taken), np.delete(right, choice[taken])]))
    empty = [np.zeros(0, dtype=np.int64)]
    return np.concatenate(lefts or empty), np.concatenate(rights or empty)


def write_genome(path: Path, layout: Layout, codes: np.ndarray, rng: np.random.Generator) -> None:
    """Write the FASTA, 60 letters a line, about a third of it in lower case, compressed by blocks."""
    letters = np.frombuffer(BASES, dtype=np.uint8)
    with atomic_path(path) as temporary, pysam.BGZFile(str(temporary), "wb") as handle:
        for name in layout.names:
            text = letters[layout.part(codes, name)]
            repeats = smooth_noise(len(text), 400, rng) > 0.35
            text = np.where(repeats & (text != ord("N")), text + 32, text).astype(np.uint8)
            whole = len(text) // 60 * 60
            lines = np.full((whole // 60, 61), ord("\n"), dtype=np.uint8)
            lines[:, :60] = text[:whole].reshape(-1, 60)
            rest = text[whole:].tobytes() + b"\n" if whole < len(text) else b""
            handle.write(f">{name} simulated\n".encode() + lines.tobytes() + rest)


def write_fragments(path: Path, layout: Layout, insertions: np.ndarray, assay: str, rng: np.random.Generator) -> int:
    """Write fragments as aligned, in the five-column layout; return how many insertions found no partner."""
    first, second = READ_ENDS[assay]
    barcodes = np.array([f"BC{number:03d}-1" for number in range(200)], dtype=object)
    unpaired = 0
    with atomic_path(path) as temporary, pysam.BGZFile(str(temporary), "wb") as handle:
        lines = "".join(f"# primary_contig={name}\n" for name in layout.names)
        handle.write(f"# id=simulated_{assay}\n# description=unshifted fragments\n{lines}".encode())
        for name in layout.names:
            part = layout.part(insertions, name)
            cuts = np.repeat(np.arange(len(part)), part)
            left, right = pair_cuts(cuts, rng)
            unpaired += len(cuts) - 2 * len(left)
            start, end = left + first, right + second
            barcode = rng.integers(len(barcodes), size=len(start))
            reads = 1 + rng.geometric(0.7, size=len(start))
            order = np.lexsort((barcode, end, start))
            columns = (start[order], end[order], barcodes[barcode[order]], reads[order])
            rows = zip(*(column.tolist() for column in columns), strict=True)
            handle.write("".join(f"{name}\t{s}\t{e}\t{b}\t{n}\n" for s, e, b, n in rows).encode())
    return unpaired


def locate(layout: Layout, positions: np.ndarray) -> list[tuple[str, int]]:
    """Names and 0-based positions of places in the end-to-end layout."""
    offsets = np.array([layout.offsets[name] for name in layout.names])
    index = np.searchsorted(offsets, positions, side="right") - 1
    return [(layout.names[i], int(p)) for i, p in zip(index.tolist(), positions - offsets[index], strict=True)]


def write_truth(
    folder: Path,
    layout: Layout,
    middles: np.ndarray,
    sites: Sites,
    totals: np.ndarray,
    accessibility: np.ndarray,
    bias: np.ndarray,
    *,
    assay: str,
    seed: int,
    rng: np.random.Generator,
) -> None:
    """Write what was planted: two bigWigs, two BED files and truth.json."""
    write_dense_bigwig(folder / "accessibility.bw", layout, accessibility)
    write_dense_bigwig(folder / "bias.bw", layout, bias)

    rows = []
    for (name, start), kind, minus in zip(locate(layout, sites.start), sites.motif, sites.minus, strict=True):
        motif = MOTIFS[kind]
        score = round(100 * motif.strength)
        rows.append(f"{name}\t{start}\t{start + len(motif)}\t{motif.name}\t{score}\t{'-' if minus else '+'}\n")
    write_text(folder / "sites.bed", "".join(rows))

    offsets = rng.integers(-CENTRE_OFFSET, CENTRE_OFFSET + 1, size=len(middles))
    rows = [
        f"{name}\t{centre - 250}\t{centre + 250}\tregion_{index}\t{min(1000, round(total))}\t.\n"
        for index, ((name, centre), total) in enumerate(zip(locate(layout, middles + offsets), totals, strict=True))
    ]
    write_text(folder / "regions.bed", "".join(rows))

    closed = BACKGROUND * EFFECT_WINDOW
    motifs = []
    for motif in MOTIFS:
        added = SITE_TOTAL * 2.0**motif.strength
        motifs.append(
            {
                "name": motif.name,
                "consensus": motif.consensus,
                "pwm": motif.pwm.round(4),
                "log2_fold": float(np.log2((closed + added) / closed)),
                "log2_strength": motif.strength,
                "expected_total": added,
                "footprint_depth": motif.depth,
            }
        )
    write_json(
        folder / "truth.json",
        {
            "assay": assay,
            "seed": seed,
            "accessibility": "accessibility.bw",
            "bias": "bias.bw",
            "sites": "sites.bed",
            "regions": "regions.bed",
            "background": BACKGROUND,
            "window": EFFECT_WINDOW,
            "motifs": motifs,
        },
    )


def write_variants(path: Path, layout: Layout, codes: np.ndarray, sites: Sites, rng: np.random.Generator) -> None:
    """Write a VCF of substitutions that break planted sites, and of as many beside them that break and make none.

    Sites of a motif that permits mismatches are left alone, since one substitution does not break them.
    """
    planted = np.zeros(len(codes), dtype=bool)
    for start, kind in zip(sites.start.tolist(), sites.motif.tolist(), strict=True):
        planted[start : start + len(MOTIFS[kind])] = True
    strict = np.array([motif.mismatches == 0 for motif in MOTIFS])[sites.motif]
    breakable = np.flatnonzero(strict)
    rows = []
    for site in rng.permutation(breakable)[:N_VARIANTS].tolist():
        motif, start = MOTIFS[sites.motif[site]], int(sites.start[site])
        allowed = motif.allowed[::-1][:, COMPLEMENT] if sites.minus[site] else motif.allowed
        place = int(rng.choice(np.flatnonzero(allowed[:, :4].sum(axis=1) == 1)))
        breaking = int(rng.choice(np.flatnonzero(~allowed[place, :4])))
        rows.append((start + place, breaking, f"EFFECT=breaks;MOTIF={motif.name}"))
        rows.append((*harmless_substitution(codes, planted, start, rng), f"EFFECT=none;MOTIF={motif.name}"))
    lines = [
        f"{name}\t{position + 1}\tsnv_{number}\t{'ACGTN'[codes[place]]}\t{'ACGT'[base]}\t.\tPASS\t{info}\n"
        for number, ((place, base, info), (name, position)) in enumerate(
            sorted(zip(rows, locate(layout, np.array([row[0] for row in rows])), strict=True))
        )
    ]
    header = [
        "##fileformat=VCFv4.3\n",
        *(f"##contig=<ID={name},length={layout.sizes[name]}>\n" for name in layout.names),
        '##INFO=<ID=EFFECT,Number=1,Type=String,Description="breaks a planted site, or none">\n',
        '##INFO=<ID=MOTIF,Number=1,Type=String,Description="Motif of the site that is broken or near">\n',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n",
    ]
    write_text(path, "".join([*header, *lines]))


def harmless_substitution(
    codes: np.ndarray, planted: np.ndarray, start: int, rng: np.random.Generator
) -> tuple[int, int]:
    """A place near `start` and a base there that touches no planted site and makes no match of a motif."""
    widest = max(map(len, MOTIFS))
    while True:
        place = start + int(rng.integers(*VARIANT_DISTANCE)) * int(rng.choice([-1, 1]))
        base = int((codes[place] + rng.integers(1, 4)) % 4)
        window = codes[place - widest + 1 : place + widest].copy()
        before = sum(1 for motif in MOTIFS for _ in find_sites(window, motif))
        window[widest - 1] = base
        after = sum(1 for motif in MOTIFS for _ in find_sites(window, motif))
        if not planted[place] and before == after:
            return place, base


def write_dense_bigwig(path: Path, layout: Layout, values: np.ndarray) -> None:
    """Write one value a base, over all sequences."""
    blocks = ((name, np.arange(layout.sizes[name]), layout.part(values, name)) for name in layout.names)
    write_bigwig(path, {name: layout.sizes[name] for name in layout.names}, blocks)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
