"""Going elsewhere: which settings come along, and which belong to the place that is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.engine.address import Address, Tls
from tui.fields import SettingsError
from tui.places import at, at_database, at_profile, profiles
from tui.settings import Settings, resolve

SECRET = "s3cr3t-Wort"

FILE = f"""
[profiles.prod]
url = "rediss://app@prod.example/2"
password_env = "PROD"
ssh = "me@bastion"
production = true
colour = "red"
read_only = true
interval = 5
protected = ["lock:"]
[profiles.local]
[profiles.bare]
host = "bare"
[profiles.secret]
url = "redis://:{SECRET}@h"
[profiles.broken]
hots = "x"
[profiles.nowhere]
url = "http://:{SECRET}@h"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A config folder with profiles of all kinds."""
    (tmp_path / "config.toml").write_text(FILE)
    (tmp_path / "config.toml").chmod(0o600)
    return tmp_path


def test_the_list_shows_where_profiles_lead_and_what_is_wrong_with_them(folder: Path) -> None:
    known = {one.name: one for one in profiles(folder)}
    assert list(known) == ["prod", "local", "bare", "secret", "broken", "nowhere"]
    prod = known["prod"]
    assert (prod.place, prod.db, prod.ssh, prod.colour) == ("prod.example:6379", 2, "me@bastion", "red")
    assert prod.production
    assert prod.read_only
    assert known["local"].place == "localhost:6379"
    assert known["bare"].place == "bare:6379"
    assert "[profiles.broken]: unknown field `hots`" in (known["broken"].problem or "")
    assert "[profiles.nowhere]: `url`" in (known["nowhere"].problem or "")
    assert SECRET not in repr(known), "and no password is looked up for that"


def test_no_file_means_no_profiles_and_a_bad_one_gets_a_sentence(tmp_path: Path) -> None:
    assert profiles(tmp_path) == []
    (tmp_path / "config.toml").write_text("[profiles")
    with pytest.raises(SettingsError, match="not valid TOML"):
        profiles(tmp_path)


def test_a_chosen_profile_is_the_place_whatever_the_environment_names(folder: Path) -> None:
    environ = {"REDIS_URL": f"redis://:{SECRET}@elsewhere:7000/9", "PROD": "its own"}
    settings = at_profile(Settings(), "prod", environ, folder)
    assert settings.address == Address("prod.example", 6379, None, 2, "app", "its own", Tls(), ssh="me@bastion")
    assert (settings.profile, settings.colour, settings.production, settings.interval) == ("prod", "red", True, 5.0)
    assert at_profile(Settings(), "bare", environ, folder).address.password is None


def test_a_password_for_any_server_counts_less_than_that_of_a_chosen_profile(folder: Path) -> None:
    environ = {"REDISCLI_AUTH": "any", "PROD": "its own"}
    assert at_profile(Settings(), "prod", environ, folder).address.password == "its own"
    assert at_profile(Settings(), "bare", environ, folder).address.password == "any"


def test_what_the_command_line_said_about_looking_holds_everywhere(folder: Path) -> None:
    flags = {"host": "a", "password": SECRET, "read_only": True, "interval": "0.5", "tls": True}
    started = resolve(flags, {}, folder)
    for there in (at(started, "b:7000"), at_profile(started, "bare", {}, folder)):
        assert there.read_only
        assert there.interval == 0.5
        assert there.address.password is None
        assert there.address.tls is None
    assert at_profile(started, "prod", {"PROD": "x"}, folder).interval == 0.5


def test_to_a_typed_place_nothing_of_the_profile_goes_along(folder: Path) -> None:
    prod = at_profile(Settings(), "prod", {"PROD": SECRET}, folder)
    there = at(prod, "redis://user:pw@other/3")
    assert there == Settings(address=Address("other", db=3, username="user", password="pw"))
    assert not there.production
    assert not there.read_only


def test_the_same_place_keeps_everything_and_takes_a_new_password(folder: Path) -> None:
    prod = at_profile(Settings(), "prod", {"PROD": "old"}, folder)
    again = at(prod, prod.address.label, SECRET)
    assert (again.profile, again.address.username, again.address.ssh) == ("prod", "app", "me@bastion")
    assert again.address.password == SECRET
    assert at(prod, prod.address.label).address.password == "old"


@pytest.mark.parametrize("to", [at, at_database])
def test_another_database_keeps_everything_else(folder: Path, to: object) -> None:
    prod = at_profile(Settings(), "prod", {"PROD": SECRET}, folder)
    there = to(prod, "7")  # type: ignore[operator]
    assert there.address.db == 7
    assert (there.profile, there.address.password, there.address.ssh) == ("prod", SECRET, "me@bastion")
    with pytest.raises(SettingsError, match="database"):
        at_database(prod, "99999999999")


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("h", Address("h")),
        ("h:7000", Address("h", 7000)),
        ("::1", Address("::1")),
        ("[::1]:7000", Address("::1", 7000)),
        ("/run/redis.sock", Address(socket_path="/run/redis.sock")),
        ("redis://h/2", Address("h", db=2)),
    ],
)
def test_a_place_is_typed_as_people_write_it(typed: str, address: Address) -> None:
    assert at(Settings(address=Address("elsewhere")), typed).address == address


@pytest.mark.parametrize("typed", ["h:x", "two words", "http://h", "redis://[::1", f"redis://u:{SECRET} x@h"])
def test_nonsense_gets_a_sentence_without_what_was_typed(typed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        at(Settings(address=Address("elsewhere")), typed)
    assert SECRET not in str(caught.value)
