"""Clients as rows of a table, and one of them as lines; plain values in, contents out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence

from textual.content import Content

from tui.engine.clients import Client, Clients
from tui.engine.printable import beginning, printable
from tui.words.lazyrows import LazyRows
from tui.words.streamrows import MUTED, short
from tui.words.units import count, duration, size
from widgets.table import Column, Row

ORDERS = ("memory", "idle", "age", "client")
"""What clients can be sorted by: columns of the table."""
SLOW_READER = 1 << 20
"""Bytes of unread replies from which on a client is called slow: a healthy one takes its replies at once."""
NAME_MOST = 100
"""Bytes of a name that a row shows."""
STATES = {
    b"O": ("▲ monitor", "$text-warning"),
    b"A": ("closing", MUTED),
    b"c": ("closing", MUTED),
    b"S": ("replica", ""),
    b"M": ("primary", ""),
    b"b": ("blocked", MUTED),
    b"x": ("in MULTI", ""),
    b"P": ("pub/sub", MUTED),
    b"t": ("tracking", MUTED),
}
"""What the server's flags mean, the one that matters most first; whoever waits in BLPOP or XREAD is blocked."""


def columns_of(*, several: bool) -> tuple[Column, ...]:
    """Return the columns; `several` when there is more than one node."""
    return (
        Column("client", 21),
        Column("name", priority=16, least=7),
        *((Column("node", 21, priority=8),) if several else ()),
        Column("user", 10, priority=6),
        Column("command", 14, priority=13),
        Column("state", 9, priority=18),
        Column("idle", 5, "right", priority=17),
        Column("age", 4, "right", priority=9),
        Column("memory", 7, "right", priority=19),
        Column("db", 3, "right", priority=5),
    )


def found(clients: Clients, needle: str) -> list[Client]:
    """Return those with a text, in lower case, in what the server says of them."""
    if not needle:
        return list(clients.clients)
    return [one for one in clients.clients if needle in one.node.lower() or needle in printable(one.line).lower()]


def ordered(clients: Sequence[Client], order: str) -> list[Client]:
    """Sort by one of `ORDERS`; whoever makes trouble comes first, whatever the order."""
    keys: dict[str, Callable[[Client], object]] = {
        "memory": lambda one: -one.memory,
        "idle": lambda one: -one.idle,
        "age": lambda one: -one.age,
        "client": lambda one: (one.address, one.id),
    }
    return sorted(clients, key=lambda one: (not is_trouble(one), keys[order](one), one.node, one.id))


def is_trouble(client: Client) -> bool:
    """Whether it costs its server more than a client should."""
    return client.output >= SLOW_READER or b"O" in client.flags


def client_rows(clients: Sequence[Client], *, several: bool) -> LazyRows:
    """One row for each client; `several` when there is more than one node."""
    index: dict[Hashable, int] = {key_of(client): at for at, client in enumerate(clients)}
    return LazyRows(clients, lambda at: _row(clients[at], several=several), index)


def key_of(client: Client) -> Hashable:
    """Tell one client from all others."""
    return client.node, client.id


def _row(client: Client, *, several: bool) -> Row:
    facts = client.facts
    tone = MUTED if client.own else ""
    cells = (
        Content.styled(beginning(client.address, NAME_MOST) or "–", tone),
        Content.styled(beginning(client.name, NAME_MOST) or "–", tone or ("" if client.name else MUTED)),
        *((Content.styled(client.node, MUTED),) if several else ()),
        Content.styled(beginning(facts.get(b"user", b""), NAME_MOST) or "–", tone),
        Content.styled(beginning(facts.get(b"cmd", b""), NAME_MOST).replace("|", " "), tone),
        _state(client),
        Content(short(client.idle)),
        Content(short(client.age)),
        Content(size(client.memory) if client.memory else "–"),
        Content.styled(beginning(facts.get(b"db", b""), NAME_MOST), MUTED),
    )
    return Row(key_of(client), cells)


def _state(client: Client) -> Content:
    if client.output >= SLOW_READER:
        return Content.styled("▲ slow", "$text-warning")
    for flag, (word, style) in STATES.items():
        if flag in client.flags:
            return Content.styled(word, style)
    return Content.styled("–", MUTED)


def notes_of(clients: Clients, shown: int, *, filtered: bool) -> Iterator[str | tuple[str, str]]:
    """What stands beside the title."""
    for sentence in clients.troubles:
        yield sentence, "$text-warning"
    total = len(clients.clients)
    if total or not clients.troubles:
        yield f"{count(shown)} of {count(total)}" if filtered else count(total)
    trouble = sum(map(is_trouble, clients.clients))
    if trouble:
        yield f"▲ {count(trouble)}", "$text-warning"


def below_of(clients: Clients) -> str:
    """Who has most of the connections, and what they all hold; how old that is when it is asked seldom."""
    if not clients.clients:
        return ""
    hosts = Counter(one.address.rpartition(b":")[0] for one in clients.clients)
    (host, most), *_ = hosts.most_common(1)
    memory = sum(one.memory for one in clients.clients)
    told = [f"{size(memory)} in buffers"] if memory else []
    if len(hosts) > 1:
        told.append(f"most from {beginning(host, NAME_MOST)}: {count(most)}")
    if clients.every >= SELDOM:
        told.append(f"listed every {duration(clients.every)}")
    return " · ".join(told)


SELDOM = 5.0
"""Seconds between two lists from which on a person should know."""


def client_lines(client: Client) -> list[list[tuple[str, str]]]:
    """All that the server says of a client, by the server's own names."""
    facts = {b"node": client.node, **{name: printable(value) for name, value in client.facts.items()}}
    width = max(len(name) for name in facts) + 1
    return [[(f"{printable(name):<{width}}", MUTED), (value or "–", "")] for name, value in facts.items()]
