"""Names that anybody may give to a key, and that a terminal or a toolkit could obey, hide or break on."""

from __future__ import annotations

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
