"""The family, or branch of families, that a person has chosen: what its keys begin with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tui.engine.keyshape import Shape, has_placeholder
from tui.engine.printable import parse_printable


@dataclass(frozen=True, slots=True)
class Chosen:
    """The family, or the branch of families, whose keys are wanted."""

    delimiter: bytes
    parts: tuple[bytes, ...]
    whole: bool
    """Whether these are all parts of the family; otherwise it is a branch, and more may follow."""

    @classmethod
    def family(cls, shape: Sequence[str]) -> Chosen:
        """Choose by the shape of a `survey.Family`: safe text, the delimiter first."""
        delimiter, *parts = (parse_printable(part) for part in shape)
        return cls(delimiter, tuple(parts), whole=True)

    @classmethod
    def branch(cls, path: Sequence[str], families: Iterable[Sequence[str]]) -> Chosen | None:
        """Choose by the path of a `namespaces.Branch`; None when no family hangs from it any more."""
        for delimiter, *parts in families:
            steps = (*(part + delimiter for part in parts[:-1]), parts[-1])
            if steps[: len(path)] == tuple(path):
                above = tuple(parse_printable(part) for part in parts[: len(path)])
                return cls(parse_printable(delimiter), above, whole=len(path) == len(parts))
        return None

    @property
    def shape(self) -> Shape:
        """The parts behind their delimiter."""
        return (self.delimiter, *self.parts)

    @property
    def prefix(self) -> bytes:
        """The bytes that all its keys begin with.

        >>> Chosen(b":", (b"user", b"{int}", b"cart"), True).prefix, Chosen(b":", (b"sess_{hex}",), True).prefix
        (b'user:', b'sess_')
        """
        literal: list[bytes] = []
        for part in self.parts:
            if has_placeholder(part):
                return self.delimiter.join([*literal, _before_placeholder(part)])
            literal.append(part)
        return self.delimiter.join(literal if self.whole else [*literal, b""])

    @property
    def key(self) -> bytes | None:
        """The key, when the family is a single one by its own name."""
        literal = self.whole and not any(has_placeholder(part) for part in self.parts)
        return self.delimiter.join(self.parts) if literal else None


def _before_placeholder(part: bytes) -> bytes:
    """Return what stands before the first placeholder of a part that holds one."""
    at = part.find(b"{")
    while not has_placeholder(part[at : part.find(b"}", at) + 1]):
        at = part.find(b"{", at + 1)
    return part[:at]
