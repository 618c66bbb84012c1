"""Carrying out an act: on a connection of its own, each command once, with a receipt of what the server said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.engine.commands import exchange
from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable, of_reply
from tui.engine.purge.refusals import is_moving
from tui.engine.streams.acts.base import Act, Batches, Command
from tui.engine.streams.drill import ask_stream
from tui.engine.writer import writer

RESOLVE_TRIES = 20
"""Times that the server is asked what became of a change before its outcome is called unknown."""
RESOLVE_REST = 0.25
"""Seconds between."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an act."""

    act: Act
    done: int
    """How many of those planned were touched, as the server says."""
    failure: Failure | None = None
    """Why it stopped early, if it did; the rest was not touched."""
    unknown: bool = False
    """Whether the last answer was lost, and nobody could tell what became of the commands it was for."""

    @property
    def left(self) -> int:
        """Those planned that were not touched: acknowledged, delivered again, or deleted by others meanwhile."""
        return max(0, self.act.planned - self.done)


async def carry_out(deployment: Deployment, act: Act) -> Receipt:
    """Do what was confirmed; failures are in the receipt."""
    done = 0
    batch: list[Command] = []
    sent = False
    try:
        async with writer(deployment.node_of(act.key)) as pen:
            batches = act.batches()
            batch = next(batches, [])
            while batch:
                sent = True
                # The type beside it tells which look-ups were misses of redtop's own.
                _, *replies = await pen.ask([b"TYPE", act.key], *batch)
                sent = False
                refused = next((reply for reply in replies if isinstance(reply, ReplyError)), None)
                if refused is not None:
                    await deployment.look_again()  # it may only have moved
                    return Receipt(act, done, _refusal(refused, act))
                touched = act.done(replies)
                done += touched
                batch = _after(batches, touched)
    except Unavailable as error:
        if not sent or error.failure.kind is Kind.READ_ONLY:
            return Receipt(act, done, error.failure)
        found = await _resolve(deployment, act, batch)
        return Receipt(act, done + (found or 0), error.failure, unknown=found is None)
    return Receipt(act, done)


def _after(batches: Batches, touched: int) -> list[Command]:
    try:
        return batches.send(touched)
    except StopIteration:
        return []


async def take_back(deployment: Deployment, act: Act, elapsed: float = 0.0) -> Sequence[Receipt]:
    """Undo an act `elapsed` seconds later, step by step, up to the first failure; empty when there is no way back."""
    receipts: list[Receipt] = []
    for step in act.undo(elapsed):
        obstacle = await _obstacle(deployment, step)
        receipts.append(Receipt(step, 0, obstacle) if obstacle else await carry_out(deployment, step))
        if receipts[-1].failure is not None:
            break
    return receipts


async def _obstacle(deployment: Deployment, step: Act) -> Failure | None:
    questions = step.precondition()
    answer = await ask_stream(deployment, step.key, *questions)
    if not isinstance(answer, list):
        return answer if isinstance(answer, Failure) else Failure(Kind.CHANGED, answer.sentence)
    refused = next((reply for reply in answer if isinstance(reply, ReplyError)), None)
    if refused is not None:
        return of_reply(refused, "+xinfo|groups")
    sentence = step.obstacle(answer) if questions else ""
    return Failure(Kind.CHANGED, sentence) if sentence else None


async def _resolve(deployment: Deployment, act: Act, batch: Sequence[Command]) -> int | None:
    """Read back what became of commands whose answer was lost; None when it cannot be told."""
    for _ in range(RESOLVE_TRIES):
        try:
            answer = await deployment.ask(exchange([b"TYPE", act.key], *act.questions(batch)))
        except Unavailable:
            pass
        else:
            _, *replies = answer.replies
            if any(isinstance(reply, ReplyError) for reply in replies):
                return None
            return act.seen(batch, replies)
        await deployment.clock.sleep(RESOLVE_REST)
    return None


def _refusal(error: ReplyError, act: Act) -> Failure:
    if error.code == "NOGROUP":
        return Failure(Kind.CHANGED, "the stream or the group is gone")
    if is_moving(error):
        return Failure(Kind.MOVING, "the stream is on its way to another node, or has just moved: try again")
    if error.code == "BUSYGROUP":
        return Failure(Kind.CHANGED, "a group of this name is there already")
    return of_reply(error, act.RULE)
