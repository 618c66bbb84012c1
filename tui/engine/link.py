"""One connection to one server: commands out, replies in, strictly in order.

Everything redtop asks of a node shares one link. That keeps its footprint to one connection, and it makes the
hit-rate arithmetic exact: when the reply of INFO arrives, exactly those of redtop's own reads have been counted by
the server whose replies arrived before it.

An exchange that nobody waits for any more (a cancelled task) is simply dropped when its replies come; the link
stays in step.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import hiredis

from tui.engine.clock import Clock
from tui.engine.commands import Exchange, Reply
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable
from tui.engine.footprint import Footprint


@dataclass(frozen=True, slots=True)
class Answer:
    """The replies of one exchange."""

    replies: list[Reply]
    took: float
    """Seconds from the first byte sent to the last reply."""
    own_hits: int
    """redtop's own keyspace hits on this server up to and including this exchange."""
    own_misses: int
    """The same for misses."""
    own_commands: int
    """The same for commands."""


@dataclass(slots=True)
class _Waiting:
    exchange: Exchange
    future: asyncio.Future[Answer]
    sent_at: float
    replies: list[Reply] = field(default_factory=list)


INCOMPLETE = object()
"""What the parser returns until a reply is whole."""

_TLS_ALERT = b"\x15\x03"
"""How a TLS server answers what is not TLS: content type alert, version 3.x."""
_NO_CERTIFICATE = "the server ended TLS: it may want --cert and --key (a client certificate)"


class Link(asyncio.Protocol):
    """Pipelined request and response over a transport that is already logged in."""

    def __init__(self, clock: Clock, footprint: Footprint, on_lost: Callable[[Failure], None]) -> None:
        self._clock = clock
        self._footprint = footprint
        self._on_lost = on_lost
        self._reader = hiredis.Reader(replyError=ReplyError, notEnoughData=INCOMPLETE)
        self._waiting: deque[_Waiting] = deque()
        self._transport: asyncio.Transport | None = None
        self._keep: object = None
        self._heard = False
        self._answered = False
        self._ended = Failure(Kind.LOST, "the connection is closed")
        self.last_sent = clock.now()

    def take_over(self, transport: asyncio.Transport, keep: object, early: bytes = b"") -> None:
        """Become the protocol of a connected transport; `keep` lives as long as the link does.

        `early` is what has arrived already without being asked for, as when a server turns a client away.
        """
        self._transport = transport
        self._keep = keep
        transport.set_protocol(self)
        if early:
            self.data_received(early)
        if transport.is_closing():
            self.connection_lost(None)  # whoever had the transport before has been told instead

    @property
    def waiting_since(self) -> float | None:
        """When the oldest unanswered exchange was sent (clock seconds), or None."""
        return self._waiting[0].sent_at if self._waiting else None

    @property
    def waited(self) -> float:
        """Seconds that the oldest unanswered exchange has waited; 0 when there is none."""
        return self._clock.now() - self._waiting[0].sent_at if self._waiting else 0.0

    async def ask(self, exchange: Exchange) -> Answer:
        """Send, and wait for all replies.

        Raises:
            Unavailable: the connection went away first; whether the commands ran is unknown.
        """
        return await self.send(exchange)

    def send(self, exchange: Exchange) -> asyncio.Future[Answer]:
        """Send without waiting; the future may be left alone.

        Raises:
            Unavailable: the connection is closed already.
        """
        if self._transport is None:
            raise Unavailable(self._ended)
        now = self._clock.now()
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if not exchange.expected:  # nothing will ever come: waiting for it would put the link out of step
            own = self._footprint
            future.set_result(Answer([], 0.0, own.hits, own.misses, own.commands))
            return future
        self._waiting.append(_Waiting(exchange, future, now))
        self.last_sent = now
        self._footprint.bytes_out += len(exchange.payload)
        self._transport.write(exchange.payload)
        return future

    def data_received(self, data: bytes) -> None:
        """Feed the parser and finish every exchange that is complete."""
        self._footprint.bytes_in += len(data)
        self._heard = True
        try:
            self._reader.feed(data)
            self._take_replies()
        except hiredis.ProtocolError:
            self.drop(_not_redis(data))

    def _take_replies(self) -> None:
        """Hand every complete reply to whoever waits first; a survey gets millions, so the loop is tight."""
        gets = self._reader.gets
        while (reply := gets()) is not INCOMPLETE:
            if not self._waiting:
                self.drop(_farewell(reply))
                continue
            waiting = self._waiting[0]
            replies, expected = waiting.replies, waiting.exchange.expected
            replies.append(reply)
            while len(replies) < expected:
                reply = gets()
                if reply is INCOMPLETE:
                    return
                replies.append(reply)
            self._finish(waiting)

    def _finish(self, waiting: _Waiting) -> None:
        self._waiting.popleft()
        self._answered = True
        self._footprint.add(waiting.exchange, waiting.replies)
        if not waiting.future.done():
            took = self._clock.now() - waiting.sent_at
            own = self._footprint
            waiting.future.set_result(Answer(waiting.replies, took, own.hits, own.misses, own.commands))

    def connection_lost(self, exc: Exception | None) -> None:
        """The server or the network ended the connection."""
        self.drop(Failure(Kind.TLS, _NO_CERTIFICATE) if isinstance(exc, ssl.SSLError) else self._last_words())

    def _last_words(self) -> Failure:
        if not self._heard and self._transport is not None:
            over_tls = self._transport.get_extra_info("ssl_object") is not None
            # What to do comes early: the header cuts what is long.
            hint = "--cert and --key (a client certificate)" if over_tls else "--tls"
            return Failure(Kind.LOST, f"the server closed the connection: it may want {hint}")
        replies = self._waiting[0].replies if self._waiting else []
        if not self._answered and len(replies) == 1 and isinstance(replies[0], ReplyError):
            # It turned us away before it read the first question; this only looks like an answer.
            return _farewell(replies[0])
        return Failure(Kind.LOST, "the server closed the connection")

    def drop(self, failure: Failure) -> None:
        """End the connection; whoever waits gets `failure`. Doing it twice is harmless."""
        if self._transport is None:
            return
        transport, self._transport = self._transport, None
        self._ended = failure
        transport.abort()
        self._keep = None
        for waiting in self._waiting:
            if not waiting.future.done():
                waiting.future.set_exception(Unavailable(failure))
                # A waiter that was cancelled meanwhile never looks; that is no error.
                waiting.future.exception()
        self._waiting.clear()
        self._on_lost(failure)


def _not_redis(data: bytes) -> Failure:
    if data.startswith(_TLS_ALERT):
        return Failure(Kind.TLS, "what answers there wants TLS: start with --tls")
    return Failure(Kind.PROTOCOL, "what answers there does not speak the Redis protocol")


def _farewell(reply: Reply) -> Failure:
    """Name an error that came without a question, as servers send before they close."""
    if isinstance(reply, ReplyError):
        if "max number of clients" in str(reply):
            return Failure(Kind.FULL, "the server has no free connection (maxclients reached)")
        return Failure(Kind.LOST, f"the server closed the connection: {reply.sentence}")
    return Failure(Kind.PROTOCOL, "the server sent a reply that nobody asked for")
