"""What a page is made of: sections that hold facts, tables, figures and sentences. The template draws these."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import plotly.graph_objects as go
from markupsafe import Markup

from bpflow.report.format import sort_value

__all__ = [
    "Badge",
    "Block",
    "Facts",
    "Figures",
    "Legend",
    "Link",
    "LocusBrowser",
    "Panel",
    "Prose",
    "Section",
    "Table",
    "anchor",
    "table",
]

# More rows than this are for a program to read, and slow a browser down.
MOST_ROWS = 1000


@dataclass(frozen=True)
class Badge:
    """A verdict in a table cell: sign, word and colour, and the number it was given for."""

    verdict: str
    value: str = ""
    span: int = 1


@dataclass(frozen=True)
class Link:
    """A table cell that leads somewhere: within the page, or to a page beside it."""

    text: str
    href: str


@dataclass(frozen=True)
class Facts:
    """A short list of names and values."""

    kind: ClassVar[str] = "facts"
    items: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Prose:
    """A paragraph; `code` keeps its line breaks, folded away under `title`."""

    kind: ClassVar[str] = "prose"
    text: str
    title: str = ""
    code: bool = False


@dataclass(frozen=True)
class Table:
    """A table with a caption. `align` holds a letter a column: t text, n number.

    Of more than `MOST_ROWS` rows the first are shown, and `whole` names the file that holds all.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    align: str
    rows: Sequence[Sequence[Any]]
    note: str = ""
    folded: bool = False
    whole: str = ""

    @property
    def cells(self) -> list[list[tuple[str, Any, float | None]]]:
        """Of each row that is shown, each cell with its letter of alignment and, of a number, what it is sorted by."""
        return [
            [
                (letter, cell, sort_value(cell) if letter == "n" and isinstance(cell, str) else None)
                for letter, cell in zip(self.align, row, strict=True)
            ]
            for row in self.rows[:MOST_ROWS]
        ]

    @property
    def cut(self) -> str:
        """What is said of rows that are not shown."""
        if len(self.rows) <= MOST_ROWS:
            return ""
        place = f" All are in {self.whole}." if self.whole else ""
        return f"The first {MOST_ROWS:,} of {len(self.rows):,} rows.{place}"


@dataclass(frozen=True)
class Legend:
    """One key of a figure's legend: a colour's role, how the line is drawn, and what it means."""

    role: str
    style: str
    text: str


@dataclass(frozen=True)
class Panel:
    """One plot, or one drawing, with its own heading."""

    title: str
    figure: go.Figure | None = None
    drawing: Markup | None = None
    note: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Figures:
    """Panels that answer one question; `good` says in a sentence what they look like when all is well."""

    kind: ClassVar[str] = "figures"
    title: str
    good: str
    panels: Sequence[Panel]
    legend: Sequence[Legend] = ()
    note: str = ""


@dataclass(frozen=True)
class LocusBrowser:
    """Tracks over loci that a reader picks, zooms and pans; `content` is what the page's script draws."""

    kind: ClassVar[str] = "loci"
    id: str
    good: str
    groups: Sequence[tuple[str, Sequence[tuple[int, str]]]]
    places: Sequence[str]
    content: dict[str, Any]


Block = Facts | Prose | Table | Figures | LocusBrowser


@dataclass
class Section:
    """A heading with blocks and sections under it; a folded one opens on a click."""

    id: str
    title: str
    blocks: Sequence[Block] = field(default_factory=list)
    children: list[Section] = field(default_factory=list)
    folded: bool = False
    badge: Badge | None = None


def table(caption: str, columns: dict[str, str], rows: Sequence[Sequence[Any]], **options: Any) -> Table:
    """Build a Table from ``{column: letter of its alignment}``."""
    return Table(caption, tuple(columns), "".join(columns.values()), rows, **options)


def anchor(*parts: Any) -> str:
    """An element id from any texts: letters, digits and hyphens only."""
    words = (re.sub(r"[^a-z0-9]+", "-", str(part).lower()).strip("-") for part in parts)
    return "-".join(word for word in words if word)
