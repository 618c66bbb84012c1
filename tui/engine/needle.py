"""What a person types to search for."""

from __future__ import annotations

from tui.engine.printable import parse_printable


def needle_of(text: str) -> bytes:
    r"""Return the bytes that are meant: escapes as they are shown, anything else as it is typed.

    >>> needle_of("caf\\xe9"), needle_of("C:\\temp")
    (b'caf\xe9', b'C:\\temp')
    """
    try:
        return parse_printable(text)
    except ValueError:
        return text.encode("utf-8", "surrogatepass")
