"""Places to go to as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textual.content import Content

from tui.engine.address import Address, shown
from tui.profiles import Known
from tui.words.brand import Brand
from tui.words.units import count
from widgets.rows import Row

_MUTED = "$foreground-muted"


@dataclass(frozen=True, slots=True)
class Place:
    """What a row stands for: a profile, or a database of the server that is looked at."""

    profile: str | None = None
    db: int = 0


def profile_rows(known: Sequence[Known], here: str | None) -> Iterator[Row]:
    """Return a row for each profile; `here` is the one that is looked at."""
    for one in known:
        tag = Brand(profile=one.name, colour=one.colour, production=one.production).tag
        via = f" via {shown(one.ssh)}" if one.ssh else ""
        where = Content(f"{one.place} db{one.db}{via}" if one.problem is None else "")
        yield Row(Place(profile=one.name), (tag, where, _note(one, here)))


def database_rows(databases: Sequence[tuple[int, int]], address: Address) -> Iterator[Row]:
    """Return a row for each database that holds keys, and for the one that is looked at."""
    keys = dict(databases)
    for db in sorted({*keys, address.db}):
        name, held = Content.styled(f"db{db}", "bold"), count(keys.get(db, 0))
        here = Content.styled("here", _MUTED) if db == address.db else Content("")
        yield Row(Place(db=db), (name, Content(f"{held} keys"), here))


def _note(one: Known, here: str | None) -> Content:
    if one.problem is not None:
        return Content.styled("cannot be used", "$text-warning")
    words = ["read-only"] * one.read_only + ["here"] * (one.name == here)
    return Content.styled(" · ".join(words), _MUTED)
