r"""The command line that shows the same with redis-cli, ready to be pasted into a shell.

Plain arguments are quoted for the shell alone. As soon as a key holds anything else, redis-cli is told to take its
arguments as quoted strings (`--quoted-input`, since 6.2), so that every byte can be written; a password is never
part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tui.engine.address import Address
from tui.engine.onekey.inspect import KeyFacts
from tui.engine.onekey.readers import WINDOW
from tui.engine.onekey.reading import PAGE

_BARE = re.compile(r"[A-Za-z0-9_@%+=:,./-]+").fullmatch
_PLAIN = re.compile(rb"[ #%-\[\]^_a-~]*").fullmatch
"""ASCII that means itself between double quotes in every shell: not `"`, `$`, `!`, the backslash and the backtick."""
_BYTES = {0x22: '\\"', 0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x27: "\\x27"}
"""As redis-cli writes them; a single quote would end the shell's."""

_WHOLE = {
    "string": ("GET", ""),
    "list": ("LRANGE", " 0 -1"),
    "set": ("SMEMBERS", ""),
    "zset": ("ZRANGE", " 0 -1 WITHSCORES"),
    "hash": ("HGETALL", ""),
    "stream": ("XRANGE", " - +"),
    "ReJSON-RL": ("JSON.GET", ""),
}
_PART = {
    "string": ("GETRANGE", f" 0 {WINDOW - 1}"),
    "list": ("LRANGE", f" 0 {PAGE - 1}"),
    "set": ("SSCAN", f" 0 COUNT {PAGE}"),
    "zset": ("ZRANGE", f" 0 {PAGE - 1} WITHSCORES"),
    "hash": ("HSCAN", f" 0 COUNT {PAGE}"),
    "stream": ("XRANGE", f" - + COUNT {PAGE}"),
}
"""The first page, as redtop reads it, of what is too long to ask for at once."""


def cli_command(address: Address, facts: KeyFacts) -> str:
    """Return the command that reads this key's value; of a long one, its beginning."""
    length = facts.length or 0
    long = length > (WINDOW if facts.kind == "string" else PAGE)
    name, rest = (_PART if long and facts.kind in _PART else _WHOLE).get(facts.kind, ("TYPE", ""))
    plain = _PLAIN(facts.key) is not None
    quoted = "" if plain else " --quoted-input"
    return f"redis-cli{''.join(_options(address))}{quoted} {name} {_key(facts.key, plain=plain)}{rest}"


def _options(address: Address) -> Iterator[str]:
    if address.socket_path is not None:
        yield f" -s {_word(address.socket_path)}"
    else:
        yield f" -h {_word(address.host)} -p {address.port}"
    yield f" -n {address.db}"
    if address.username is not None:
        yield f" --user {_word(address.username)}"
    if address.password is not None:
        yield " --askpass"
    if address.tls is not None:
        tls = address.tls
        yield " --tls"
        named = {"cacert": tls.ca_file, "cert": tls.cert_file, "key": tls.key_file, "sni": tls.server_name}
        yield from (f" --{name} {_word(value)}" for name, value in named.items() if value is not None)
        if tls.insecure:
            yield " --insecure"


def _word(text: str) -> str:
    r"""Quote a word of our own settings for a shell; what no terminal should see is written as an escape.

    >>> print(_word("db.example"), _word("it's"), _word("a\tb"))
    db.example 'it'\''s' $'a\x09b'
    """
    if _BARE(text):
        return text
    if text.isprintable():
        return "'" + text.replace("'", "'\\''") + "'"
    octets = text.encode("utf-8", "surrogateescape")
    return "$'" + "".join(chr(byte) if _BARE(chr(byte)) else f"\\x{byte:02x}" for byte in octets) + "'"


def _key(key: bytes, *, plain: bool) -> str:
    r"""Quote a key.

    >>> print(_key(b"session:1", plain=True), _key(b"it's \xff", plain=False))
    "session:1" '"it\x27s \xff"'
    """
    if plain:
        return '"' + "".join(map(chr, key)) + '"'
    return "'\"" + "".join(_BYTES.get(byte) or _byte(byte) for byte in key) + "\"'"


def _byte(byte: int) -> str:
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"
