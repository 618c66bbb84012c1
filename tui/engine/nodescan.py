"""One node read from the first key to the last, a page in each round trip."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

from tui.engine.commands import Exchange, KeyQuestions, Reply
from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, ReplyError, lacking, of_reply
from tui.engine.node import Node

UNAVAILABLE_REST = 0.2
"""Seconds before the same page is asked for again when the server is away."""
REFUSED_REST = 1.0
"""Seconds before asking again when the server answers with an error (loading, no permission)."""
CHANGED = "the nodes of the cluster have changed: all keys were read from the start"
MOVING = "slots were moving between nodes while they were read: all keys are read again"


class Restart(Exception):  # noqa: N818 - not an error: the pass just begins again
    """The keyspace is not the one that the pass began with."""


class Ground:
    """What a pass stands on: which nodes there are, and which keys they hold."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self.nodes: tuple[Node, ...] = ()
        self.changed = False
        """Whether they were others the last time."""
        self.unread: set[Node] = set()
        """Those that have not been read to their end."""
        self.away: set[Node] = set()
        """Those that do not answer."""
        self._layout: Hashable = None
        self._open = False

    async def begin(self) -> tuple[Node, ...]:
        """Return the nodes to read, as they are now."""
        await self._deployment.known()
        await self._deployment.look_again()
        self.changed = bool(self.nodes) and set(self.nodes) != set(self._deployment.nodes)
        self.nodes, self._layout, self._open = self._deployment.nodes, self._deployment.layout, self._moves
        self.unread = set(self.nodes)
        self.away &= self.unread
        return self.nodes

    def check(self) -> None:
        """Look whether the nodes are still the same.

        Raises:
            Restart: a node has left, or come.
        """
        if set(self._deployment.nodes) != set(self.nodes):
            raise Restart(CHANGED)

    @property
    def over(self) -> bool:
        """Whether the pass has to end without some nodes: they are away, and all others have been read."""
        return len(self.unread) < len(self.nodes) and self.unread <= self.away

    def explain(self, failure: Failure | None) -> Failure | None:
        """Say what is wrong; of several nodes the deployment knows more than the one that was asked."""
        several = failure is not None and len(self.nodes) > 1
        return (self._deployment.state.worst.failure if several else None) or failure

    async def held(self) -> bool:
        """Whether no key can have moved meanwhile: a slot that changes hands may have been missed, or read twice."""
        await self._deployment.look_again()
        return not self._open and not self._moves and self._deployment.layout == self._layout

    @property
    def _moves(self) -> bool:
        topology = self._deployment.topology
        return topology is not None and bool(topology.moving)


class Identities:
    """Who has answered so far, by node."""

    def __init__(self) -> None:
        self._known: dict[Node, tuple[str, str]] = {}

    def check(self, node: Node) -> None:
        """Take note of who answers now.

        Raises:
            Restart: it is not who answered before: a cursor, and what was counted, mean nothing there.
        """
        if node.identity is None:
            return
        # A server that does not say who it is may be another one after each connection.
        now = node.identity.run_id or f"connection {node.connections}", node.identity.role
        before = self._known.get(node, now)
        self._known[node] = now
        if now[0] != before[0]:
            raise Restart("another server process answers: its keys were read from the start")
        if now[1] != before[1]:
            raise Restart(f"the server has become a {now[1]}: its keys were read from the start")


class Permissions:
    """What this user may ask about keys."""

    def __init__(self) -> None:
        self.questions = KeyQuestions(memory=True)
        self.sized = True
        """Whether sizes were told all along."""
        self.denied: str | None = None
        """What is left out: a sentence that names the ACL rule."""
        self._denied_on = 0
        """How many connections had been made when that was learned."""

    def learn(self, questions: KeyQuestions, replies: Sequence[Reply], connections: int) -> None:
        """Stop asking what is refused: every refusal is an error in the server's statistics.

        `replies` are those about one key.
        """
        for name, reply in zip(questions.names, replies, strict=False):
            if isinstance(reply, ReplyError) and reply.code == "NOPERM" and " key" not in str(reply):
                self.denied, self._denied_on = lacking(f"+{name}"), connections
                if name == "memory|usage":
                    self.sized = False
                    self.questions = KeyQuestions(memory=False)
                    self.denied = f"no sizes: {self.denied}"

    def learn_anew(self, connections: int) -> None:
        """Ask everything again after a new login: the rules may have changed."""
        if self.denied is not None and self._denied_on != connections:
            self.denied = None
            self.sized = True
            self.questions = KeyQuestions(memory=True)


class Piece(NamedTuple):
    """Keys of a page that came from one place."""

    keys: int
    """How many."""
    group: int
    """The group of the sample that they belong to."""


class Answered(NamedTuple):
    """A page that was answered and waits to be folded."""

    node: int
    """Its number."""
    keys: list[bytes]
    questions: KeyQuestions
    replies: Sequence[Reply]
    pieces: Sequence[Piece] = ()
    """What it consists of, in order; nothing when it is all from one place."""


def questioned(questions: KeyQuestions, keys: Sequence[bytes], pages: Iterable[tuple[bytes | int, int]]) -> Exchange:
    """Ask about the keys, for the number of keys there are, and for pages: (cursor, about how many keys)."""
    scans = [[b"SCAN", cursor, b"COUNT", count] for cursor, count in pages]
    return questions.exchange(keys, [b"DBSIZE"], *scans)


def told(questions: KeyQuestions, keys: Sequence[bytes], replies: Sequence[Reply]) -> int | Failure:
    """Return how many keys there are, or why a question about these keys has to be asked again.

    That is so when the server does not tell it, or the next page, or anything about keys: as long as a cluster lacks a
    node it may refuse them all.
    """
    about, tail = replies[: len(keys)], replies[len(questions.names) * len(keys) :]
    for number, reply in enumerate(tail):
        if isinstance(reply, ReplyError):
            return of_reply(reply, "+scan" if number else "+dbsize")
    if about and all(isinstance(reply, ReplyError) and reply.code == "CLUSTERDOWN" for reply in about):
        return of_reply(about[0], "+type")
    count: int = tail[0]
    return count


class NodeScan:
    """Where the scan of one node stands. Each question is about the last page's keys, and asks for the next page."""

    looks = False
    """It never has to look first at what there is to read."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        """The page that comes next: it has been listed, and not been asked about."""
        self._cursor: bytes | None = None

    @property
    def ended(self) -> bool:
        """Whether everything has been listed and asked about."""
        return self._cursor == b"0" and not self.keys

    def question(self, questions: KeyQuestions, count: int) -> Exchange:
        """Ask about the keys, for the number of keys there are, and for about `count` more if there may be more."""
        more = [(self._cursor or b"0", count)] if self._cursor != b"0" else []
        return questioned(questions, self.keys, more)

    def dbsize(self, questions: KeyQuestions, replies: Sequence[Reply]) -> int | Failure:
        """Return how many keys there are, or why the question has to be asked again."""
        return told(questions, self.keys, replies)

    def take(self, node: int, questions: KeyQuestions, replies: Sequence[Reply]) -> Answered | None:
        """Go on to the next page; return the one that was answered, if it held any keys."""
        answered = Answered(node, self.keys, questions, replies) if self.keys else None
        if self._cursor == b"0":
            self.keys = []
        else:
            self._cursor, self.keys = replies[-1]
        return answered
