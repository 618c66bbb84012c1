"""Only the latest value counts, and nobody is run over."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from tui.engine.feed import Feed


async def turns(count: int = 5) -> None:
    """Let everything run that can run without the world outside."""
    for _ in range(count):
        await asyncio.sleep(0)


class Reader:
    """Watches a feed; takes the next value only when told that the last one has been drawn."""

    def __init__(self, feed: Feed[int]) -> None:
        self.seen: list[int] = []
        self._drawn = asyncio.Semaphore(0)
        self.task = asyncio.create_task(self._read(feed))

    async def _read(self, feed: Feed[int]) -> None:
        async with aclosing(feed.watch()) as values:  # type: ignore[type-var]
            async for value in values:
                self.seen.append(value)
                await self._drawn.acquire()

    def draw(self, times: int = 1) -> None:
        for _ in range(times):
            self._drawn.release()

    async def leave(self) -> None:
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task


async def test_a_late_watcher_gets_the_latest_value_at_once() -> None:
    feed = Feed[int]()
    assert feed.latest is None
    feed.publish(1)
    feed.publish(2)
    reader = Reader(feed)
    await turns()
    assert reader.seen == [2]
    assert feed.latest == 2
    await reader.leave()


async def test_values_published_while_a_watcher_is_busy_are_skipped_except_the_last() -> None:
    feed = Feed[int]()
    fast, slow = Reader(feed), Reader(feed)
    fast.draw(100)
    for value in range(1, 6):
        feed.publish(value)
        await turns()
    assert fast.seen == [1, 2, 3, 4, 5]
    assert slow.seen == [1]
    slow.draw()
    await turns()
    assert slow.seen == [1, 5]
    slow.draw(3)
    await turns()
    assert slow.seen == [1, 5], "the same value is not shown twice"
    await fast.leave()
    await slow.leave()


async def test_equal_values_are_values_of_their_own() -> None:
    feed = Feed[int]()
    reader = Reader(feed)
    reader.draw(100)
    for _ in range(3):
        feed.publish(7)
        await turns()
    assert reader.seen == [7, 7, 7]
    await reader.leave()


async def test_shown_waits_for_the_slowest_watcher() -> None:
    feed = Feed[int]()
    await asyncio.wait_for(feed.shown(), 1)
    fast, slow = Reader(feed), Reader(feed)
    await turns()
    fast.draw(100)
    feed.publish(1)
    shown = asyncio.create_task(feed.shown())
    await turns()
    assert not shown.done()
    slow.draw()
    await turns()
    assert shown.done()
    await fast.leave()
    await slow.leave()


async def test_shown_waits_for_a_watcher_that_has_not_begun_yet() -> None:
    feed = Feed[int]()
    feed.publish(1)
    reader = Reader(feed)
    await asyncio.sleep(0)
    shown = asyncio.create_task(feed.shown())
    await turns()
    assert not shown.done()
    reader.draw()
    await turns()
    assert shown.done()
    await reader.leave()


async def test_a_watcher_that_leaves_in_the_middle_holds_nobody_up() -> None:
    feed = Feed[int]()
    reader = Reader(feed)
    await turns()
    feed.publish(1)
    await turns()
    assert reader.seen == [1]
    shown = asyncio.create_task(feed.shown())
    await turns()
    assert not shown.done()
    await reader.leave()
    await turns()
    assert shown.done()
    assert not feed.watched


async def test_breaking_out_of_the_loop_leaves_too() -> None:
    feed = Feed[int]()
    feed.publish(1)
    async for value in feed.watch():
        assert value == 1
        assert feed.watched
        break
    await turns()
    assert not feed.watched
    await asyncio.wait_for(feed.shown(), 1)


async def test_a_holder_counts_as_watching_but_is_never_waited_for() -> None:
    feed = Feed[int]()
    wanted = asyncio.create_task(feed.wanted())
    await turns()
    assert not wanted.done()
    with feed.hold(), feed.hold():
        await turns()
        assert wanted.done()
        assert feed.watched
        feed.publish(1)
        await asyncio.wait_for(feed.shown(), 1)
    assert not feed.watched


async def test_wanted_returns_when_somebody_watches_and_at_once_while_somebody_does() -> None:
    feed = Feed[int]()
    wanted = asyncio.create_task(feed.wanted())
    await turns()
    assert not wanted.done()
    reader = Reader(feed)
    await turns()
    assert wanted.done()
    await asyncio.wait_for(feed.wanted(), 1)
    await reader.leave()
    wanted = asyncio.create_task(feed.wanted())
    await turns()
    assert not wanted.done()
    wanted.cancel()


async def test_changed_waits_for_a_value_published_after_the_call() -> None:
    feed = Feed[int]()
    feed.publish(1)
    changed = asyncio.create_task(feed.changed())
    await turns()
    assert not changed.done()
    feed.publish(1)
    await turns()
    assert changed.done()


async def test_a_value_published_between_the_call_and_the_start_of_the_wait_is_not_missed() -> None:
    feed = Feed[int]()
    waiting = feed.changed()
    feed.publish(1)
    await asyncio.wait_for(waiting, 1)
