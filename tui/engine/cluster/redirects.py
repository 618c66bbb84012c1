"""Questions about keys, asked of the nodes that hold them, wherever these have moved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from tui.engine.cluster.nodes import Cluster
from tui.engine.cluster.owners import find_slot
from tui.engine.cluster.routing import Part, is_unsettled, joined, taken_apart
from tui.engine.commands import Exchange, exchange
from tui.engine.failure import ReplyError, Unavailable
from tui.engine.link import Answer
from tui.engine.node import Node

ROUNDS = 6
"""Times that a question is asked where the last answer says that the key is: slots move once, not all the time."""
PAUSE = 0.05
"""Seconds before asking again when the key is just on its way: with ROUNDS long enough to learn of a failover."""


async def route(question: Exchange, cluster: Cluster, moved: Callable[[], None]) -> Answer:
    """Ask; `moved` is called when a key is not where it should be.

    Raises:
        Unavailable: no node that was asked answers.
    """
    asked = taken_apart(question)
    errand = _Errand(asked.parts, cluster, moved)
    for _ in range(ROUNDS):
        await errand.ask()
        if not errand.open:
            break
        if errand.pauses:
            await asyncio.sleep(PAUSE)
    if errand.failure is not None and not errand.answered:
        raise errand.failure
    return Answer(joined(asked), errand.took, 0, 0, 0)


class _Errand:
    """Parts of one question on their way."""

    def __init__(self, parts: Sequence[Part], cluster: Cluster, moved: Callable[[], None]) -> None:
        self.open = list(parts)
        """Those that have to be asked, or asked again."""
        self.took = 0.0
        self.answered = False
        self.failure: Unavailable | None = None
        self.pauses = False
        self._cluster = cluster
        self._moved = moved

    async def ask(self) -> None:
        """Ask what is open, every node at the same time."""
        by_way: dict[tuple[Node, bool], list[Part]] = {}
        home = next((self._owner(part) for part in self.open if part.slot is not None), self._cluster.nodes[0])
        for part in self.open:
            node = part.beside or (home if part.slot is None else self._owner(part))
            by_way.setdefault((node, part.beside is not None), []).append(part)
        self.open, self.pauses = [], False
        await asyncio.gather(*(self._ask(node, parts, asking=asking) for (node, asking), parts in by_way.items()))

    def _owner(self, part: Part) -> Node:
        return self._cluster.owner(part.slot or 0) or self._cluster.nodes[0]

    async def _ask(self, node: Node, parts: Sequence[Part], *, asking: bool) -> None:
        step = 2 if asking else 1
        commands = [words for part in parts for words in ([[b"ASKING"]] if asking else []) + [list(part.command)]]
        try:
            answer = await node.ask(exchange(*commands))
        except Unavailable as error:
            self.failure = error
            self._moved()
            away = ReplyError(f"CLUSTERDOWN {error.failure.sentence}")
            for part in parts:
                part.reply = away
            return
        self.answered, self.took = True, self.took + answer.took
        for part, reply in zip(parts, answer.replies[step - 1 :: step], strict=True):
            part.reply, part.beside = reply, None
            if is_unsettled(reply):
                self._redirect(part, node)

    def _redirect(self, part: Part, node: Node) -> None:
        """Find out where to ask next, if anywhere."""
        self._moved()
        code = part.reply.code
        if code == "CLUSTERDOWN":
            return
        self.open.append(part)
        found = find_slot(str(part.reply))
        there = found and self._cluster.at(found[1] or node.address.host, found[2])
        if code == "ASK" and there:
            part.beside = there
        elif code == "MOVED" and there and part.slot is not None:
            self._cluster.gave_away(part.slot, there)
        else:
            self.pauses = True
