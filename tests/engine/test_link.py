"""One connection, strictly in order, whatever happens to those who ask or to the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.conftest import Until
from tests.proxy import Proxy, saying
from tests.servers import HOST, Server
from tui.demo.wire import Wire
from tui.engine.address import Address
from tui.engine.clock import SystemClock
from tui.engine.commands import Exchange, exchange
from tui.engine.connection import connect
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable
from tui.engine.footprint import Footprint
from tui.engine.link import Link


class Connected(Link):
    """A link that remembers why it ended and what it cost."""

    def __init__(self) -> None:
        self.footprint = Footprint()
        self.ends: list[Failure] = []
        super().__init__(SystemClock(), self.footprint, self.ends.append)


Connect = Callable[[int], Awaitable[Connected]]


@pytest.fixture
async def linked() -> AsyncIterator[Connect]:
    links: list[Connected] = []

    async def to(port: int) -> Connected:
        links.append(Connected())
        await connect(Address(HOST, port), links[-1])
        return links[-1]

    yield to
    for link in links:
        link.drop(Failure(Kind.LOST, "the test is over"))


def types_of(*keys: str) -> Exchange:
    return exchange(*([b"TYPE", key.encode()] for key in keys))


async def failure_of(waiting: Awaitable[object]) -> Failure:
    with pytest.raises(Unavailable) as caught:
        await waiting
    return caught.value.failure


async def test_many_asking_at_once_get_their_own_answers(server: Server, linked: Connect) -> None:
    server.ask_all([("SET", f"string {n}", "x") for n in range(0, 500, 2)])
    server.ask_all([("RPUSH", f"string {n}", "x") for n in range(1, 500, 2)])
    link = await linked(server.port)

    async def one(number: int) -> list[bytes]:
        await asyncio.sleep(number % 7 / 1000)
        keys = [f"string {n}" for n in range(number, min(500, number + 1 + number % 4))]
        return (await link.ask(types_of(*keys))).replies

    answers = await asyncio.gather(*(one(number) for number in range(500)))
    for number, replies in enumerate(answers):
        numbers = range(number, min(500, number + 1 + number % 4))
        assert replies == [(b"list" if n % 2 else b"string") for n in numbers]
    assert link.waiting_since is None


async def test_answers_carry_redtops_own_counts_up_to_that_exchange(valkey: Server, linked: Connect) -> None:
    valkey.ask("SET", "there", "x")
    link = await linked(valkey.port)
    first, second, third = await asyncio.gather(
        link.ask(types_of("there")), link.ask(types_of("there", "not there")), link.ask(exchange([b"PING"]))
    )
    assert (first.own_hits, first.own_misses, first.own_commands) == (1, 0, 1)
    assert (second.own_hits, second.own_misses, second.own_commands) == (2, 1, 3)
    assert (third.own_hits, third.own_misses, third.own_commands) == (2, 1, 4)
    assert link.footprint.calls == {"type": 3, "ping": 1}
    assert link.footprint.bytes_in == len(b"+string\r\n" * 2 + b"+none\r\n" + b"+PONG\r\n")


async def test_an_error_reply_is_a_value_and_the_link_goes_on(server: Server, linked: Connect) -> None:
    server.ask("SET", b"\xff", "x")
    link = await linked(server.port)
    bad, good = (await link.ask(exchange([b"XINFO", b"STREAM", b"\xff"], [b"PING"]))).replies
    assert isinstance(bad, ReplyError)
    assert bad.code == "WRONGTYPE"
    assert good == b"PONG"


async def test_cancelled_questions_leave_the_link_in_step(server: Server, linked: Connect) -> None:
    server.ask("SET", "there", "x")
    link = await linked(server.port)
    for _ in range(20):
        given_up = [asyncio.ensure_future(link.ask(types_of("there", "there"))) for _ in range(5)]
        kept = asyncio.ensure_future(link.ask(types_of("there", "not there")))
        await asyncio.sleep(0)
        for task in given_up:
            task.cancel()
        assert (await kept).replies == [b"string", b"none"]
        assert all(task.cancelled() for task in given_up)
    assert link.footprint.hits == 20 * 11, "what nobody waited for has been counted by the server all the same"
    assert link.footprint.hits == server.stats()["keyspace_hits"]


async def test_a_question_that_expects_no_reply_is_answered_at_once_and_confuses_nobody(
    valkey: Server, linked: Connect
) -> None:
    link = await linked(valkey.port)
    waiting = link.send(exchange([b"PING"]))
    assert (await link.ask(exchange())).replies == []
    assert (await waiting).replies == [b"PONG"]
    assert (await link.ask(exchange([b"DBSIZE"]))).replies == [0]


async def test_when_the_server_dies_everybody_who_waits_is_told(valkey: Server, linked: Connect) -> None:
    link = await linked(valkey.port)
    valkey.freeze()
    waiting = [asyncio.ensure_future(link.ask(exchange([b"PING"]))) for _ in range(10)]
    given_up = asyncio.ensure_future(link.ask(exchange([b"PING"])))
    await asyncio.sleep(0)
    assert link.waiting_since is not None
    given_up.cancel()
    valkey.kill()
    for task in waiting:
        assert (await failure_of(task)).kind is Kind.LOST
    assert [failure.kind for failure in link.ends] == [Kind.LOST]
    assert (await failure_of(link.ask(exchange([b"PING"])))) == link.ends[0]
    assert link.waiting_since is None


async def test_dropping_twice_tells_once(valkey: Server, linked: Connect) -> None:
    link = await linked(valkey.port)
    waiting = link.send(exchange([b"PING"]))
    first, second = Failure(Kind.TIMEOUT, "first"), Failure(Kind.LOST, "second")
    link.drop(first)
    link.drop(second)
    assert await failure_of(waiting) == first
    assert link.ends == [first]


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\x01\x02\r\n", b"220 mail ready\r\n"])
async def test_what_is_no_redis_is_named_so(linked: Connect, garbage: bytes) -> None:
    async with saying(to_anything=garbage) as port:
        link = await linked(port)
        assert (await failure_of(link.ask(exchange([b"PING"])))).kind is Kind.PROTOCOL
        assert [failure.kind for failure in link.ends] == [Kind.PROTOCOL]


async def test_garbage_after_good_replies_ends_the_link_but_keeps_those(linked: Connect) -> None:
    async with saying(to_anything=b"+PONG\r\n?nonsense\r\n") as port:
        link = await linked(port)
        first, second = link.send(exchange([b"PING"])), link.send(exchange([b"PING"]))
        assert (await first).replies == [b"PONG"]
        assert (await failure_of(second)).kind is Kind.PROTOCOL


async def test_a_reply_that_nobody_asked_for_ends_the_link(linked: Connect) -> None:
    async with saying(to_anything=b"+PONG\r\n+PONG\r\n") as port:
        link = await linked(port)
        assert (await link.ask(exchange([b"PING"]))).replies == [b"PONG"]
        assert [failure.kind for failure in link.ends] == [Kind.PROTOCOL]


@pytest.mark.parametrize("closing", [True, False])
async def test_a_server_that_is_full_is_named_so(linked: Connect, until: Until, closing: bool) -> None:
    async with saying(at_once=b"-ERR max number of clients reached\r\n", closing=closing) as port:
        link = await linked(port)
        await until(lambda: link.ends)
        assert [failure.kind for failure in link.ends] == [Kind.FULL]
        assert (await failure_of(link.ask(exchange([b"PING"])))).kind is Kind.FULL


async def test_a_real_server_that_is_full_is_named_so(server: Server, linked: Connect, until: Until) -> None:
    with Wire(HOST, server.port) as holder:
        holder.ask([("CONFIG", "SET", "maxclients", 1)])
        link = await linked(server.port)
        await until(lambda: link.ends)
        assert link.ends[0].kind is Kind.FULL


async def test_words_before_the_first_question_was_read_are_no_answer_to_it(linked: Connect, until: Until) -> None:
    async with saying(at_once=b"-ERR max number of clients reached\r\n", closing=True) as port:
        link = await linked(port)
        assert (await failure_of(link.ask(exchange([b"INFO"], [b"PING"])))).kind is Kind.FULL
        assert [failure.kind for failure in link.ends] == [Kind.FULL]


async def test_the_farewell_of_a_server_is_shown_as_safe_text(linked: Connect, until: Until) -> None:
    async with saying(at_once=b"-DENIED \x1b]52;c;aGk=\x07 protected mode \xff\r\n", closing=True) as port:
        link = await linked(port)
        await until(lambda: link.ends)
        assert link.ends[0].kind is Kind.LOST
        assert "DENIED" in link.ends[0].sentence
        assert link.ends[0].sentence.isprintable()


async def test_big_replies_that_come_byte_by_byte_are_whole(server: Server, linked: Connect) -> None:
    server.ask_all([("XADD", "stream", f"1-{n}", "field", "x" * 100, b"\r\n$5\r\n", b"\xff\x00") for n in range(1, 20)])
    async with Proxy(server.port, chunk=1) as slow:
        link, direct = await linked(slow.port), await linked(server.port)
        question = exchange([b"XRANGE", b"stream", b"-", b"+"], [b"XINFO", b"STREAM", b"stream"], [b"PING"])
        slowly, at_once = await asyncio.gather(link.ask(question), direct.ask(question))
    assert slowly.replies == at_once.replies
    assert len(slowly.replies[0]) == 19
    assert link.footprint.bytes_in == direct.footprint.bytes_in > 3000


async def test_a_reply_of_many_megabytes_arrives(valkey: Server, linked: Connect) -> None:
    value = b"x" * 8_000_000
    valkey.ask("XADD", "stream", "1-1", "field", value)
    link = await linked(valkey.port)
    entries, pong = (await link.ask(exchange([b"XRANGE", b"stream", b"-", b"+"], [b"PING"]))).replies
    assert entries == [[b"1-1", [b"field", value]]]
    assert pong == b"PONG"
