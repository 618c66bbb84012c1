"""What values are wrapped in: compression and base64, opened in bounded time and memory; and files known by name."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

MOST_BYTES = 256 * 1024
"""Bytes taken out of a compressed value: four times what is read of one; a kilobyte may hold a gigabyte of zeros."""
_CHUNK = 4096
"""Bytes fed to a decompressor at once: what came before a damaged place is kept."""
_SIP = 64
"""Bytes fed to `zstandard` at once: it knows no limit, and one block of four bytes can hold 128 KB."""

_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}+={0,2}\s*").fullmatch
_JWT = re.compile(rb"(eyJ[A-Za-z0-9_-]{8,})\.(eyJ[A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*\s*").fullmatch
_CLEAR_TEXT = re.compile(rb"[\t\n\r -~]{12,}").fullmatch
"""Decoded base64 that is all ASCII: by chance that happens once in a hundred thousand."""

_STANDARD = bytes.maketrans(b"-_", b"+/")

_SIGNATURES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("pickle", re.compile(rb"\x80[\x02-\x05](?:\x95.{8}|[()\]}cX\x8c])", re.DOTALL)),
    ("Java object", re.compile(rb"\xac\xed\x00\x05")),
    ("Ruby object", re.compile(rb"\x04\x08[\[{oI\"U:c]")),
    ("igbinary", re.compile(rb"\x00\x00\x00[\x01\x02]")),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("WebP", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    ("PDF", re.compile(rb"%PDF-")),
    ("ZIP", re.compile(rb"PK\x03\x04")),
    ("bzip2", re.compile(rb"BZh[1-9]1AY&SY")),
    ("xz", re.compile(rb"\xfd7zXZ\x00")),
    ("lz4", re.compile(rb"\x04\x22\x4d\x18")),
    ("snappy", re.compile(rb"\xff\x06\x00\x00sNaPpY")),
    ("Avro", re.compile(rb"Obj\x01")),
    ("SQLite", re.compile(rb"SQLite format 3\x00")),
)


@dataclass(frozen=True, slots=True)
class Opened:
    """One wrapping taken off."""

    name: str
    data: bytes | None
    """What was inside; None when it cannot be opened here."""
    whole: bool
    """Whether that is all of it."""
    note: str | None = None


def signature_of(data: bytes) -> str | None:
    r"""Name a binary format by its first bytes.

    >>> signature_of(b"\x89PNG\r\n\x1a\n...")
    'PNG'
    """
    return next((name for name, pattern in _SIGNATURES if pattern.match(data)), None)


def opened(data: bytes, whole: bool) -> Opened | None:
    """Take off gzip, zlib or zstd; None when the bytes are not compressed by one of these."""
    if data.startswith(_GZIP):
        return _gzip(data, whole)
    if data.startswith(_ZSTD):
        return _zstd(data, whole)
    if len(data) > 2 and data[0] == 0x78 and int.from_bytes(data[:2], "big") % 31 == 0 and not data[1] & 0x20:
        return _zlib(data, whole)
    return None


def unbased(data: bytes, whole: bool, is_known: Callable[[bytes, bool], bool]) -> Opened | None:
    """Take off base64 (standard or url-safe) when what is inside makes sense; words and ids are base64 by chance."""
    if jwt := _JWT(data):
        header, claims = _plain_of(jwt[1]), _plain_of(jwt[2])
        return (
            Opened("jwt", header + b"\n" + claims, whole, "its signature is not checked") if header and claims else None
        )
    if not _BASE64(data):
        return None
    text = data.rstrip()
    if not whole:
        text = text[: len(text) // 4 * 4]
    inside = _plain_of(text)
    if inside and (_CLEAR_TEXT(inside) or is_known(inside, whole)):
        return Opened("base64", inside, whole)
    return None


def _plain_of(text: bytes) -> bytes | None:
    """Decode base64 of either alphabet, padded or not."""
    text = text.rstrip(b"=").translate(_STANDARD)
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return None


def _gzip(data: bytes, whole: bool) -> Opened:
    inside, ended, damaged = _inflated(data, 31)
    if not inside and damaged:
        return Opened("gzip", None, whole, "the gzip data is damaged")
    return Opened("gzip", inside, ended, _ending("gzip", inside, ended, whole, damaged))


def _zlib(data: bytes, whole: bool) -> Opened | None:
    """Open zlib; its two bytes of header also begin plain texts, so what follows has to be flawless."""
    inside, ended, damaged = _inflated(data, 15)
    if damaged or not (inside or ended) or (whole and not ended and len(inside) < MOST_BYTES):
        return None
    return Opened("zlib", inside, ended, _ending("zlib", inside, ended, whole, damaged))


def _inflated(data: bytes, window: int) -> tuple[bytes, bool, bool]:
    """Return what could be decompressed, whether that is all, and whether the data is damaged."""
    machine = zlib.decompressobj(window)
    parts: list[bytes] = []
    room = MOST_BYTES
    try:
        for start in range(0, len(data), _CHUNK):
            parts.append(machine.decompress(data[start : start + _CHUNK], room))
            room -= len(parts[-1])
            if room <= 0 or machine.eof:
                break
    except zlib.error:
        return b"".join(parts), False, True
    return b"".join(parts), machine.eof, False


def _ending(name: str, inside: bytes, ended: bool, whole: bool, damaged: bool) -> str | None:
    if damaged:
        return f"the {name} data is damaged behind this"
    if ended or not whole:
        return None
    return (
        f"first {MOST_BYTES // 1024} KB of what is inside" if len(inside) >= MOST_BYTES else f"the {name} data is cut"
    )


def _zstd(data: bytes, whole: bool) -> Opened:
    """Open zstd with Python 3.14's own module or the optional `zstandard`."""
    for name, read in (("compression.zstd", _by_python), ("zstandard", _by_zstandard)):
        try:
            library = import_module(name)
        except ImportError:
            continue
        return _read_zstd(library, read, data, whole)
    return Opened("zstd", None, whole, "to look inside, install the Python package zstandard")


def _read_zstd(library: Any, read: Callable[[Any, bytes], tuple[bytes, bool]], data: bytes, whole: bool) -> Opened:
    try:
        inside, ended = read(library, data)
    except library.ZstdError:
        return Opened("zstd", None, whole, "the zstd data is damaged")
    if not inside and not ended:
        return Opened("zstd", None, whole, "too little of the zstd data to look inside")
    return Opened("zstd", inside, ended, _ending("zstd", inside, ended, whole, damaged=False))


def _by_python(library: Any, data: bytes) -> tuple[bytes, bool]:
    machine = library.ZstdDecompressor()
    inside: bytes = machine.decompress(data, MOST_BYTES)
    return inside, machine.eof


def _by_zstandard(library: Any, data: bytes) -> tuple[bytes, bool]:
    machine = library.ZstdDecompressor().decompressobj()
    inside = bytearray()
    for start in range(0, len(data), _SIP):
        inside += machine.decompress(data[start : start + _SIP])
        if machine.eof or len(inside) >= MOST_BYTES:
            break
    return bytes(inside[:MOST_BYTES]), machine.eof and len(inside) <= MOST_BYTES
