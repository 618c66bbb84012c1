"""The single fields of the settings: what each source calls them, and how their text is read."""

from __future__ import annotations

import math
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

MIN_INTERVAL = 0.1
"""Seconds between two looks; nobody reads faster, and a server would begin to feel it."""
MAX_INTERVAL = 60.0
"""Seconds between two looks; a rate over a longer time hides what happened."""
THEMES = ("dark", "light")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "grey")
"""What the header can mark a profile with."""

FLAGS = {
    "host": "-h/--host",
    "port": "-p/--port",
    "socket": "-s/--socket",
    "url": "-u/--url",
    "db": "-n/--db",
    "username": "--user",
    "password": "-a/--pass",
    "password_file": "--passfile",
    "tls": "--tls",
    "cacert": "--cacert",
    "cert": "--cert",
    "key": "--key",
    "sni": "--sni",
    "insecure": "--insecure",
    "ssh": "--ssh",
    "sentinel": "--sentinel",
    "replica": "--replica",
    "read_only": "--read-only",
    "interval": "--interval",
    "scan_share": "--scan-share",
    "schemas": "--schema",
    "delimiter": "--delimiter",
    "theme": "--theme",
}
"""What the command line calls each field."""

VARIABLES = {
    "url": "REDIS_URL",
    "host": "REDIS_HOST",
    "port": "REDIS_PORT",
    "db": "REDIS_DB",
    "username": "REDIS_USERNAME",
    "password": "REDIS_PASSWORD",
}
"""What the environment calls each field of the server that it names."""

ANYWHERE = {"password": "REDISCLI_AUTH", "sentinel_password": "REDTOP_SENTINEL_PASSWORD"}
"""What it calls passwords that belong to no server: they go to any, as in redis-cli."""


class SettingsError(Exception):
    """A setting is wrong. Its text is one sentence that says what to do, and it never contains a secret."""


def whole(low: int, high: int) -> Callable[[object, str], int]:
    """Make a reader of whole numbers in a range."""

    def read(value: object, label: str) -> int:
        text = str(value)
        if not (text.isascii() and text.isdigit() and len(text) < 12 and low <= int(text) <= high):
            raise SettingsError(f"{label} must be a whole number from {low} to {high}.")
        return int(text)

    return read


def _interval(value: object, label: str) -> float:
    seconds = _number(str(value).removesuffix("s"))
    if not MIN_INTERVAL <= seconds <= MAX_INTERVAL:
        raise SettingsError(f"{label} must be from {MIN_INTERVAL:g} to {MAX_INTERVAL:g} seconds.")
    return seconds


def _scan_share(value: object, label: str) -> float:
    percent = _number(str(value).removesuffix("%"))
    if not 0 < percent <= 100:
        raise SettingsError(f"{label} must be above 0 and at most 100 percent of the server's time.")
    return percent / 100


def _number(text: str) -> float:
    """Read a number; what is none becomes not-a-number, which lies in no range."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _text(value: object, label: str) -> str:
    text = str(value)
    if not text or "\0" in text:
        raise SettingsError(f"{label} must not be empty.")
    return text


def _delimiter(value: object, label: str) -> str:
    text = _text(value, label)
    if "{" in text or "}" in text:
        raise SettingsError(f"{label} must not contain {{ or }}: they mark placeholders such as {{int}}.")
    return text


def _host(value: object, label: str) -> str:
    text = _text(value, label)
    if any(char <= " " or char in "/@\x7f" for char in text):
        raise SettingsError(f"{label} must be a name or an IP address; a URL goes to {FLAGS['url']}.")
    return text.removeprefix("[").removesuffix("]")


def _gateway(value: object, label: str) -> str:
    """Read where ssh is to go; what begins with a dash would be an option to it."""
    text = _text(value, label)
    if text.startswith("-") or any(char <= " " or char == "\x7f" for char in text):
        raise SettingsError(f"{label} must be a host that `ssh` can reach: [user@]host, or a name of its config.")
    return text


def file(value: object, label: str) -> str:
    """Read the name of a file that must exist."""
    path = Path(_text(value, label)).expanduser()
    if not path.is_file():
        raise SettingsError(f"{label} names no file that exists.")
    return str(path)


def secret(value: object, label: str) -> tuple[str, str]:
    """Read a password from the first line of a file; also returned: a sentence if others can read it, else nothing.

    Raises:
        SettingsError: the file cannot be read, or its first line is empty.
    """
    path = Path(_text(value, label)).expanduser()
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise SettingsError(f"{label} {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{label} {path} is not UTF-8 text.") from None
    if not lines or not lines[0]:
        raise SettingsError(f"{label}: the first line of {path} is empty.")
    return lines[0], exposed(path)


def exposed(path: Path) -> str:
    """Return a sentence when other users of this machine can read a file that holds a password, else nothing."""
    return f"{path} holds a password, and others can read it: chmod 600 would keep it yours." if _open(path) else ""


def _open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False


def prefixes(value: object, label: str) -> tuple[bytes, ...]:
    """Read beginnings of keys, written in printable form.

    Raises:
        SettingsError: one of them is empty, or not in printable form.
    """
    return tuple(_prefix(text, label) for text in _texts(value, label))


def _prefix(text: str, label: str) -> bytes:
    from tui.engine.printable import parse_printable  # 6 ms that `redtop --version` need not spend

    try:
        return parse_printable(text)
    except ValueError as error:
        raise SettingsError(f"{label}: {error}.") from None


def _one_of(choices: Sequence[str]) -> Callable[[object, str], str]:
    def read(value: object, label: str) -> str:
        if value not in choices:
            raise SettingsError(f"{label} must be {', '.join(choices[:-1])} or {choices[-1]}.")
        return str(value)

    return read


def _texts(value: object, label: str) -> tuple[str, ...]:
    return tuple(_text(item, label) for item in cast("Sequence[object]", value))


READERS: Mapping[str, Callable[[object, str], object]] = {
    "host": _host,
    "port": whole(1, 65535),
    "socket": _text,
    "db": whole(0, 2**31 - 1),
    "cacert": file,
    "cert": file,
    "key": file,
    "sni": _text,
    "ssh": _gateway,
    "sentinel": _text,
    "interval": _interval,
    "scan_share": _scan_share,
    "delimiter": _delimiter,
    "schemas": _texts,
    "theme": _one_of(THEMES),
    "colour": _one_of(COLOURS),
    "protected": prefixes,
}
