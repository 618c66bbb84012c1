"""One node read from the first key to the last, a page in each round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tui.engine.commands import Exchange, KeyQuestions, Reply
from tui.engine.failure import ReplyError
from tui.engine.node import Node


class Restart(Exception):  # noqa: N818 - not an error: the pass just begins again
    """The keyspace is not the one that the pass began with."""


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
                self.denied, self._denied_on = f"this user needs the ACL rule +{name}", connections
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


class Answered(NamedTuple):
    """A page that was answered and waits to be folded."""

    keys: list[bytes]
    questions: KeyQuestions
    replies: Sequence[Reply]


class NodeScan:
    """Where the scan of one node stands. Each question is about the last page's keys, and asks for the next page."""

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
        commands: list[Sequence[bytes | int]] = [[b"DBSIZE"]]
        if self._cursor != b"0":
            commands.append([b"SCAN", self._cursor or b"0", b"COUNT", count])
        return questions.exchange(self.keys, *commands)

    def tail(self, questions: KeyQuestions, replies: Sequence[Reply]) -> Sequence[Reply]:
        """Return the replies that are not about keys."""
        return replies[len(questions.names) * len(self.keys) :]

    def take(self, questions: KeyQuestions, replies: Sequence[Reply]) -> Answered | None:
        """Go on to the next page; return the one that was answered, if it held any keys."""
        answered = Answered(self.keys, questions, replies) if self.keys else None
        if self._cursor == b"0":
            self.keys = []
        else:
            self._cursor, self.keys = replies[-1]
        return answered
