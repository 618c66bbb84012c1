"""Values read as what they are, whatever anybody has stored; bounded, and safe to show."""

from __future__ import annotations

import base64
import gzip
import json
import pickle
import re
import struct
import time
import zlib
from datetime import UTC, datetime
from importlib.util import find_spec
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.servers import Server
from tui.engine.printable import is_safe
from tui.engine.values.kinds import Decoded, decode
from tui.engine.values.packed import MOST_BYTES
from tui.engine.values.paper import MOST_LINES, WIDTH, chunks

DOCUMENT = {
    "user": "café",
    "roles": ["a", "b"],
    "age": 42,
    "rate": 1.5,
    "ok": True,
    "none": None,
    "empty": {},
    "no": [],
}
JSON = json.dumps(DOCUMENT).encode()
WINDOW = 65_536


def drawn(decoded: Decoded) -> list[str]:
    return ["".join(text for text, _ in line) for line in decoded.lines]


def roles(decoded: Decoded) -> dict[str, str]:
    return {text: role for line in decoded.lines for text, role in line}


def test_json_stands_one_member_a_line_with_the_kind_of_each_token() -> None:
    decoded = decode(b'{"a": [1, -2.50e3], "b": {"c": null, "d": true}, "e": {}, "f": "x"}')
    assert drawn(decoded) == [
        "{",
        '  "a": [',
        "    1,",
        "    -2.50e3",
        "  ],",
        '  "b": {',
        '    "c": null,',
        '    "d": true',
        "  },",
        '  "e": {},',
        '  "f": "x"',
        "}",
    ]
    assert (decoded.layers, decoded.kind, decoded.note) == (("json",), "json", None)
    kinds = roles(decoded)
    expected = {'"a"': "key", "-2.50e3": "number", "null": "literal", '"x"': "string", "{": "punctuation"}
    assert {text: kinds[text] for text in expected} == expected


def test_json_strings_show_their_letters_and_keep_their_escapes() -> None:
    source = r'{"name": "\u0416\ud83d\ude00", "esc": "a\"b\\u0416\n", "hidden": "\u200b\u001b"}'
    assert drawn(decode(source.encode()))[1:-1] == [
        '  "name": "Ж😀",',
        r'  "esc": "a\"b\\u0416\n",',
        r'  "hidden": "\u200b\u001b"',
    ]


@pytest.mark.parametrize("text", [r'["\ud83d"]', r'["\ude00\ud83d"]', r'["\ud83d\u0041"]'])
def test_half_a_surrogate_pair_stays_an_escape(text: str) -> None:
    assert drawn(decode(text.encode()))[1].strip() == text[1:-1]


def test_raw_terminal_commands_inside_json_become_visible() -> None:
    decoded = decode(b'{"a": "\x1b]52;c;aGk=\x07"}')
    assert drawn(decoded)[1] == r'  "a": "\x1b]52;c;aGk=\x07"'


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    )
)
def test_what_is_drawn_of_json_is_the_same_json(value: Any) -> None:
    source = json.dumps([value], ensure_ascii=True)
    decoded = decode(source.encode())
    assert decoded.kind == "json"
    if all(len(row) < WIDTH // 4 for row in drawn(decoded)):
        assert repr(json.loads(_as_json("\n".join(drawn(decoded))))) == repr(json.loads(source))


def _as_json(shown: str) -> str:
    """Turn the one form that JSON does not know, the escape of characters beyond 16 bits, into what it does."""

    def pair(match: re.Match[str]) -> str:
        code = int(match[2], 16) - 0x10000
        return f"{match[1]}\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"

    return re.sub(r"((?<!\\)(?:\\\\)*)\\U([0-9a-f]{8})", pair, shown)


@pytest.mark.parametrize("end", range(12, len(JSON)))
def test_json_cut_anywhere_is_still_json(end: int) -> None:
    decoded = decode(JSON[:end], complete=False, total=12 * 2**20)
    assert decoded.layers == ("json",)
    assert decoded.note == f"first {end} bytes of 12 MB; cut in the middle of the JSON"
    shown, whole = ("".join("".join(drawn(it)).split()) for it in (decoded, decode(JSON)))
    assert whole.startswith(shown[:-6]), "but for an escape cut in two, all that is there is shown"


def test_json_that_stops_though_it_is_all_there_is_says_so() -> None:
    assert decode(JSON[:40]).note == "the JSON stops in the middle"


def test_json_texts_one_a_line_are_json() -> None:
    decoded = decode(b'{"a":1}\n{"a":2}\n')
    assert drawn(decoded) == ["{", '  "a": 1', "}", "{", '  "a": 2', "}"]


@pytest.mark.parametrize(
    "text",
    [
        b"{hello}",
        b"[INFO] started",
        b"[",
        b"{",
        b"{'a': 1}",
        b'{"a" 1}',
        b'{"a":1]',
        b"[1,,2]",
        b'{"a":1} x',
        b"[1] [2]",
        b"]",
    ],
)
def test_what_only_begins_like_json_is_text(text: bytes) -> None:
    decoded = decode(text)
    assert (decoded.kind, drawn(decoded)) == ("text", [text.decode()])


@pytest.mark.parametrize(
    ("packed", "layers"),
    [
        (gzip.compress(JSON), ("gzip", "json")),
        (zlib.compress(JSON), ("zlib", "json")),
        (zlib.compress(JSON, 1), ("zlib", "json")),
        (base64.b64encode(JSON), ("base64", "json")),
        (base64.urlsafe_b64encode(JSON).rstrip(b"="), ("base64", "json")),
        (base64.b64encode(gzip.compress(JSON)), ("base64", "gzip", "json")),
        (base64.urlsafe_b64encode(zlib.compress(JSON)).rstrip(b"="), ("base64", "zlib", "json")),
        (gzip.compress(zlib.compress(JSON)), ("gzip", "zlib", "json")),
        (gzip.compress(b"just words"), ("gzip", "text")),
        (base64.b64encode(msgspec.msgpack.encode(DOCUMENT)), ("base64", "msgpack")),
        (msgspec.msgpack.encode(DOCUMENT), ("msgpack",)),
        (gzip.compress(msgspec.msgpack.encode(DOCUMENT)), ("gzip", "msgpack")),
        (base64.b64encode(b"a sentence of plain words"), ("base64", "text")),
    ],
    ids=range(13),  # what gzip writes holds the time
)
def test_wrappings_are_taken_off_and_named(packed: bytes, layers: tuple[str, ...]) -> None:
    decoded = decode(packed)
    assert decoded.layers == layers
    if layers[-1] in {"json", "msgpack"}:
        assert drawn(decoded) == drawn(decode(JSON))


def test_the_beginning_of_something_compressed_shows_the_beginning_of_what_is_inside() -> None:
    text = json.dumps([{"n": n, "square": n * n} for n in range(50_000)]).encode()
    for pack in (gzip.compress, zlib.compress):
        decoded = decode(pack(text)[:20_000], complete=False)
        assert decoded.kind == "json"
        assert drawn(decoded)[:3] == ["[", "  {", '    "n": 0,']


def test_damaged_gzip_shows_what_came_before_the_damage() -> None:
    packed = bytearray(gzip.compress(b"".join(b"%d " % (n * n) for n in range(20_000)), 1))
    packed[len(packed) // 2 :] = Random(1).randbytes(5_000)
    decoded = decode(bytes(packed))
    assert decoded.layers == ("gzip", "text")
    assert "damaged" in (decoded.note or "")
    assert decode(b"\x1f\x8b\x08" + b"\xff" * 50).note == "the gzip data is damaged"


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_decompression_bomb_is_opened_a_little(pack: Any) -> None:
    bomb = pack(b"\0" * 100_000_000)
    started = time.process_time()
    decoded = decode(bomb)
    assert time.process_time() - started < 1
    assert f"first {MOST_BYTES // 1024} KB of what is inside" in (decoded.note or "")
    nested = decode(gzip.compress(pack(bomb)))
    assert len(nested.lines) < 10


@pytest.mark.parametrize("text", [b"x^2 + y", b"x\x9c no", b"deadbeef" * 8, b"passwordpasswordpassword", b"A" * 64])
def test_what_looks_packed_by_chance_is_left_alone(text: bytes) -> None:
    assert decode(text).layers in {("text",), ("hex",)}


def test_zstd_is_opened_where_python_can_and_named_where_not() -> None:
    packed = b"\x28\xb5\x2f\xfd\x20\x0d\x69\x00\x00" + b'{"a":[1,2,3]}'
    decoded = decode(packed)
    if find_spec("zstandard") or find_spec("compression"):
        assert decoded.layers == ("zstd", "json")
    else:
        assert (decoded.layers, decoded.kind) == (("zstd",), "hex")
        assert "zstandard" in (decoded.note or "")


MSGPACK: list[Any] = [
    {"a": 1, "b": [1, -1, -33, 200, 70_000, 2**40, -(2**40)], "c": b"\xff\x00", "d": 1.5},
    [None, True, False, "text", "x" * 300, b"y" * 70_000][:5],
    {1: "integer keys", 2: {"deep": [[[[]]]]}},
    list(range(100)),
    {f"key {n}": n for n in range(40)},
]


@pytest.mark.parametrize("value", MSGPACK)
def test_msgpack_is_recognised_and_drawn_like_json(value: Any) -> None:
    decoded = decode(msgspec.msgpack.encode(value))
    assert decoded.layers == ("msgpack",)
    assert decoded.note is None


def test_msgpack_with_times_and_extensions_says_what_they_are() -> None:
    moment = datetime(2026, 11, 20, 7, 44, 5, 250_000, UTC)
    packed = msgspec.msgpack.encode({"at": moment, "ext": msgspec.msgpack.Ext(5, b"\x01\x02")})
    assert drawn(decode(packed))[1:-1] == [
        '  "at": 2026-11-20T07:44:05.250000+00:00,',
        r'  "ext": extension 5: \x01\x02',
    ]


def test_msgpack_cut_in_the_middle_shows_what_there_is() -> None:
    packed = msgspec.msgpack.encode([{"n": n, "text": "words"} for n in range(10_000)])
    decoded = decode(packed[:5_000], complete=False)
    assert decoded.layers == ("msgpack",)
    assert drawn(decoded)[:4] == ["[", "  {", '    "n": 0,', '    "text": "words"']
    assert "cut in the middle" in (decoded.note or "")


@pytest.mark.parametrize("data", [b"\x80", b"\x90", b"\x93\x01\x02", b"\x81\x01", b"\xc1", b"\x91" * 100_000])
def test_bytes_that_only_begin_like_msgpack_are_hex(data: bytes) -> None:
    assert decode(data).kind == "hex"


@pytest.mark.parametrize("count", [0, 1, 50, 5_000, 200_000])
def test_hyperloglog_says_the_servers_count_and_counts_itself_when_that_is_stale(server: Server, count: int) -> None:
    server.ask("PFADD", "hll")
    for start in range(0, count, 5_000):
        server.ask("PFADD", "hll", *range(start, min(count, start + 5_000)))
    server.ask("PFADD", "hll", "one more")
    stale = decode(server.ask("GET", "hll"))
    counted = server.ask("PFCOUNT", "hll")
    fresh = decode(server.ask("GET", "hll"))
    assert stale.kind == fresh.kind == "hyperloglog"
    encoding = "dense" if count > 3_000 else "sparse"
    assert drawn(stale)[0].endswith(encoding)
    assert drawn(stale)[1].startswith(f"cardinality  {counted:,}  (counted here")
    assert drawn(fresh)[1] == f"cardinality  {counted:,}  (as the server counted)"


def test_a_damaged_hyperloglog_says_so() -> None:
    decoded = decode(b"HYLL\x01\0\0\0" + b"\xff" * 8 + b"\x7f")
    assert decoded.kind == "hyperloglog"
    assert decoded.note == "its registers are cut or damaged"
    full = b"HYLL\x00\0\0\0" + b"\xff" * 8 + b"\xff" * 12_288
    assert decode(full).note == "its registers are cut or damaged"


def test_a_bitmap_is_hex_with_its_bits_named(valkey: Server) -> None:
    for bit in (5, 100, 9_000, 100_000):
        valkey.ask("SETBIT", "bits", bit, 1)
    decoded = decode(valkey.ask("GET", "bits"))
    assert decoded.kind == "bitmap"
    assert decoded.note == "may be a bitmap: 4 of 100,008 bits set (5, 100, 9000, …)"
    assert len(decoded.lines) < 12, "lines of zeros are one star"


def test_other_bytes_are_hex_with_offset_and_ascii() -> None:
    data = bytes(range(250, 256)) + b"some words" + b"\xff\x00"
    decoded = decode(data)
    assert (decoded.layers, decoded.kind) == (("hex",), "hex")
    assert drawn(decoded) == [
        "00000000  fa fb fc fd fe ff 73 6f 6d 65 20 77 6f 72 64 73  ······some words",
        "00000010  ff 00                                            ··",
    ]


def test_the_middle_of_a_value_counts_its_offsets_from_the_beginning() -> None:
    decoded = decode(b"\xff\x00" * 8, complete=False, start=131_072, total=200_000)
    assert drawn(decoded)[0].startswith("00020000  ff 00")
    assert decoded.note == "16 bytes from byte 131,072 of 195.3 KB"
    assert decode("ж".encode() * 100, complete=False, start=1).kind == "text"
    assert decode("ж".encode()[1:] + "ж".encode() * 100, complete=False, start=1).kind == "text"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (pickle.dumps({"a": [1, 2]}), "pickle"),
        (pickle.dumps({"a": [1, 2]}, 2), "pickle"),
        (b"\xac\xed\x00\x05sr\x00", "Java object"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "PNG"),
        (b"\x04\x08{\x06:\x06ai\x06", "Ruby object"),
    ],
)
def test_known_binary_formats_are_named_and_never_loaded(data: bytes, name: str) -> None:
    decoded = decode(data)
    assert (decoded.layers, decoded.kind) == ((name,), "hex")


def test_a_jwt_shows_its_claims() -> None:
    part = [base64.urlsafe_b64encode(json.dumps(x).encode()).rstrip(b"=") for x in ({"alg": "HS256"}, {"sub": "42"})]
    decoded = decode(b".".join([*part, b"c2lnbmF0dXJl"]))
    assert decoded.layers == ("jwt", "json")
    assert '  "sub": "42"' in drawn(decoded)


@pytest.mark.parametrize(
    ("data", "kind", "note"),
    [
        (b"42", "integer", None),
        (b"-17", "integer", None),
        (b"1763624640", "integer", "as a time in seconds: 2025-11-20 07:44:00 UTC"),
        (b"1763624640123", "integer", "as a time in milliseconds: 2025-11-20 07:44:00 UTC"),
        (b"3.14", "number", None),
        (b"1e5", "number", None),
        (b"", "empty", "empty"),
        (b"1.2.3", "text", None),
        (b"12 apples", "text", None),
    ],
)
def test_numbers_and_nothing(data: bytes, kind: str, note: str | None) -> None:
    decoded = decode(data)
    assert (decoded.kind, decoded.note) == (kind, note)


def test_text_keeps_its_lines_and_shows_what_is_hidden_in_them() -> None:
    decoded = decode("första raden\r\n\tindented\r\n\r\n\x1b[31mred\u202e".encode())
    assert drawn(decoded) == ["första raden", "→   indented", "", r"\x1b[31mred\u202e"]
    assert decoded.note == "lines end with CR LF"


def test_latin_1_is_text_with_its_odd_bytes_escaped() -> None:
    assert drawn(decode("Zu den schönen Gärten".encode("latin-1"))) == [r"Zu den sch\xf6nen G\xe4rten"]


def test_endless_lines_go_on_below_and_too_many_are_left_out() -> None:
    wide = decode("é".encode() * 1200, width=100)
    assert {len(row) for row in drawn(wide)} == {50}
    assert "".join(drawn(wide)) == "é" * 1200
    long = decode(b"line\n" * 5_000)
    assert (len(long.lines), long.note) == (MOST_LINES, f"first {MOST_LINES:,} lines")
    assert decode(b"line\n" * MOST_LINES).note is None
    assert decode(b"[" + b"1," * 10_000 + b"1]", most=100).note == "first 100 lines"


@given(st.binary(max_size=200), st.integers(1, 20))
def test_pieces_are_the_whole(data: bytes, width: int) -> None:
    assert b"".join(chunks(data, width)) == data


NASTY = {
    "random": Random(1).randbytes(WINDOW),
    "zeros": b"\0" * WINDOW,
    "brackets": b"[" * WINDOW,
    "numbers": b"[" + b"1," * (WINDOW // 2),
    "escapes": b'"' + b'\\"' * (WINDOW // 2),
    "unicode escapes": b'["' + b"\\u200b" * (WINDOW // 6),
    "marks": "e\u0301\u200b".encode() * (WINDOW // 6),
    "tabs": b"\t" * WINDOW,
    "line ends": b"\n" * WINDOW,
    "backslashes": b"\\" * WINDOW,
    "base64": b"A" * WINDOW,
    "arrays": b"\x91" * WINDOW,
    "big array": b"\xdd\xff\xff\xff\xff" + b"\x01" * WINDOW,
    "big map": b"\xdf\xff\xff\xff\xff" + b"\xa1a\x01" * (WINDOW // 3),
    "long string": b"\xdb\xff\xff\xff\xff" + b"a" * WINDOW,
    "digits": b"9" * WINDOW,
}


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("complete", [True, False])
def test_a_window_of_anything_is_decoded_in_time(name: str, complete: bool) -> None:
    started = time.process_time()
    decoded = decode(NASTY[name], complete)
    assert time.process_time() - started < 0.5
    check(decoded)


def check(decoded: Decoded) -> None:
    assert len(decoded.lines) <= MOST_LINES
    for line in decoded.lines:
        assert is_safe("".join(text for text, _ in line))
        assert all(is_safe(text) for text, _ in line)
    assert decoded.note is None or is_safe(decoded.note)
    assert all(is_safe(layer) for layer in decoded.layers)


def wrapped(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.one_of(
        inner.map(gzip.compress),
        inner.map(zlib.compress),
        inner.map(base64.b64encode),
        inner.map(lambda data: b'{"a":"' + data + b'"}'),
        inner.map(lambda data: b"\x81\xa1a\xc4" + struct.pack(">B", len(data) % 256) + data),
        st.tuples(inner, st.integers(0, 60)).map(lambda pair: pair[0][: pair[1]]),
    )


STARTS = st.sampled_from(
    [
        b"",
        b"{",
        b'["',
        b"\x1f\x8b\x08",
        b"\x78\x9c",
        b"\x28\xb5\x2f\xfd",
        b"HYLL\x00\0\0\0",
        b"HYLL\x01\0\0\0",
        b"\x82",
        b"\xdc",
        b"\x80\x04",
        b"eyJ",
        b"\xc7",
        b"\xd9",
    ]
)
ANYTHING = st.recursive(
    st.tuples(
        STARTS, st.binary(max_size=80) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
    ).map(b"".join),
    wrapped,
)


@settings(max_examples=400, deadline=None)
@given(ANYTHING, st.booleans(), st.integers(0, 1), st.integers(1, 40), st.integers(1, 12))
def test_any_bytes_become_few_safe_lines(data: bytes, complete: bool, start: int, width: int, most: int) -> None:
    check(decode(data, complete))
    check(decode(data, complete, start=start, width=width))
    assert len(decode(data, complete, most=most).lines) <= most
