"""Listening to pub/sub channels and patterns: on a connection of its own, as the protocol wants it.

Messages come whether anybody reads them or not, so the only pace there is is to let some go by: beyond a number per
second they are counted and dropped. What is published while the connection is away is lost; that is how pub/sub is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tui.engine.commands import Exchange, Reply, exchange, subscription
from tui.engine.connection import connect
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable, of_reply
from tui.engine.link import INCOMPLETE, Link
from tui.engine.node import Node
from tui.engine.session import Collector, Session
from tui.engine.tail.window import VALUE_CUT, Raw

MOST_PER_S = 5000
"""Messages per second that are kept; more would push out of the window what a person may still want to read."""
RETRY = 0.5
"""Seconds before connecting again."""
TICK = 0.1
"""Seconds between looks at whether it is still wanted; costs the server nothing."""
PING_EVERY = 1.0
"""Seconds between signs of life asked for: a quiet channel looks like a dead connection."""
LOST = 3.0
"""Seconds without any word after which the connection is made anew."""


@dataclass(frozen=True, slots=True)
class Listening:
    """What is listened to, and how it goes."""

    channels: tuple[bytes, ...] = ()
    patterns: tuple[bytes, ...] = ()
    failure: Failure | None = None


class _Ear(Link):
    """A link on which whatever comes is handed on: nothing is a reply once it listens."""

    def __init__(self, node: Node, on_pushes: Callable[[list[Reply]], None]) -> None:
        super().__init__(node.clock, node.footprint, self._note_loss)
        self._on_pushes = on_pushes
        self.heard_at = node.clock.now()
        self.loss: Failure | None = None
        """Why the connection is gone; None while it stands."""

    def say(self, what: Exchange) -> None:
        """Send without expecting a reply; a closed connection takes no heed."""
        if self._transport is not None:
            self.last_sent = self._clock.now()
            self._footprint.bytes_out += len(what.payload)
            self._footprint.add(what, [])
            self._transport.write(what.payload)

    def _note_loss(self, failure: Failure) -> None:
        self.loss = failure

    def _take_replies(self) -> None:
        self.heard_at = self._clock.now()
        pushes: list[Reply] = []
        while (push := self._reader.gets()) is not INCOMPLETE:
            pushes.append(push)
        self._on_pushes(pushes)


class Channels(Collector[Listening]):
    """Listens while watched, as long as anything is chosen."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.hear: Callable[[list[Raw]], None] = lambda _: None
        """Takes the messages, in the order they came."""
        self._targets = Listening()
        self._failure: Failure | None = None
        self._second = 0.0
        self._in_second = 0
        self._dropped = 0

    @property
    def listening(self) -> Listening:
        """What is listened to."""
        return replace(self._targets, failure=self._failure)

    def listen(self, channels: Sequence[bytes], patterns: Sequence[bytes] = ()) -> None:
        """Listen to these from now on, and to nothing else."""
        self._targets, self._failure = Listening(tuple(channels), tuple(patterns)), None
        self.feed.publish(self.listening)

    async def run(self) -> None:
        """Keep a connection that listens, while there is something to listen to."""
        while True:
            await self.feed.wanted()
            targets = self._targets
            if not targets.channels and not targets.patterns:
                await self.feed.changed()
                continue
            try:
                await self._listen(targets)
            except Unavailable as error:
                self._fail(error.failure)
                await self.session.clock.sleep(RETRY)

    async def _listen(self, targets: Listening) -> None:
        """Listen until nobody wants it any more.

        Raises:
            Unavailable: there is no connection, or it was lost.
        """
        # In a cluster every node hears what is published on any of them (but not what is sharded).
        nodes = await self.session.deployment.known()
        node = next((one for one in nodes if one.state.phase.answers), nodes[0])
        ear = _Ear(node, self._take)
        await connect(node.address, ear, node.tunnels)
        node.writers += 1  # a connection of redtop's own, which is not one of the applications'
        refused = node.rights.refused
        try:
            if "client|setname" not in refused:
                ear.say(exchange([b"CLIENT", b"SETNAME", b"redtop-ear"]))
            ear.say(subscription(targets.channels, targets.patterns))
            self._fail(None)
            while self._targets is targets and self.feed.watched:
                await self.session.clock.sleep(TICK)
                may_ping = "ping" not in refused
                if may_ping and node.clock.now() - ear.last_sent > PING_EVERY:
                    ear.say(exchange([b"PING"]))
                if may_ping and ear.loss is None and node.clock.now() - ear.heard_at > LOST:
                    ear.drop(Failure(Kind.TIMEOUT, f"{node.address.label} does not answer"))
                if ear.loss is not None:
                    raise Unavailable(ear.loss)
        finally:
            node.writers -= 1
            ear.drop(Failure(Kind.LOST, "redtop closed the connection"))

    def _fail(self, failure: Failure | None) -> None:
        if failure != self._failure:
            self._failure = failure
            self.feed.publish(self.listening)

    def _take(self, pushes: Sequence[Reply]) -> None:
        """Turn what came into lines; what is too much is counted and said when there is room again."""
        stamp = b"%d" % (self.session.clock.wall() * 1000)
        lines: list[Raw] = []
        for push in pushes:
            if isinstance(push, ReplyError):
                self._refused(push)
            elif push[0] in {b"message", b"pmessage"} and self._may_keep():
                if self._dropped:
                    lines.append((push[-2], b"", (), self._dropped))
                    self._dropped = 0
                lines.append((push[-2], stamp, (push[-1][:VALUE_CUT],), 0))
        if lines:
            self.hear(lines)

    def _may_keep(self) -> bool:
        now = self.session.clock.now()
        if now - self._second >= 1.0:
            self._second, self._in_second = now, 0
        self._in_second += 1
        if self._in_second > MOST_PER_S:
            self._dropped += 1
            return False
        return True

    def _refused(self, error: ReplyError) -> None:
        if "channel" in str(error):
            self._fail(Failure(Kind.DENIED, "no permission: this user needs an ACL rule &NAME for each channel"))
        elif "subscribe" in (words := str(error).lower()):
            self._fail(of_reply(error, "+psubscribe" if "psubscribe" in words else "+subscribe"))
