"""Thousands of hostile names of keys, and values of every type made of them."""

from __future__ import annotations

from collections.abc import Callable

from tests.any_bytes.driven import COPIED, LASTS, line_of, redtop
from tests.servers import Server
from tests.storming import SHOWN, STORM, rest, see_all

pytestmark = LASTS

VALUES: dict[str, Callable[[], list[tuple[str | bytes | int, ...]]]] = {
    "set": lambda: [("SADD", "v:set", *STORM)],
    "list": lambda: [("RPUSH", "v:list", *STORM)],
    "zset": lambda: [("ZADD", "v:zset", *(word for n, one in enumerate(STORM) for word in (n, one)))],
    "hash": lambda: [("HSET", "v:hash", one, one) for one in STORM],
    "stream": lambda: [("XADD", "v:stream", "*", one, one) for one in STORM],
    "string": lambda: [("SET", "v:string", b"".join(STORM))],
}
"""A value of every type, all made of hostile strings."""


def test_keys_and_values(valkey: Server) -> None:
    valkey.ask_all([("SET", b"storm:" + one, one) for one in STORM])
    valkey.ask_all([command for make in VALUES.values() for command in make()])
    with redtop(valkey) as watch:
        watch.until_shown("storm:")
        watch.press("2")
        watch.until_shown("Inspector", "storm:", "100% seen")
        watch.press("\r")
        watch.until_shown("╭─ Keys ·")
        watch.press("z")
        see_all(watch)
        for kind in VALUES:
            line_of(watch, "g", "the exact key", f"v:{kind}")
            watch.until_shown(f"╭─ Inspector · {kind}", f"v:{kind}")
            if kind != "string":  # whose text is laid out as one
                see_all(watch, SHOWN, exact=False)
            for key in "\r", "y", "c", "Y":
                watch.press(key)
                rest(watch)
        watch.until(lambda: len(COPIED.findall(bytes(watch.raw))) >= 2 * len(VALUES))
