"""Failures on the way: connections, names and TLS."""

from __future__ import annotations

import shutil
import socket
import ssl
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.failures.rows import BOTH, START, row
from tests.failures.scene import NAME, Scene, Way
from tests.proxy import Fault, saying
from tests.servers import HOST
from tui.engine.address import Address


@row("not answer", way=Way.PROXY)
async def half_open(scene: Scene) -> AsyncGenerator[None, None]:
    """What is open stays open, and nothing comes through it ever again; what is opened later is as good as ever."""
    scene.weather.fault = Fault.HALF_OPEN
    yield
    scene.weather.fault = None


@row("not answer", when=BOTH, way=Way.PROXY)
async def black_hole(scene: Scene) -> AsyncGenerator[None, None]:
    scene.weather.fault = Fault.HALF_OPEN
    scene.proxy.cut()
    yield
    scene.weather.fault = None


@row("not answer", when=START, way=Way.PROXY)
async def connection_never_confirmed(scene: Scene) -> AsyncGenerator[None, None]:
    with _full_backlog() as port:
        scene.address = Address(HOST, port)
        yield
    await scene.open(scene.place)


@row("closed the connection", when=BOTH, way=Way.PROXY)
async def reset_storm(scene: Scene) -> AsyncGenerator[None, None]:
    scene.weather.fault = Fault.RESET
    yield
    scene.weather.fault = None


@row("closed the connection", way=Way.PROXY)
async def replies_lost(scene: Scene) -> AsyncGenerator[None, None]:
    scene.weather.fault = Fault.LOSE_REPLY
    yield
    scene.weather.fault = None


@row("closed the connection", way=Way.PROXY)
async def replies_cut(scene: Scene) -> AsyncGenerator[None, None]:
    scene.weather.fault = Fault.CUT
    yield
    scene.weather.fault = None


@row("does not speak the Redis protocol", when=BOTH, way=Way.PROXY)
async def garbage(scene: Scene) -> AsyncGenerator[None, None]:
    scene.weather.fault = Fault.GARBAGE
    yield
    scene.weather.fault = None


@row("● live", way=Way.PROXY, stays_live=True)
async def replies_in_small_pieces(scene: Scene) -> AsyncGenerator[None, None]:
    scene.weather.fault = Fault.TRICKLE
    yield
    scene.weather.fault = None


@row("● live", way=Way.PROXY, stays_live=True)
async def a_slow_way(scene: Scene) -> AsyncGenerator[None, None]:
    scene.weather.fault = Fault.LATENCY
    yield
    scene.weather.fault = None


@row("protected mode", when=START, way=Way.PROXY)
async def protected_mode(scene: Scene) -> AsyncGenerator[None, None]:
    said = b"-DENIED Redis is running in protected mode because protected mode is enabled and no password is set.\r\n"
    async with saying(at_once=said, closing=True) as port:
        scene.address = Address(HOST, port)
        yield
    await scene.open(scene.place)


# --- names


@row(f"no host is named {NAME}", when=BOTH, way=Way.PROXY, again=False)
async def name_unknown(scene: Scene) -> AsyncGenerator[None, None]:
    await _by_name(scene)
    scene.names.clear()
    scene.proxy.cut()
    yield
    scene.names[NAME] = HOST


@row("not answer", when=BOTH, way=Way.PROXY, again=False)
async def names_not_answered(scene: Scene) -> AsyncGenerator[None, None]:
    await _by_name(scene)
    scene.names[NAME] = None
    scene.proxy.cut()
    yield
    scene.names[NAME] = HOST


async def _by_name(scene: Scene) -> None:
    """Look at the server by a name that is known as yet."""
    scene.names[NAME] = HOST
    scene.address = replace(scene.place, host=NAME)
    await scene.open()
    await scene.until(lambda: scene.is_well)


# --- TLS


@row("not trusted", when=BOTH, way=Way.TLS)
async def unknown_authority(scene: Scene) -> AsyncGenerator[None, None]:
    scene.certify(authority=scene.tls.stranger)
    yield
    scene.certify()


@row("localhost", when=BOTH, way=Way.TLS)
async def certificate_for_another_name(scene: Scene) -> AsyncGenerator[None, None]:
    scene.certify("other.example")
    yield
    scene.certify()


@row("expired", when=BOTH, way=Way.TLS)
async def certificate_expired(scene: Scene) -> AsyncGenerator[None, None]:
    scene.certify(not_after=datetime.now(UTC) - timedelta(days=1))
    yield
    scene.certify()


@row("--cert", when=BOTH, way=Way.TLS)
async def client_certificate_wanted(scene: Scene) -> AsyncGenerator[None, None]:
    scene.tls.context.verify_mode = ssl.CERT_REQUIRED
    scene.proxy.cut()
    yield
    scene.tls.context.verify_mode = ssl.CERT_NONE


@row("not speak TLS as asked", when=START, way=Way.TLS)
async def no_version_in_common(scene: Scene) -> AsyncGenerator[None, None]:
    async with saying(to_anything=b"\x15\x03\x01\x00\x02\x02\x46") as port:  # the alert of OpenSSL for just that
        scene.address = replace(scene.place, port=port)
        yield
        await scene.open(scene.place)


@row("TLS", when=START, way=Way.TLS)
async def tls_to_a_plain_port(scene: Scene) -> AsyncGenerator[None, None]:
    scene.address = replace(scene.place, port=scene.server.port)
    yield
    await scene.open(scene.place)


@row("--tls", when=START, way=Way.TLS)
async def plain_to_a_tls_port(scene: Scene) -> AsyncGenerator[None, None]:
    scene.address = replace(scene.place, tls=None)
    yield
    await scene.open(scene.place)


@row("not answer", when=START, way=Way.TLS)
async def no_answer_to_the_greeting(scene: Scene) -> AsyncGenerator[None, None]:
    async with saying() as port:
        scene.address = replace(scene.place, port=port)
        yield
        await scene.open(scene.place)


@row("--cacert", when=BOTH, way=Way.TLS)
async def authorities_unreadable(scene: Scene) -> AsyncGenerator[None, None]:
    file = scene.tls.folder / "ca.pem"
    shutil.move(file, scene.tls.folder / "elsewhere.pem")
    scene.proxy.cut()
    yield
    shutil.move(scene.tls.folder / "elsewhere.pem", file)


@contextmanager
def _full_backlog() -> Iterator[int]:
    """A port where not even the connection is confirmed any more."""
    with socket.socket() as silent:
        silent.bind((HOST, 0))
        silent.listen(0)
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        try:
            yield silent.getsockname()[1]
        finally:
            for filler in fillers:
                filler.close()
