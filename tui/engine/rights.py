"""What the user of a connection may not do: asked once, remembered, and not asked again.

Every refusal is an error in the server's statistics and a line in its ACL LOG, and no server tells a user what it may
do: ACL GETUSER and ACL DRYRUN are for administrators, and asking in vain would be one more refusal. So the first
answer to each command teaches it. Until then a command goes out once, not a thousand times in one page; from then on
what was refused gets the same answer from here, as if the server had given it once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from tui.engine.commands import Exchange, Reply, exchange, of_runs
from tui.engine.failure import ReplyError
from tui.engine.link import Answer

Send = Callable[[Exchange], Awaitable[Answer]]


class Rights:
    """What has been learned on one connection."""

    def __init__(self) -> None:
        self.refused: Mapping[str, ReplyError] = {}
        """The answer to each command that is not permitted, or unknown to the server; by ACL name."""
        self.learned = 0
        """How many times it was begun anew."""
        self._asked: set[str] = set()
        """Commands that were answered in one way or another."""
        self._learning = asyncio.Lock()
        self._lessons: set[asyncio.Task[Answer]] = set()
        """First questions that are under way."""

    def forget(self) -> None:
        """Begin anew: there was another login, or a person thinks that the rules have changed."""
        self.refused = {}
        self._asked = set()
        self.learned += 1

    async def ask(self, question: Exchange, send: Send) -> Answer:
        """Send what is not known to be refused; whatever is gets the answer of the first time.

        Raises:
            Unavailable: `send` does.
        """
        if question.runs and not question.calls.keys() <= self._asked:
            lesson = asyncio.create_task(self._ask_first(question, send))
            self._lessons.add(lesson)
            lesson.add_done_callback(self._end)
            return await asyncio.shield(lesson)  # who asks may go away, and the next would be refused once more
        return await self._ask(question, send)

    def learn(self, question: Exchange, replies: Sequence[Reply]) -> None:
        """Take in the replies to a question."""
        at = 0
        for run in question.runs:
            if is_refusal(reply := replies[at]):
                self.refused = {**self.refused, run.name: _without_words(reply)}
            self._asked.add(run.name)
            at += run.times

    def _end(self, lesson: asyncio.Task[Answer]) -> None:
        self._lessons.discard(lesson)
        if not lesson.cancelled():
            lesson.exception()  # nobody may be left who wants to know

    async def _ask_first(self, question: Exchange, send: Send) -> Answer:
        async with self._learning:  # two that ask the same for the first time would both be refused
            await self._try(question, send)
            return await self._ask(question, send)

    async def _try(self, question: Exchange, send: Send) -> None:
        """Ask one of each that would be asked several times, and never was."""
        new = [name for name, calls in question.calls.items() if calls > 1 and name not in self._asked]
        if new:
            wanted = {*new, "type"} - self.refused.keys()  # the type tells what counts as a miss
            firsts = {run.name: run.first for run in reversed(question.runs) if run.name in wanted}
            sample = exchange(*reversed(firsts.values()))
            self.learn(sample, (await send(sample)).replies)

    async def _ask(self, question: Exchange, send: Send) -> Answer:
        refused = self.refused  # as of now: what is learned meanwhile has been asked
        if refused.keys().isdisjoint(question.calls) or not question.runs:
            answer = await send(question)
            self.learn(question, answer.replies)
            return answer
        kept = [run for run in question.runs if run.name not in refused]
        allowed = of_runs(kept, lambda replies: question.tally(list(_whole(question, refused, replies))))
        answer = await send(allowed)
        self.learn(allowed, answer.replies)
        if not kept:
            await asyncio.sleep(0)  # nothing was sent, so nothing was waited for; others want their turn
        return replace(answer, replies=list(_whole(question, refused, answer.replies)))


def _whole(question: Exchange, refused: Mapping[str, ReplyError], replies: Sequence[Reply]) -> Iterator[Reply]:
    """Put the known refusals where their replies would stand."""
    at = 0
    for run in question.runs:
        if run.name in refused:
            yield from [refused[run.name]] * run.times
        else:
            yield from replies[at : at + run.times]
            at += run.times


def is_refusal(reply: Reply) -> bool:
    """Whether an answer says that a command may not be used at all, whatever the key."""
    if not isinstance(reply, ReplyError):
        return False
    words = str(reply)
    if reply.code == "NOPERM":
        return " key" not in words and " channel" not in words
    return words.lower().startswith(("err unknown command", "err unknown subcommand"))


def _without_words(error: ReplyError) -> ReplyError:
    """Leave out what it repeats of the question: the next one is about another key."""
    return ReplyError(str(error).partition(", with args")[0])
