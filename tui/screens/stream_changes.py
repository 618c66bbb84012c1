"""Leading a person through a change of a stream: what, exactly what, done, and the way back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from textual.app import App

from tui.engine.failure import Failure
from tui.engine.needle import needle_of
from tui.engine.session import Session
from tui.engine.streams.acts.base import Act
from tui.engine.streams.acts.entries import DeleteEntries
from tui.engine.streams.acts.history import History
from tui.engine.streams.acts.pending import Acknowledge, Claim
from tui.engine.streams.acts.plan import (
    held,
    plan_add,
    plan_delete_consumer,
    plan_delete_group,
    plan_set_id,
)
from tui.engine.streams.acts.plan_trim import plan_trim
from tui.engine.streams.acts.run import carry_out, take_back
from tui.engine.streams.drill import Consumers, Gone, Inside, look_at_consumers, look_inside
from tui.engine.streams.look import Pending
from tui.screens.confirm import ConfirmScreen
from tui.screens.stream_history import StreamHistoryScreen
from tui.words.question import Question
from tui.words.streamedits import (
    add_question,
    claim_question,
    confirm_question,
    done_sentence,
    fields_of,
    keep_of,
    place_of,
    set_id_question,
    trim_question,
    verb_of,
)
from tui.words.units import parse_duration

Found = Act | Gone | Failure


class StreamChanges:
    """Asks, acts and tells; remembers what can be taken back."""

    def __init__(self, app: App[Any], session: Session, folder: Path) -> None:
        """Keep the records of changes in a folder."""
        self._app = app
        self._session = session
        self._history = History(folder, f"{session.deployment.address.label} db{session.deployment.db}")

    async def acknowledge(self, key: bytes, group: bytes, entry: Pending) -> None:
        """Acknowledge one entry."""
        await self._confirm(Acknowledge(key, group, (entry,), self._session.clock.wall()))

    async def delete_entry(self, key: bytes, entry_id: bytes) -> None:
        """Delete one entry."""
        await self._confirm(DeleteEntries(key, (entry_id,)))

    async def delete_group(self, key: bytes, group: bytes) -> None:
        """Delete a group."""
        await self._confirm(await plan_delete_group(self._session.deployment, key, group))

    async def delete_consumer(self, key: bytes, group: bytes, consumer: bytes) -> None:
        """Delete a consumer."""
        await self._confirm(await plan_delete_consumer(self._session.deployment, key, group, consumer))

    async def claim(self, key: bytes, group: bytes, consumer: bytes | None, entry: Pending | None) -> None:
        """Give entries (one, or those of a consumer, or of all) to another consumer."""
        deployment = self._session.deployment
        people = await look_at_consumers(deployment, key, group)
        if not isinstance(people, Consumers):
            self._tell(people)
            return
        mine = [one for one in people.consumers if consumer in {None, one.name}]
        count = 1 if entry is not None else sum(one.pending for one in mine)
        answers = await self._ask(claim_question(group, count, [one.name for one in people.consumers]))
        if answers is None:
            return
        to, idle = needle_of(answers[0].strip()), parse_duration(answers[1])
        if entry is not None:
            await self._confirm(Claim(key, group, to, (entry,), self._session.clock.wall(), min(idle, entry.idle)))
            return
        found = await held(deployment, key, group, consumer, idle)
        if not isinstance(found, tuple):
            self._tell(found)
        elif not found[0]:
            self._app.notify("no entry has been idle for so long", severity="warning")
        else:
            await self._confirm(Claim(key, group, to, found[0], self._session.clock.wall(), idle))

    async def trim(self, key: bytes) -> None:
        """Trim a stream."""
        inside = await self._look(key)
        if inside is None:
            return
        wall = self._session.clock.wall()
        answers = await self._ask(trim_question(key, inside.stream.length, wall))
        if answers is not None:
            keep, before = keep_of(answers[0], wall)
            await self._confirm(await plan_trim(self._session.deployment, key, keep=keep, before=before))

    async def move_group(self, key: bytes, group: bytes) -> None:
        """Let a group go on from another place."""
        inside = await self._look(key)
        if inside is None:
            return
        stands = next((one.delivered for one in inside.stream.groups if one.name == group), b"0-0")
        wall = self._session.clock.wall()
        answers = await self._ask(set_id_question(group, stands, wall))
        if answers is not None:
            place = place_of(answers[0], wall)
            await self._confirm(await plan_set_id(self._session.deployment, key, group, place))

    async def add(self, key: bytes) -> None:
        """Add an entry."""
        answers = await self._ask(add_question(key))
        if answers is not None:
            await self._confirm(await plan_add(self._session.deployment, key, fields_of(answers[0])))

    async def undo(self) -> None:
        """List what was changed, and take one of it back."""
        wall = self._session.clock.wall
        changes = await asyncio.to_thread(self._history.load)
        change = await self._app.push_screen_wait(StreamHistoryScreen(changes, wall()))
        if change is None:
            return
        receipts = await take_back(self._session.deployment, change.act, max(0.0, wall() - change.at))
        for receipt in receipts:
            bad = receipt.failure is not None
            title = f"Back: {receipt.act.sentence}"[:120]
            self._app.notify(done_sentence(receipt), severity="error" if bad else "information", title=title)
        if not any(receipt.failure for receipt in receipts):
            await asyncio.to_thread(self._history.taken_back, change)
        self._session.pace.nudge()

    async def _confirm(self, act: Found) -> None:
        if isinstance(act, Gone | Failure):
            self._tell(act)
            return
        if not act.planned:
            self._app.notify("there is nothing to do", severity="warning")
            return
        if await self._ask(confirm_question(act)) is None:
            return
        wall = self._session.clock.wall
        change, why = await asyncio.to_thread(self._history.begin, act, wall())
        receipt = await carry_out(self._session.deployment, act)
        await asyncio.to_thread(self._history.finish, change, receipt, wall())
        bad = receipt.failure is not None
        self._app.notify(done_sentence(receipt), severity="error" if bad else "information", title=verb_of(act))
        if why and receipt.done:
            self._app.notify(why, severity="warning")
        self._session.pace.nudge()

    async def _look(self, key: bytes) -> Inside | None:
        found = await look_inside(self._session.deployment, key)
        if isinstance(found, Inside):
            return found
        self._tell(found)
        return None

    async def _ask(self, question: Question) -> list[str] | None:
        return await self._app.push_screen_wait(ConfirmScreen(question))

    def _tell(self, why: Gone | Failure) -> None:
        self._app.notify(why.sentence, severity="warning")
