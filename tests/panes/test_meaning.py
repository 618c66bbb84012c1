"""What the families' pane says of a keyspace by its schema, on real servers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.engine.schema.test_drift import filled
from tests.looking import QUICK, Looking, looking
from tests.servers import Server
from tui.panes.namespaces import NamespacesPane
from tui.screens.keys import KeysPage
from widgets.table import Table

WIDE = (240, 60)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.engine.schema.closer.SECOND_LOOK", 0.01)


def titles(look: Looking) -> list[str]:
    return [column.title for column in look.pane(NamespacesPane).query_one(Table).columns]


def line(look: Looking, text: str) -> str:
    return next((one for one in look.lines if text in one), "")


async def test_purpose_and_policy_stand_beside_families_and_drift_is_marked(valkey: Server) -> None:
    valkey.ask_all([("SET", f"lock:flow:{number}", 1) for number in range(40)])
    valkey.ask_all([("SET", f"lock:import:{number}", 1, "EX", 30) for number in range(30)])
    valkey.ask_all([("SET", f"thing:{number}", 1) for number in range(20)])
    settings = replace(QUICK, schemas=("migration-platform",))
    async with looking(valkey.port, WIDE, settings=settings) as look:
        await look.until_shown("unknown to the schema")
        await look.until_shown("▲ flow:{int}")
        assert "30s" in line(look, "flow:{int}")
        assert "lock" in line(look, "flow:{int}").split("30s")[1]
        assert "▲" not in line(look, "import:{int}")
        assert "30s" in line(look, "import:{int}")
        assert "?" in line(look, "thing:{int}")
        known, unknown = look.style_of("import:"), look.style_of("thing:{int}")
        assert known.color != unknown.color, "what no schema knows steps back"


async def test_a_filter_finds_a_family_by_its_purpose(valkey: Server) -> None:
    filled(valkey, ["faultmaven"], drift=False, keys=0)
    async with looking(valkey.port, WIDE, settings=replace(QUICK, schemas=("faultmaven",))) as look:
        await look.until_shown("user of an API token")
        await look.press("slash", *"API token", "enter")
        table = look.pane(NamespacesPane).query_one(Table)
        await look.until(lambda: 0 < len(table.rows) < 4)


async def test_without_a_schema_nothing_is_added_and_one_that_fits_is_suggested_once(valkey: Server) -> None:
    filled(valkey, ["oauth-proxy"], drift=False, keys=0)
    async with looking(valkey.port, WIDE) as look:
        await look.until_shown("looks like oauth-proxy")
        assert "policy" not in titles(look)
        assert "purpose" not in titles(look)
        assert "▲" not in line(look, "token:{uuid}")
        shown = len(look.app._notifications)
        await look.press("2")
        await look.until(lambda: isinstance(look.page, KeysPage) and look.pane(NamespacesPane).snapshot is not None)
        await look.until(lambda: look.pane(NamespacesPane)._known is not None)
        assert len(look.app._notifications) == shown
