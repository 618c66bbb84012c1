"""Commands that took long as rows of a table, and one of them as lines; plain values in, contents out."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Hashable, Iterator, Sequence

from textual.content import Content

from tui.engine.clients import OWN
from tui.engine.printable import beginning, printable
from tui.engine.secrecy import Secrecy
from tui.engine.slowlog import SlowEntry, SlowLog
from tui.words.lazyrows import LazyRows
from tui.words.streamrows import MUTED
from tui.words.units import ago, count
from widgets.table import Column, Row

ORDERS = ("when", "took")
"""What entries can be sorted by: columns of the table."""
LONG, VERY_LONG = 50_000, 500_000
"""Microseconds from which on others notice, and from which on they give up: the server does one thing at a time."""
WORD_MOST, WHOLE = 120, 1 << 20
"""Bytes of a word that a row shows, and more than a server keeps of one."""
HIDDEN = "[hidden]"
"""Stands for words that the active schemas call a secret."""

_CUT = re.compile(rb"\.\.\. \(\d+ more bytes\)\Z")


def columns_of(*, several: bool) -> tuple[Column, ...]:
    """Return the columns; `several` when there is more than one node."""
    return (
        Column("when", 8, "right", priority=18),
        Column("took", 7, "right", priority=19),
        Column("command", priority=20, least=24),
        Column("client", 14, priority=9),
        *((Column("node", 21, priority=8),) if several else ()),
    )


def words_of(entry: SlowEntry, secrecy: Secrecy, most: int = WHOLE) -> list[str]:
    """Return the words of the command as safe text, `most` bytes of each, without what the active schemas hide.

    A word that is the name of a key with a secret in it is masked. When one of the words names a key whose value must
    not be shown, all words that are no keys of the schemas are hidden, for they may be that value. So are words that
    the server has cut: of those nobody knows.
    """
    command, *rest = entry.words or (b"",)
    guarded = any(secrecy.hides_name(word) or secrecy.hides_value(word) for word in rest)
    return [beginning(command, most), *(_word(word, secrecy, most, guarded=guarded) for word in rest)]


def _word(word: bytes, secrecy: Secrecy, most: int, *, guarded: bool) -> str:
    hidden = secrecy.active and not secrecy.knows(word) and (guarded or _CUT.search(word))
    return HIDDEN if hidden else secrecy.shown(word, most)


def found(log: SlowLog, needle: str, secrecy: Secrecy) -> list[SlowEntry]:
    """Return the entries with a text, in lower case, in their command, client or node."""
    if not needle:
        return list(log.entries)
    return [
        one for one in log.entries if needle in " ".join([*words_of(one, secrecy), client_of(one), one.node]).lower()
    ]


def ordered(entries: Sequence[SlowEntry], order: str) -> list[SlowEntry]:
    """Sort by one of `ORDERS`."""
    return sorted(entries, key=lambda one: -one.took) if order == "took" else list(entries)


def entry_rows(entries: Sequence[SlowEntry], secrecy: Secrecy, wall: Callable[[], float], *, several: bool) -> LazyRows:
    """One row for each entry, with times as they are when it is drawn; `several` when there is more than one node."""
    index: dict[Hashable, int] = {key_of(entry): at for at, entry in enumerate(entries)}
    return LazyRows(entries, lambda at: _row(entries[at], secrecy, wall(), several=several), index)


def key_of(entry: SlowEntry) -> Hashable:
    """Tell one entry from all others."""
    return entry.node, entry.at, entry.id


def client_of(entry: SlowEntry) -> str:
    """Name whoever sent it: by its own name, else its address."""
    return beginning(entry.name or entry.address, WORD_MOST)


def _row(entry: SlowEntry, secrecy: Secrecy, now: float, *, several: bool) -> Row:
    words = words_of(entry, secrecy, WORD_MOST)
    tone = MUTED if entry.name.startswith(OWN) else ""
    cells = (
        Content.styled(ago(max(0.0, now - entry.at)), MUTED),
        took_text(entry.took),
        Content.assemble((words[0], tone or "bold"), (" " + " ".join(words[1:]), tone)),
        Content.styled(client_of(entry), MUTED),
        *((Content.styled(entry.node, MUTED),) if several else ()),
    )
    return Row(key_of(entry), cells)


def took_text(microseconds: int) -> Content:
    """Write a duration for people; coloured when others notice.

    >>> [took_text(microseconds).plain for microseconds in (950, 9_740, 12_345, 2_500_000)]
    ['950 µs', '9.7 ms', '12 ms', '2.5 s']
    """
    if microseconds >= 1_000_000:
        text = f"{microseconds / 1e6:.1f} s"
    elif microseconds >= 10_000:
        text = f"{microseconds / 1e3:.0f} ms"
    else:
        text = f"{microseconds / 1e3:.1f} ms" if microseconds >= 1_000 else f"{microseconds} µs"
    style = "bold $text-error" if microseconds >= VERY_LONG else "$text-warning" if microseconds >= LONG else ""
    return Content.styled(text, style)


def notes_of(log: SlowLog, shown: int, *, filtered: bool) -> Iterator[str | tuple[str, str]]:
    """What stands beside the title."""
    for sentence in log.troubles:
        yield sentence, "$text-warning"
    total = len(log.entries)
    if filtered:
        yield f"{count(shown)} of {count(total)}"
    elif total < log.held:
        yield f"newest {count(total)} of {count(log.held)}"
    elif total or not log.troubles:
        yield count(total)


def entry_lines(entry: SlowEntry, secrecy: Secrecy) -> list[list[tuple[str, str]]]:
    """One entry in full."""
    when = datetime.datetime.fromtimestamp(entry.at).astimezone()
    client = " ".join(filter(None, [printable(entry.address), printable(entry.name)]))
    facts = (
        ("when", f"{when:%Y-%m-%d %H:%M:%S}, by the server's clock"),
        ("took", f"{entry.took:,} microseconds"),
        ("client", client or "–"),
        ("node", entry.node),
    )
    command, *rest = words_of(entry, secrecy)
    lines = [[(f"{name:<7}", MUTED), (value, "")] for name, value in facts]
    lines += [[], [(command, "bold")], *([("  ", ""), (word, "")] for word in rest)]
    return lines
