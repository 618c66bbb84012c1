"""One pass over the keyspace for a test of schemas: as gently as asked, for as long as asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tui.engine.commands import KeyQuestions, Reply
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable, lacking, of_reply
from tui.engine.link import Answer
from tui.engine.node import Node
from tui.engine.onepass import Page
from tui.engine.schema.drift import Drift

PAGE = 250
"""Keys asked about in one round trip: bigger pages hold up other clients longer."""
REST_MOST = 2.0
"""Seconds between two pages at most."""
BURST = 0.3
"""Seconds at full speed at the start: enough for a first picture of any keyspace."""

Stop = Callable[[], bool]


@dataclass(slots=True)
class Scanned:
    """How far a pass came."""

    dbsize: int = 0
    """Keys there are, as the server counts them."""
    keys: int = 0
    """Keys read."""
    refused: int = 0
    """Keys this user may not look at."""
    complete: bool = False
    failure: Failure | None = None
    """Why it ended early."""
    note: str | None = None
    """What could not be asked: a sentence of safe text."""

    @property
    def population(self) -> int:
        """Keys there are that this user may look at; when the pass is complete, those that were read."""
        seen = self.keys + self.refused
        whole = self.dbsize * self.keys // seen if self.refused else self.dbsize
        return self.keys if self.complete else max(self.keys, whole)


def together(nodes: Sequence[Scanned]) -> Scanned:
    """Return how far the passes over all nodes came: complete when all of them are."""
    return Scanned(
        dbsize=sum(one.dbsize for one in nodes),
        keys=sum(one.keys for one in nodes),
        refused=sum(one.refused for one in nodes),
        complete=all(one.complete for one in nodes),
        failure=next((one.failure for one in nodes if one.failure is not None), None),
        note=next((one.note for one in nodes if one.note is not None), None),
    )


class Gentle:
    """Takes at most a share of the server's time."""

    def __init__(self, node: Node, share: float) -> None:
        """Rest so long after each answer of `node` that it takes at most `share` of its time; 1 is full speed."""
        self._node = node
        self._share = share
        self._burst_until = node.clock.now() + BURST

    async def rest(self, answer: Answer) -> None:
        """Give the server back to the others after an answer."""
        clock = self._node.clock
        if self._share >= 1 or clock.now() < self._burst_until:
            return
        busy = max(answer.took - self._node.round_trip, 1e-6 * len(answer.replies))
        await clock.sleep(min(REST_MOST, busy * (1 / self._share - 1)))


async def scan(node: Node, drift: Drift, gentle: Gentle, stop: Stop) -> Scanned:
    """Show one node's keys to `drift`, page by page, until all were read or `stop` says so."""
    scanned, cursor, keys = Scanned(), b"", list[bytes]()
    questions = KeyQuestions(memory=True)
    run_id = node.identity.run_id if node.identity else None
    while cursor != b"0" or keys:
        more: list[Sequence[bytes | int]] = [[b"SCAN", cursor or b"0", b"COUNT", PAGE]] if cursor != b"0" else []
        try:
            answer = await node.ask(questions.exchange(keys, [b"DBSIZE"], *more))
        except Unavailable as error:
            scanned.failure = error.failure
            return scanned
        if run_id is not None and node.identity is not None and node.identity.run_id != run_id:
            scanned.failure = Failure(Kind.CHANGED, "another server process answers: start again")
            return scanned
        tail = answer.replies[len(questions.names) * len(keys) :]
        if refused := next((reply for reply in tail if isinstance(reply, ReplyError)), None):
            scanned.failure = of_reply(refused, "+dbsize" if refused is tail[0] else "+scan")
            return scanned
        scanned.dbsize = tail[0]
        questions = _fold(drift, scanned, questions, keys, answer.replies)
        cursor, keys = tail[-1] if more else (cursor, [])
        if stop() and (cursor != b"0" or keys):
            return scanned
        await gentle.rest(answer)
    scanned.complete = True
    return scanned


def _fold(
    drift: Drift, scanned: Scanned, questions: KeyQuestions, keys: Sequence[bytes], replies: Sequence[Reply]
) -> KeyQuestions:
    """Hand a page on, and return what to ask of the next one: every refusal is an error in the server's statistics."""
    count = len(keys)
    sizes = replies[2 * count : 3 * count] if len(questions.names) > 2 else [0] * count
    page = Page(keys, replies[:count], replies[count : 2 * count], sizes)
    denied = any(isinstance(size, ReplyError) and size.code == "NOPERM" for size in sizes)
    if count and not page.is_whole():
        scanned.refused += sum(isinstance(kind, ReplyError) for kind in page.types)
        page = page.without_gone()
    if page.keys:
        scanned.keys += len(page.keys)
        drift.take(*page)
    if denied and not scanned.refused:
        scanned.note = f"no sizes: {lacking('+memory|usage')}"
        return KeyQuestions(memory=False)
    return questions
