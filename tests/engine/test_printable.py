from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.hostile import CORPUS, MEGABYTE, storm
from tui.engine import printable as module
from tui.engine.printable import REPLACEMENT, beginning, is_safe, mask, parse_printable, printable, scrub, text_of

HOSTILE = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text(alphabet="\\xuU08a\u0301\u200d\ufe0f\u202e\x80\x1b é\u1161한ᄒ", max_size=20).map(str.encode),
)

CODES = (*range(0x80, 0x34000), *range(0xDFF00, 0xE0300), 0xF0000, 0x100000, sys.maxunicode)
"""All assigned characters, and some of each kind of the others."""


@settings(deadline=None)
@given(HOSTILE)
@example(b"\x80")
@example("\x80".encode())
@example(rb"\x80")
@example(rb"\\x80")
@example(b"\\")
@example(b"\xed\xa0\x80")
@example(b"\xf4\x90\x80\x80")
def test_the_form_leads_back_to_the_same_bytes(data: bytes) -> None:
    assert parse_printable(printable(data)) == data


@settings(deadline=None)
@given(HOSTILE, HOSTILE)
def test_two_different_names_never_look_the_same(one: bytes, other: bytes) -> None:
    assert (printable(one) == printable(other)) == (one == other)


def test_ten_thousand_hostile_strings_are_safe_distinct_and_lead_back_to_their_bytes() -> None:
    strings = [*CORPUS.values(), *storm(10_000), MEGABYTE]
    shown = list(map(printable, strings))
    assert [parse_printable(text) for text in shown] == strings
    assert all(text.isprintable() and is_safe(text) for text in shown)
    assert len(set(shown)) == len(set(strings))


@settings(deadline=None)
@given(HOSTILE, st.integers(0, 40))
def test_a_beginning_says_that_it_is_one_and_halves_no_character(data: bytes, most: int) -> None:
    shown = beginning(data, most)
    assert is_safe(shown)
    if len(data) <= most:
        assert shown == printable(data)
    else:
        kept = parse_printable(shown.removesuffix("…"))
        assert shown.endswith("…")
        assert data.startswith(kept)
        assert most - 3 <= len(kept) <= most


def test_a_beginning_of_what_was_cut_already_says_so() -> None:
    assert beginning(b"abc", 3, 3) == "abc"
    assert beginning(b"abc", 3, 4) == "abc…"
    assert beginning("ab日".encode()[:-1], 10, 5) == "ab…"
    assert beginning(b"ab\xe9", 10) == r"ab\xe9", "all of it: nothing was halved"


@settings(deadline=None)
@given(HOSTILE)
def test_text_of_our_own_is_made_safe_too(data: bytes) -> None:
    assert is_safe(text_of(data))


def test_all_single_bytes_and_all_pairs_around_the_edges_are_distinct() -> None:
    edges = b"\x00\x1b\x20\\xuU0a\x7f\x80\x9b\xc2\xc3\xa9\xcc\x81\xed\xa0\xef\xff"
    names = [bytes((a,)) for a in range(256)] + [bytes((a, b)) for a in edges for b in edges]
    names += ["\x80".encode(), "\u200b".encode(), rb"\u200b", rb"\x1b"]
    names = list(dict.fromkeys(names))
    assert len({printable(name) for name in names}) == len(names)


@settings(deadline=None)
@given(HOSTILE)
def test_the_form_is_safe_for_the_terminal_and_scrubbing_leaves_it_alone(data: bytes) -> None:
    text = printable(data)
    assert text.isprintable()
    assert is_safe(text)
    assert scrub(text) == text


@settings(deadline=None)
@given(HOSTILE)
def test_no_escape_byte_of_any_kind_survives(data: bytes) -> None:
    shown = printable(data).encode()
    assert not any(byte < 0x20 or byte == 0x7F for byte in shown)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"session:9f3c", "session:9f3c"),
        (b"two words", "two words"),
        (b"\x1b]52;c;aGk=\x07", r"\x1b]52;c;aGk=\x07"),
        (b"a\nb\tc\rd\x00", r"a\x0ab\x09c\x0dd\x00"),
        (b"\x7f", r"\x7f"),
        (b"C:\\temp", r"C:\\temp"),
        (b"\xff\xfe", r"\xff\xfe"),
        (b"\x9b31m", r"\x9b31m"),
        ("\x9b31m".encode(), r"\u009b31m"),
        ("café \\ straße".encode(), r"café \\ straße"),
        ("ключ:日本語:한국어:Ω".encode(), "ключ:日本語:한국어:Ω"),
        ("🚀".encode(), "🚀"),
        (b"\xe2\x82", r"\xe2\x82"),
        (b"\xc0\xaf", r"\xc0\xaf"),
        (b"\xed\xa0\x80", r"\xed\xa0\x80"),
    ],
)
def test_bytes_have_the_expected_form(data: bytes, text: str) -> None:
    assert printable(data) == text


@pytest.mark.parametrize(
    "code",
    [
        0x00A0, 0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x1680, 0x17B4, 0x17B5, 0x180B, 0x180E, 0x180F,
        0x2000, 0x200A, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202E, 0x202F,
        0x205F, 0x2060, 0x2064, 0x2066, 0x2069, 0x206F, 0x2800, 0x3000, 0x3164, 0xE000, 0xF8FF, 0xFE00,
        0xFE0F, 0xFEFF, 0xFFA0, 0xFFF9, 0xFFFC, 0xFFFF, 0x13441, 0x16FE4, 0x1D159, 0x1D173, 0x1F3FB, 0xE0001,
        0xE0041, 0xE007F, 0xE0100, 0xE01EF, 0xF0000, 0x10FFFF, 0x0378, 0x20DD, 0x20E3,
        0x0903, 0x093E, 0x0BBE, 0x1D165, 0x1171E,
    ],
)  # fmt: skip
def test_what_cannot_be_seen_is_written_out(code: int) -> None:
    escaped = f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
    assert printable(f"a{chr(code)}b".encode()) == f"a{escaped}b"
    assert not is_safe(f"a{chr(code)}b") or code == 0x2800


def test_every_character_that_python_calls_unprintable_is_escaped() -> None:
    for code in CODES:
        char = chr(code)
        if not char.isprintable() and not 0xD800 <= code <= 0xDFFF:
            assert printable(f"a{char}".encode()) != f"a{char}", hex(code)
            assert scrub(f"a{char}") == f"a{REPLACEMENT}", hex(code)


def test_characters_taken_without_a_second_look_are_printable_and_no_marks() -> None:
    for code in (*range(0x80), *CODES):
        char = chr(code)
        if module._ALL_PLAIN(char):
            assert char.isprintable(), hex(code)
            assert not unicodedata.category(char).startswith("M"), hex(code)
            assert not module._INVISIBLE.match(char), hex(code)
            assert char != "\\"


def test_every_kept_character_takes_at_least_one_cell_unless_it_stands_on_another() -> None:
    for code in CODES:
        char = chr(code)
        if 0xD800 <= code <= 0xDFFF:
            continue
        if printable(char.encode()) == char:
            assert cell_len(char) >= 1, hex(code)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("\u0301a", r"\u0301a"),
        ("a\u0301", "a\u0301"),
        (" \u0301", r" \u0301"),
        ("\n\u0301", r"\x0a\u0301"),
        ("\\\u0301", r"\\\u0301"),
        ("a\u200b\u0301", r"a\u200b\u0301"),
        ("a\ufe0f\u0301", r"a\ufe0f\u0301"),
        ("ế", "ế"),
        ("e\u0302\u0301", "e\u0302\u0301"),
        ("a" + "\u0301" * 5 + "b\u0301", "a" + "\u0301" * 3 + r"\u0301\u0301" + "b\u0301"),
        ("नमस्ते", "नमस्ते"),
        (unicodedata.normalize("NFD", "한국어"), unicodedata.normalize("NFD", "한국어")),
        ("a\u1161", r"a\u1161"),
        ("\u1161", r"\u1161"),
    ],
)
def test_a_mark_needs_something_to_stand_on_and_does_not_pile_up(name: str, text: str) -> None:
    assert printable(name.encode()) == text


@pytest.mark.parametrize("text", ["\\", r"\x", r"\x1", r"\xg0", r"\u12", r"\U1234567", r"\n", r"a\\\q"])
def test_a_broken_escape_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"a backslash must be followed by"):
        parse_printable(text)


@pytest.mark.parametrize("text", [r"\ud800", r"\udcff", r"\U00110000"])
def test_an_escape_for_no_character_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a character \(character 1\)"):
        parse_printable(text)


def test_parsing_takes_typed_text_and_stray_bytes_of_an_argument() -> None:
    assert parse_printable("zero\u200bwidth") == "zero\u200bwidth".encode()
    assert parse_printable("a\udcffb") == b"a\xffb"
    assert parse_printable(r"\XFF".replace("X", "x")) == b"\xff"
    with pytest.raises(ValueError, match="surrogate"):
        parse_printable("\ud800")


@settings(deadline=None)
@given(st.text(max_size=40))
@example("\x1b[31m\u009b\u200b\u0301")
def test_scrubbing_leaves_only_safe_characters_and_the_number_of_them(text: str) -> None:
    clean = scrub(text)
    assert clean.isprintable()
    assert is_safe(clean)
    assert scrub(clean) == clean
    assert len(clean) == len(text)
    assert all(new in (old, REPLACEMENT) for old, new in zip(text, clean, strict=True))


def test_scrubbing_leaves_our_own_drawings_alone() -> None:
    drawing = "┌ 1.0G ┄┄▆▃▏⣀⡠\u2800⠤ ● ▲ ▸ … µ∞–±×\\ é┐"
    assert scrub(drawing) is drawing
    assert is_safe(drawing)


def test_scrubbing_takes_one_cell_for_each_bad_character() -> None:
    assert scrub("a\x1bb\x00c\u200bd\u202ee\udcfff") == "a�b�c�d�e�f"
    assert cell_len(REPLACEMENT) == 1


def test_a_mask_shows_the_beginning_and_tells_two_secrets_apart() -> None:
    one, other = b"eyJhbGciOiJIUzI1NiJ9.one", b"eyJhbGciOiJIUzI1NiJ9.two"
    assert mask(one).startswith("eyJh…")
    assert mask(one) == mask(bytes(one))
    assert mask(one) != mask(other)
    assert len(mask(one)) == 4 + 1 + 8


@pytest.mark.parametrize("secret", [b"", b"hunter2", b"elevenbytes"])
def test_a_short_secret_shows_none_of_its_characters(secret: bytes) -> None:
    assert mask(secret)[:4] == "••••"
    assert not secret or secret.decode() not in mask(secret)
    assert len(mask(secret)) == 12


def test_a_mask_of_hostile_bytes_is_printable() -> None:
    assert mask(b"\x1b\xff\\" + b"x" * 20).startswith(r"\x1b\xff\\x…")
    assert mask("éàü…more than twelve".encode()).startswith("éàü……")


def test_the_module_needs_only_the_standard_library() -> None:
    assert not any(name.split(".")[0] in {"rich", "textual", "wcwidth"} for name in vars(module))
