"""Text of a server never travels as plain `str` into a widget that reads markup, and bytes become text in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets._toast import Toast

from tests.looking import looking
from tests.servers import Server

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("tui", "widgets") for path in (ROOT / folder).rglob("*.py"))
SCREEN = [path for path in SOURCES if "import textual" in path.read_text() or "from textual" in path.read_text()]
"""Sources that use Textual."""

DECODERS = {
    "tui/engine/printable.py": "the one place where bytes become text",
    "tui/engine/commands.py": "names of commands that redtop itself sends, for ACL rules",
    "tui/engine/values/jsonview.py": "the six punctuation marks of JSON",
    "tui/engine/revoke/moments.py": "digits and JSON of values, in which a moment is looked for",
    "tui/engine/purge/frames.py": "JSON of our own journals, checked, into typed values",
    "tui/engine/schema/pattern.py": "the delimiter of a schema file",
    "tui/engine/schema/source.py": "JSON of values and JWTs, in which a name is looked for: compared, shown masked",
    "tui/headless/purge_print.py": "what a person types",
    "tui/engine/values/msgpackview.py": "a check that bytes are UTF-8, whose text is thrown away",
    "tui/engine/onekey/reading.py": "names of commands that redtop itself sends",
    "tui/engine/reach/sentinel.py": "names and hosts that a Sentinel tells, to ask and connect by; shown by printable",
    "tui/engine/streams/acts/history.py": "JSON of our own records, checked, into typed values",
    "tui/engine/tail/filter.py": "a way into JSON that a person types, compared and not shown",
    "tui/engine/cluster/owners.py": "hosts and ids that a cluster tells, to connect by; shown by address.shown",
    "tui/engine/values/kinds.py": "digits, a hex view's ASCII column, and a check whose text is thrown away",
    "tui/demo/server.py": "the folder of our own server, compared and not shown",
    "tui/demo/world.py": "base64 that the demo itself makes",
}
"""Where bytes may become text, and why."""

READ_MARKUP = {"Static", "Label", "Button", "Tab", "Link", "Collapsible", "Option", "Checkbox", "RadioButton"}
"""Textual widgets whose first argument is markup when it is a `str`."""
SHOW = {"update", "show_title", "show_subtitle"}
"""Methods whose first argument is."""
TITLES = {"border_title", "border_subtitle", "tooltip"}
"""Attributes that are."""


class Rule(ast.NodeVisitor):
    """Collects (line, what is wrong) of one source."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []
        self._content: set[str] = set()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer = self._content
        arguments = [*node.args.args, *node.args.kwonlyargs]
        self._content = outer | {one.arg for one in arguments if one.annotation and _is_content_type(one.annotation)}
        for assign in (inside for inside in ast.walk(node) if isinstance(inside, ast.Assign | ast.AnnAssign)):
            self._content |= set(_contents_of(assign))
        self.generic_visit(node)
        self._content = outer

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)  # type: ignore[arg-type]  # the two have the same parts

    def visit_Call(self, node: ast.Call) -> None:
        name, first = _name(node.func), (node.args[0] if node.args else None)
        if name == "from_markup" and not isinstance(first, ast.Constant):
            self._complain(node, "markup that is no literal")
        if (name in READ_MARKUP or (name in SHOW and isinstance(node.func, ast.Attribute))) and first is not None:
            self._check(first, f"{name}()")
        if name == "quiet":  # our own way to make a Binding, which hands its tooltip on
            for argument in node.args:
                self._check(argument, "quiet()")
        for keyword in node.keywords if name != "Binding" or not _hands_on(node) else ():
            if keyword.arg in {*TITLES, "placeholder"} or (name in READ_MARKUP and keyword.arg in {"content", "label"}):
                self._check(keyword.value, f"{keyword.arg}=")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Attribute) and target.attr in TITLES:
                self._check(node.value, f".{target.attr}")
        self.generic_visit(node)

    def _check(self, node: ast.expr, where: str) -> None:
        if not self._is_safe(node):
            self._complain(node, f"{ast.unparse(node)} in {where} may be markup")

    def _is_safe(self, node: ast.expr) -> bool:
        match node:
            case ast.Constant() | ast.GeneratorExp() | ast.Dict() | ast.Set() | ast.SetComp() | ast.DictComp():
                return True  # a literal, or no text at all
            case ast.IfExp():
                return self._is_safe(node.body) and self._is_safe(node.orelse)
            case ast.Name():
                return node.id in self._content
            case _:
                return _is_content(node)

    def _complain(self, node: ast.expr, what: str) -> None:
        self.found.append((node.lineno, what))


def _hands_on(node: ast.Call) -> bool:
    """Whether this is the Binding inside `quiet`."""
    return any(keyword.arg == "tooltip" and ast.unparse(keyword.value) == "tooltip" for keyword in node.keywords)


def _name(function: ast.expr) -> str:
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _is_content_type(annotation: ast.expr) -> bool:
    return set(ast.unparse(annotation).split(" | ")) <= {"Content", "None"}


def _is_content(node: ast.expr) -> bool:
    """`Content(...)`, `Content.something(...)`, `Content(...).something(...)`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _is_content(node.func.value)
    if isinstance(node, ast.Call):
        return _is_content(node.func)
    return isinstance(node, ast.Name) and node.id == "Content"


def _contents_of(assign: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    """Names that an assignment makes a Content."""
    targets = [assign.target] if isinstance(assign, ast.AnnAssign) else assign.targets
    is_one = _is_content_type(assign.annotation) if isinstance(assign, ast.AnnAssign) else _is_content(assign.value)
    yield from (target.id for target in targets if is_one and isinstance(target, ast.Name))


def broken_rules(source: str) -> list[tuple[int, str]]:
    """Every (line, reason) of a source that could let text be read as markup."""
    rule = Rule()
    rule.visit(ast.parse(source))
    return rule.found


def decodes(source: str) -> list[int]:
    """Lines of a source that turn bytes into text."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            to_str = _name(node.func) == "str" and len(node.args) + len(node.keywords) > 1
            if to_str or (isinstance(node.func, ast.Attribute) and node.func.attr in {"decode", "fsdecode"}):
                lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("path", SCREEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_can_be_read_as_markup(path: Path) -> None:
    assert broken_rules(path.read_text()) == []


def test_bytes_become_text_in_one_place() -> None:
    decoding = {str(path.relative_to(ROOT)) for path in SOURCES if decodes(path.read_text())}
    assert decoding - set(DECODERS) == set(), "use engine.printable, or give a reason in DECODERS"
    assert set(DECODERS) - decoding == set(), "these need no exception any more"


@pytest.mark.parametrize(
    "source",
    [
        "Content.from_markup(f'[b]{key}[/b]')",
        "Text.from_markup(key)",
        "Static(key)",
        "Static(f'{key}')",
        "Static(printable(key))",
        "Static(content=key)",
        "Button('Delete ' + key)",
        "self.query_one(Static).update(key)",
        "def f(key: str): label.update(key)",
        "self.show_title(str(key))",
        "self.show_subtitle(key if key else Content(''))",
        "box.border_title = key",
        "self.tooltip = f'{key}'",
        "Input(placeholder=key)",
        "widget.border_subtitle = self.label",
        "async def f(key: Content | str): Label(key)",
    ],
)
def test_the_rule_finds_what_it_is_there_for(source: str) -> None:
    assert broken_rules(source)


@pytest.mark.parametrize(
    "source",
    [
        "Content.from_markup('[b]$k[/b]', k=key)",
        "Static('literal')",
        "Static(Content(key))",
        "self.show_title(Content.assemble('a', (key, 'bold')))",
        "def f(title: Content): self.show_title(title)",
        "def f(title: Content | None): self.show_title(title)",
        "def f(key):\n title = Content(key)\n box.border_title = title",
        "Static(Content('').join(lines))",
        "folds.update((k, v) for k in keys)",
    ],
)
def test_the_rule_leaves_safe_text_alone(source: str) -> None:
    assert broken_rules(source) == []


@pytest.mark.parametrize(
    "source", ["key.decode()", "str(key, 'utf-8')", "os.fsdecode(key)", "codecs.decode(key, 'u8')"]
)
def test_decoding_is_found(source: str) -> None:
    assert decodes(source) == [1]


async def test_markup_in_a_notification_is_not_interpreted(valkey: Server) -> None:
    async with looking(valkey.port) as look:
        await look.until_shown("● live")
        for hostile in ("[@click=app.quit]press me[/]", "user[/]", "[bold", "\x1b]52;c;aGk=\x07"):
            look.app.notify(hostile, title=hostile, severity="error", timeout=60)
        await look.until_shown("[@click=app.quit]press me[/]", "user[/]", "[bold", "�]52;c;aGk=")
        toasts = look.app.screen.query(Toast)
        assert len(toasts) == 4
        for y, line in enumerate(look.lines):
            for x in range(len(line)):
                assert "@click" not in look.app.screen.get_style_at(x, y).meta
        await look.pilot.click(toasts.first())
        assert look.app.return_value is None
