"""What the settings say about purges."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_settings import write
from tui.fields import SettingsError
from tui.purge_rules import DAY, PurgeRules, rules
from tui.settings import Settings, resolve


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of config.toml."""
    monkeypatch.setattr("tui.purge_rules.config_folder", lambda: tmp_path)
    monkeypatch.setattr("tui.purge_rules.user_state_path", lambda name: tmp_path / "state" / name)
    return tmp_path


def test_without_a_file_the_defaults_hold(folder: Path) -> None:
    journals = folder / "state" / "redtop" / "journals"
    assert rules(Settings()) == PurgeRules((), journals, 30 * DAY, 2**30, production=False, profile=None)


def test_the_table_and_the_profile_both_protect(folder: Path) -> None:
    write(
        folder,
        r"""
        [purge]
        protected = ["config:", 'bin\xff']
        journal_days = 1.5
        journal_size = "20 MB"
        [profiles.p]
        protected = ["lock:"]
        production = true
        """,
    )
    found = rules(resolve({"profile": "p"}, {}, folder))
    assert found.protected == (b"config:", b"bin\xff", b"lock:")
    assert (found.journal_age_s, found.journal_bytes) == (1.5 * DAY, 20 * 2**20)
    assert (found.production, found.profile) == (True, "p")
    assert rules(Settings()).protected == (b"config:", b"bin\xff")


def test_a_profile_counts_wherever_its_name_is_used(folder: Path) -> None:
    write(folder, '[profiles.p]\nhost = "h"\nproduction = true\nprotected = ["a"]')
    settings = resolve({"profile": "p", "host": "elsewhere"}, {}, folder)
    assert (settings.production, settings.protected) == (True, (b"a",))


def test_schemas_say_which_keys_grant_access(folder: Path) -> None:
    found = rules(Settings(schemas=("fastapi-best-architecture", "oauth-proxy")))
    assert found.secrets == (b"fba:refresh_token:", b"fba:token:", b"oauth:refresh:", b"oauth:token:")


@pytest.mark.parametrize(
    ("text", "octets"), [("1", 1), ("1B", 1), ("2k", 2048), ("2KB", 2048), ("1.5MB", 3 * 2**19), ("3t", 3 * 2**40)]
)
def test_sizes_are_written_as_people_write_them(folder: Path, text: str, octets: int) -> None:
    write(folder, f'[purge]\njournal_size = "{text}"')
    assert rules(Settings()).journal_bytes == octets


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[purge]\nprotect = ['a']", ("[purge]", "unknown field `protect`")),
        ("[purge]\nprotected = 'a'", ("[purge]", "`protected`", "array")),
        ("[purge]\nprotected = [1]", ("[purge]", "`protected[0]`")),
        ("[purge]\nprotected = ['']", ("[purge]", "`protected`", "must not be empty")),
        ("[purge]\nprotected = ['a\\q']", ("[purge]", "`protected`", "a backslash must be followed by")),
        ("[purge]\njournal_days = 'x'", ("[purge]", "`journal_days`", "expected `float`")),
        ("[purge]\njournal_days = 0", ("[purge]", "`journal_days`", "above 0")),
        ("[purge]\njournal_days = nan", ("[purge]", "`journal_days`", "above 0")),
        ("[purge]\njournal_size = 5", ("[purge]", "`journal_size`", "expected `str`")),
        ("[purge]\njournal_size = '0GB'", ("[purge]", "`journal_size`", "500MB")),
        ("[purge]\njournal_size = 'big'", ("[purge]", "`journal_size`", "500MB")),
        ("purge = 1", ("`purge` must be a table",)),
        ("[purges]", ("unknown field `purges`", "[purge]")),
        ("[purge", ("not valid TOML",)),
    ],
)
def test_a_mistake_names_file_table_and_field(folder: Path, text: str, parts: tuple[str, ...]) -> None:
    write(folder, text)
    with pytest.raises(SettingsError) as caught:
        rules(Settings())
    for part in ("config.toml", *parts):
        assert part in str(caught.value)
    assert str(caught.value).endswith(".")
    assert caught.value.__cause__ is None


def test_a_mistake_in_a_profile_names_it_too(folder: Path) -> None:
    for field in ("protected = ['']", "protected = ['\\q']", "production = 'yes'"):
        write(folder, f"[profiles.p]\n{field}")
        with pytest.raises(SettingsError, match=rf"config\.toml, \[profiles\.p\]: `{field.split()[0]}`"):
            resolve({"profile": "p"}, {}, folder)
