"""Which schemas there are: the five that come with redtop, those in the user's folder, and any file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tui.engine.schema.file import read_schema
from tui.engine.schema.model import Schema, SchemaError

BUILT_IN = Path(__file__).parents[2] / "schemas"
"""The folder of the schemas that come with redtop."""
SUFFIX = ".toml"


@dataclass(frozen=True, slots=True)
class Entry:
    """A schema that can be asked for by its name."""

    name: str
    file: Path
    built_in: bool
    schema: Schema | None
    problem: str | None = None
    """Why it cannot be used: one sentence; None when it can."""


class Catalog:
    """Knows the schemas by name. A user's schema stands before a built-in one of the same name."""

    def __init__(self, folder: Path | None = None, built_in: Path = BUILT_IN) -> None:
        """Look for schemas in the user's `folder`, if any, and among the built-in ones."""
        self.folder = folder
        self._built_in = built_in

    def load(self, wanted: Iterable[str]) -> tuple[Schema, ...]:
        """Return schemas by name or file, in the order asked for, each once.

        Raises:
            SchemaError: with one sentence, when one does not exist or is wrong, or two have the same name.
        """
        files = dict.fromkeys(self._file(name).resolve() for name in wanted)
        found: dict[str, Schema] = {}
        for file in files:
            schema = read_schema(file)
            if schema.name in found:
                raise SchemaError(f"{file} and {found[schema.name].file} have the same name: rename one of them.")
            found[schema.name] = schema
        return tuple(found.values())

    def built_in(self) -> tuple[Schema, ...]:
        """Return the schemas that come with redtop, by name."""
        return tuple(read_schema(file) for _, file in sorted(_files(self._built_in).items()))

    def entries(self) -> tuple[Entry, ...]:
        """Return everything that has a name, by name; what is broken says why."""
        own = _files(self.folder)
        files = {**_files(self._built_in), **own}
        return tuple(_entry(name, file, built_in=name not in own) for name, file in sorted(files.items()))

    def _file(self, wanted: str) -> Path:
        if is_file(wanted):
            return Path(wanted).expanduser()
        files = {**_files(self._built_in), **_files(self.folder)}
        if wanted not in files:
            hint = _hint(wanted, files)
            raise SchemaError(f"There is no schema {wanted!r}: {hint}")
        return files[wanted]


def is_file(wanted: str) -> bool:
    """Whether this names a file, and not a schema by its name.

    >>> is_file("oauth-proxy"), is_file("./mine.toml"), is_file("mine.toml")
    (False, True, True)
    """
    return wanted.endswith(SUFFIX) or "/" in wanted


def _files(folder: Path | None) -> dict[str, Path]:
    return {file.stem: file for file in sorted(folder.glob(f"*{SUFFIX}"))} if folder is not None else {}


def _entry(name: str, file: Path, *, built_in: bool) -> Entry:
    try:
        return Entry(name, file, built_in, read_schema(file))
    except SchemaError as error:
        return Entry(name, file, built_in, None, str(error))


def _hint(wanted: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(wanted, list(known), n=1)
    names = ", ".join(sorted(known))
    return f"did you mean {close[0]!r}?" if close else f"there are {names}, and any file that ends with {SUFFIX}."
