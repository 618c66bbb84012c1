"""Names that anybody may give to a key, and that a terminal or a toolkit could obey, hide or break on."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.servers import Server

MARK = b"pwn"
"""Part of every payload that a terminal could obey, so that none can be overlooked in what was written."""

CORPUS: dict[str, bytes] = {
    "escape": b"\x1bpwn",
    "reset": b"\x1bcpwn",
    "colour": b"\x1b[38;2;1;2;3mpwn",
    "clear": b"\x1b[2J\x1b[1;1Hpwn",
    "far away": b"\x1b[777;777Hpwn",
    "main screen": b"\x1b[?1049lpwn",
    "mouse": b"\x1b[?9999hpwn",
    "answer": b"\x1b[6n\x1b[>0qpwn",
    "title": b"\x1b]0;pwn\x07",
    "clipboard": b"\x1b]52;c;cHdu\x07pwn",
    "clipboard st": b"\x1b]52;c;cHdu\x1b\\pwn",
    "link": b"\x1b]8;;http://pwn\x1b\\pwn\x1b]8;;\x1b\\",
    "pointer": b"\x1b]22;pwn\x07",
    "dcs": b"\x1bP$qpwn\x1b\\",
    "apc": b"\x1b_Gpwn\x1b\\",
    "sixel": b"\x1bPq#0;2;0;0;0pwn\x1b\\",
    "c1 csi": b"\x9b2Jpwn",
    "c1 osc": b"\x9d52;c;cHdu\x9cpwn",
    "c1 csi in utf-8": "\x9b2Jpwn".encode(),
    "c1 osc in utf-8": "\x9d0;pwn\x9c".encode(),
    "c1 next line": "\x85pwn".encode(),
    "bidi override": "pwn\u202egpj.exe".encode(),
    "bidi isolates": "\u2066pwn\u2069\u200f".encode(),
    "zero width": "p\u200bw\u200dn\u2060\ufeff".encode(),
    "tags": "pwn\U000e0041\U000e007f".encode(),
    "variation": "pwn\ufe0f\U000e0100".encode(),
    "wide": "日本語pwn한국어".encode(),
    "emoji": "👩\u200d👩\u200d👧pwn🇩🇪👍🏽".encode(),
    "combining": ("e" + "\u0301" * 12 + "pwn").encode(),
    "lone mark": "\u0301pwn".encode(),
    "jamo": "\u1112\u1161\u11abpwn".encode(),
    "filler": "\u3164pwn\u2800".encode(),
    "action": b"[@click=app.quit]pwn[/]",
    "screen action": b"[@click='screen.jump(3)']pwn[/]",
    "style": b"[bold red on green]pwn[/]",
    "closing": b"pwn[/]",
    "open": b"[bold",
    "brackets": b"]]pwn[[\\[",
    "link markup": b"[link='http://pwn']pwn[/link]",
    "variable": b"$primary pwn {int} {0}",
    "percent": b"%s%n%(pwn)s",
    "newline": b"pwn\nnext\r\nline\rback",
    "tab": b"pwn\tafter\x0b\x0c",
    "nul": b"pwn\x00after",
    "bell and backspace": b"pwn\x07\x08\x08\x08",
    "delete": b"pwn\x7f\x7f",
    "not utf-8": b"pwn\xff\xfe\xc3(",
    "half a character": b"pwn\xe6\x97",
    "overlong": b"pwn\xc0\xaf\xc1\x9b",
    "surrogate": b"pwn\xed\xa0\x80",
    "line separator": "pwn\u2028\u2029\u00a0".encode(),
    "soft hyphen": "p\u00adwn".encode(),
    "shift out": b"pwn\x0eqqq\x0f",
    "backslash": b"C:\\pwn\\x1b[31m",
    "long": b"pwn" + b"long" * 800,
    "long wide": "長".encode() * 900,
    "blank": b"  pwn  ",
}
"""Payloads by what they try."""


MEGABYTE = b"\x1b]52;c;cHdu\x07[@click=app.quit]pwn\r\n" * 29_000
"""A name that is as long as names get."""

_CODES = (
    (0x00, 0x20), (0x7F, 0xA1), (0xAD, 0xAE), (0x0300, 0x0370), (0x0591, 0x05F5), (0x0600, 0x0606), (0x061C, 0x061D),
    (0x1100, 0x1200), (0x180B, 0x180F), (0x200B, 0x2010), (0x2028, 0x2030), (0x2060, 0x2070), (0x20D0, 0x20F1),
    (0x2E80, 0x2FE0), (0x3000, 0x3100), (0xAC00, 0xAC80), (0xE000, 0xE010), (0xFE00, 0xFE10), (0xFEFF, 0xFF00),
    (0xFFF9, 0x10000), (0x1D159, 0x1D183), (0x1F1E6, 0x1F200), (0x1F300, 0x1F700), (0xE0000, 0xE0080),
    (0xE0100, 0xE01F0), (0x10FFF0, 0x110000), (0x20, 0x7F), (0x0900, 0x0E00), (0x1F900, 0x1FB00),
)  # fmt: skip
"""Ranges of characters that obey, hide, join, or that terminals disagree about; and some harmless ones."""

_PIECES = (
    *(
        b"\x1b[",
        b"\x1b]",
        b"\x1bP",
        b"\x1b\\",
        b"\x9b",
        b"\x9d",
        b"\x9c",
        b"\x07",
        b"\r",
        b"\n",
        b"\t",
        b"\x00",
        b"\x1b",
    ),
    *(
        b"[@click=app.quit]",
        b"[@click='app.bell']",
        b"[/]",
        b"[b]",
        b"]",
        b"[",
        b"\\[",
        b"\\",
        b"$text",
        b"{int}",
        b"%s",
    ),
    *(b"2J", b"0;", b"52;c;", b"31m", b"H", b"?1049l", b"6n", b"\xc3", b"\xff", b"\xe2\x80", b"\xed\xa0\x80", b"\\x1b"),
)
"""What hostile strings are put together from, beside characters and bytes by chance."""


def storm(number: int, seed: int = 7) -> list[bytes]:
    """So many different hostile strings: the corpus, then others made by chance from its parts, up to 60 bytes each.

    Each begins with its number in five digits and a full stop, so that none can be overlooked on a screen.
    """
    chance = random.Random(seed)
    payloads = [*list(CORPUS.values())[:number], *(_mixed(chance) for _ in range(number - len(CORPUS)))]
    return [b"%05d." % place + payload for place, payload in enumerate(payloads)]


def _mixed(chance: random.Random) -> bytes:
    made = b"".join(part for _ in range(chance.randrange(1, 9)) for part in _part(chance))
    return MARK * chance.randrange(2) + made[:60]


def _part(chance: random.Random) -> Iterator[bytes]:
    match chance.randrange(4):
        case 0:
            yield chance.choice(_PIECES)
        case 1:
            yield chance.randbytes(chance.randrange(1, 5))
        case 2:
            yield chr(chance.randrange(*chance.choice(_CODES))).encode("utf-8", "surrogatepass")
        case _:
            yield MARK


def plant(server: Server, payload: bytes, number: int) -> None:
    """Put a payload wherever redtop may read a name or a value: keys, families, streams, groups, consumers, fields."""
    server.ask_all(
        [
            ("SET", payload, payload, "EX", 1000 + number),
            *(("SET", payload + b":%d" % n, "x") for n in range(4)),
            ("HSET", b"hash:" + payload, payload, payload),
            ("XADD", b"s" + payload, "*", payload, payload),
            ("XGROUP", "CREATE", b"s" + payload, payload, "0"),
            ("XREADGROUP", "GROUP", payload, payload, "STREAMS", b"s" + payload, ">"),
            ("CLIENT", "SETNAME", payload),
            ("AUTH", payload, payload),
            ("EVAL", b"return redis.error_reply(ARGV[1])", 0, payload),
        ]
    )


def plant_all(server: Server) -> None:
    """Plant the whole corpus."""
    for number, payload in enumerate(CORPUS.values()):
        plant(server, payload, number)
