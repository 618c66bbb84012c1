"""What all readers of values share: questions about one key, replies of bounded size, and pages filled step by step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence

from tui.engine.commands import Reply
from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, ReplyError, of_reply
from tui.engine.onekey.elements import Element, Page, cut_note
from tui.engine.onekey.inspect import KeyFacts, Missing, ask, look

PAGE = 100
"""Elements of a page: a screenful, with some to scroll."""
REPLY = 512 * 1024
"""Bytes one reply should have at most: copying them takes the server about a tenth of a millisecond."""
UNKNOWN = 16 * 1024
"""Bytes an element is taken to have until it is known, which it is unless MEMORY USAGE is denied."""
SEARCH_FOR = 0.3
"""Seconds one call may search before it returns with what it has found, so that progress can be shown."""


class Ended(Exception):  # noqa: N818 - carries an answer out of the readers
    """There is no page; `answer` says why."""

    def __init__(self, answer: KeyFacts | Missing | Failure) -> None:
        super().__init__()
        self.answer = answer


class Questions:
    """Asks about one key; whatever is not the expected answer ends the reading."""

    def __init__(self, deployment: Deployment, facts: KeyFacts) -> None:
        self.clock = deployment.clock
        identity = deployment.node_of(facts.key).identity
        self.version = identity.version_tuple if identity else ()
        self._deployment = deployment
        self._facts = facts

    async def ask(self, *commands: Sequence[bytes | int]) -> list[Reply]:
        """Ask in one round trip, the key's type first.

        Raises:
            Ended: gone, of another type, refused, or no server.
        """
        key = self._facts.key
        answer = await ask(self._deployment, [b"TYPE", key], *commands)
        if isinstance(answer, Failure):
            raise Ended(answer)
        kind, *replies = answer.replies
        if kind == b"none":
            raise Ended(Missing(key))
        wrong = any(isinstance(reply, ReplyError) and reply.code == "WRONGTYPE" for reply in replies)
        if wrong or kind != self._facts.kind.encode():
            raise Ended(await look(self._deployment, key))
        for command, reply in zip(commands, replies, strict=True):
            if isinstance(reply, ReplyError):
                raise Ended(of_reply(reply, f"+{str(command[0], 'ascii').lower()}"))  # type: ignore[arg-type]
        return replies


class Sizes:
    """How many elements to ask for, so that a reply stays within its bytes."""

    def __init__(self, facts: KeyFacts) -> None:
        self.known = facts.mean_size is not None
        """Whether the server has told how big elements are."""
        self._mean = facts.mean_size or UNKNOWN

    def count(self, most: int, octets: int = REPLY) -> int:
        """Return how many elements to ask for: at most `most`, and about `octets` bytes."""
        return max(1, min(most, octets // max(1, self._mean)))

    def learn(self, sizes: Sequence[int]) -> None:
        """Take what has come for what will come."""
        if sizes:
            self._mean = max(1, sum(sizes) // len(sizes))


class Reader(ABC):
    """Reads one type of value."""

    def __init__(self, facts: KeyFacts, text: bytes, questions: Questions) -> None:
        self.facts = facts
        self.text = text
        self.questions = questions
        self.sizes = Sizes(facts)
        self.read = 0
        self.over = False

    @abstractmethod
    async def next(self) -> Page:
        """Return the next page."""

    async def gather(self, step: Callable[[], Awaitable[list[Element]]]) -> Page:
        """Take steps until a page is full, all is read, or it has taken long enough."""
        start, began = self.read, self.questions.clock.now()
        found: list[Element] = []
        while not self.over and len(found) < PAGE:
            found += await step()
            if self.questions.clock.now() - began > SEARCH_FOR:
                break
        return Page(tuple(found), b"", start, self.read, not self.over, cut_note(found))
