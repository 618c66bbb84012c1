from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from tui.engine.address import Address, Tls, parse_url
from tui.fields import FLAGS, SettingsError
from tui.settings import DEFAULT_SCAN_SHARE, Settings, resolve

SECRET = "s3cr3t-Wort"
NOWHERE = Path("nowhere")


def write(folder: Path, text: str) -> Path:
    (folder / "config.toml").write_text(text, "utf-8")
    return folder


def complaint(flags: dict[str, object], environ: dict[str, str] | None = None, folder: Path = NOWHERE) -> str:
    with pytest.raises(SettingsError) as caught:
        resolve(flags, environ or {}, folder)
    sentence = str(caught.value)
    assert SECRET not in sentence
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def test_with_nothing_said_the_defaults_hold() -> None:
    assert resolve({}, {}, NOWHERE) == Settings()
    assert Settings().address == Address("localhost", 6379)
    assert Settings().interval == 1.0
    assert Settings().scan_share == DEFAULT_SCAN_SHARE == 0.05
    assert not Settings().read_only


PROFILE = """
[profiles.p]
host = "h"
port = 7003
db = 3
username = "u3"
password = "p3"
interval = 3
scan_share = 3
delimiter = "3"
schemas = ["faultmaven"]
theme = "light"
"""


@pytest.mark.parametrize(
    ("field", "flag", "variable", "from_profile", "default"),
    [
        ("host", ("host", "a", "a"), ("REDIS_HOST", "b", "b"), "h", "localhost"),
        ("port", ("port", "7001", 7001), ("REDIS_PORT", "7002", 7002), 7003, 6379),
        ("db", ("db", "0", 0), ("REDIS_DB", "2", 2), 3, 0),
        ("username", ("username", "u1", "u1"), ("REDIS_USERNAME", "u2", "u2"), "u3", None),
        ("password", ("password", "p1", "p1"), ("REDIS_PASSWORD", "p2", "p2"), "p3", None),
    ],
)
def test_flags_beat_the_environment_which_beats_the_profile(
    tmp_path: Path,
    field: str,
    flag: tuple[str, str, object],
    variable: tuple[str, str, object],
    from_profile: object,
    default: object,
) -> None:
    write(tmp_path, PROFILE)
    flags = {flag[0]: flag[1]}
    environ = {variable[0]: variable[1]}
    profile = {"profile": "p"}

    def value(flags: dict[str, str], environ: dict[str, str]) -> object:
        return getattr(resolve(flags, environ, tmp_path).address, field)

    assert value({}, {}) == default
    assert value(profile, {}) == from_profile
    assert value(profile, environ) == variable[2]
    assert value({}, environ) == variable[2]
    assert value(profile | flags, environ) == flag[2]
    assert value(flags, environ) == flag[2]
    assert value(profile | flags, {}) == flag[2]


def test_the_session_options_of_flags_beat_those_of_the_profile(tmp_path: Path) -> None:
    write(tmp_path, PROFILE)
    from_profile = resolve({"profile": "p"}, {}, tmp_path)
    assert from_profile.profile == "p"
    assert (from_profile.interval, from_profile.scan_share) == (3.0, 0.03)
    assert (from_profile.delimiter, from_profile.schemas, from_profile.theme) == ("3", ("faultmaven",), "light")
    flags = {
        "interval": "0.5",
        "scan_share": "7.5%",
        "delimiter": "/",
        "schemas": ("arketic", "oauth-proxy"),
        "theme": "dark",
    }
    settings = resolve(flags | {"profile": "p"}, {}, tmp_path)
    assert (settings.interval, settings.scan_share) == (0.5, 0.075)
    assert (settings.delimiter, settings.schemas, settings.theme) == ("/", ("arketic", "oauth-proxy"), "dark")


def test_an_empty_variable_is_not_given() -> None:
    names = ("REDIS_URL", "REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_PASSWORD", "REDISCLI_AUTH")
    assert resolve({}, dict.fromkeys(names, ""), NOWHERE) == Settings()


def test_an_empty_password_flag_means_no_password() -> None:
    assert resolve({"password": ""}, {"REDIS_PASSWORD": SECRET}, NOWHERE).address.password is None


def test_the_port_that_kubernetes_sets_is_understood() -> None:
    settings = resolve({}, {"REDIS_PORT": "tcp://10.0.0.11:6380"}, NOWHERE)
    assert settings.address == Address("10.0.0.11", 6380)
    settings = resolve({}, {"REDIS_PORT": "tcp://10.0.0.11:6380", "REDIS_HOST": "mine"}, NOWHERE)
    assert settings.address == Address("mine", 6380)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", Address()),
        ("redis://h", Address("h")),
        ("valkey://h:7000", Address("h", 7000)),
        ("redis://h:7000/2", Address("h", 7000, db=2)),
        ("redis://h/?db=3", Address("h", db=3)),
        ("redis://h/1?db=3&protocol=3", Address("h", db=3)),
        ("redis://:pw@h", Address("h", password="pw")),
        ("redis://pw@h", Address("h", password="pw")),
        ("redis://u:pw@h", Address("h", username="u", password="pw")),
        ("redis://u:p%40%2F%23%3Fs@h", Address("h", username="u", password="p@/#?s")),
        ("redis://u:p@ss@h", Address("h", username="u", password="p@ss")),
        ("redis://:%E2%82%AC@h", Address("h", password="€")),
        ("redis://:@h", Address("h")),
        ("redis://[::1]:7000", Address("::1", 7000)),
        ("REDIS://H", Address("h")),
        ("rediss://h", Address("h", tls=Tls())),
        ("rediss://h?ssl_cert_reqs=none", Address("h", tls=Tls(insecure=True))),
        ("rediss://h?ssl_cert_reqs=required", Address("h", tls=Tls())),
        ("unix:///run/redis.sock", Address(socket_path="/run/redis.sock")),
        ("unix://u:pw@/run/a%20b?db=4", Address(socket_path="/run/a b", db=4, username="u", password="pw")),
    ],
)
def test_a_url_names_a_place(url: str, address: Address) -> None:
    assert resolve({"url": url}, {}, NOWHERE).address == address
    assert resolve({}, {"REDIS_URL": url}, NOWHERE).address == address


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        (f"http://u:{SECRET}@h", "must start with redis://"),
        (f"{SECRET}@h", "must start with redis://"),
        ("localhost:6379", "must start with redis://"),
        (f"redis://u:{SECRET}/x@h", "percent-encoded"),
        (f"redis://u:12/{SECRET}@h", "%2F"),
        (f"redis://u:{SECRET}#x@h", "percent-encoded"),
        (f"redis://u:12#{SECRET}@h", "%23"),
        (f"redis://u:12?{SECRET}@h", "%3F"),
        (f"redis://u:{SECRET} x@h", "spaces"),
        (f"redis://:{SECRET}@h:99999", "host and port"),
        (f"redis://:{SECRET}@h:0", "from 1 to 65535"),
        (f"redis://:{SECRET}@[::1", "host and port"),
        (f"redis://:{SECRET}@h/x", "database"),
        (f"redis://:{SECRET}@h?db=x", "database"),
        (f"redis://:{SECRET}%FF@h", "UTF-8"),
        (f"unix://:{SECRET}@", "absolute path"),
        ("unix://run/redis.sock", "absolute path"),
    ],
)
def test_a_bad_url_gets_a_sentence_that_names_the_option_and_no_secret(url: str, hint: str) -> None:
    assert hint in complaint({"url": url})
    assert complaint({"url": url}).startswith("-u/--url: ")
    assert complaint({}, {"REDIS_URL": url}).startswith("REDIS_URL: ")


@run_with(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
@example("a:b@c/d", "#?%[]")
def test_any_encoded_user_and_password_come_back(user: str, password: str) -> None:
    from urllib.parse import quote

    try:
        url = f"redis://{quote(user, safe='')}:{quote(password, safe='')}@h/1"
    except UnicodeEncodeError:
        return  # half a surrogate pair: no text that anyone can type
    fields = parse_url(url)
    assert (fields["username"], fields["password"], fields["host"]) == (user, password, "h")


@run_with(deadline=None)
@given(st.text(max_size=40))
def test_whatever_follows_the_scheme_is_a_place_or_a_sentence(text: str) -> None:
    sentence = ""
    try:
        settings = resolve({"url": f"redis://{text}"}, {}, NOWHERE)
    except SettingsError as error:
        sentence = str(error)
    assert "the URL" in sentence if sentence else 1 <= settings.address.port <= 65535


def test_a_single_option_beats_the_url_of_the_same_source() -> None:
    url = "redis://u:pw@h:7000/2"
    address = resolve({"url": url, "port": "7001", "password": "other"}, {}, NOWHERE).address
    assert address == Address("h", 7001, db=2, username="u", password="other")
    address = resolve({}, {"REDIS_URL": url, "REDIS_DB": "5"}, NOWHERE).address
    assert address == Address("h", 7000, db=5, username="u", password="pw")
    assert resolve({"url": url, "socket": "/s"}, {}, NOWHERE).address.label == "/s"
    assert resolve({"url": "unix:///s", "host": "h"}, {}, NOWHERE).address.label == "h:6379"


def test_a_password_is_not_sent_to_a_server_that_a_stronger_source_names_instead(tmp_path: Path) -> None:
    environ = {"REDIS_URL": f"rediss://u:{SECRET}@prod:6380/2"}
    elsewhere = resolve({"host": "local"}, environ, NOWHERE).address
    assert (elsewhere.username, elsewhere.password) == (None, None)
    assert elsewhere.tls == Tls(), "falling back to plain text would be no favour"
    assert resolve({"url": "redis://local"}, environ, NOWHERE).address.password is None
    assert resolve({"socket": "/s"}, environ, NOWHERE).address.password is None
    assert resolve({"host": "PROD"}, environ, NOWHERE).address.password == SECRET
    assert resolve({"port": "6381"}, environ, NOWHERE).address.password == SECRET
    environ = {"REDIS_HOST": "prod", "REDIS_PASSWORD": SECRET}
    assert resolve({"host": "local"}, environ, NOWHERE).address.password is None
    write(tmp_path, f'[profiles.p]\nhost = "prod"\npassword = "{SECRET}"\ninsecure = true\nsni = "prod"')
    address = resolve({"profile": "p"}, {"REDIS_HOST": "local"}, tmp_path).address
    assert address == Address("local", tls=Tls())


def test_a_password_that_belongs_to_no_server_goes_to_any() -> None:
    assert resolve({"host": "h"}, {"REDISCLI_AUTH": SECRET}, NOWHERE).address.password == SECRET
    assert resolve({"host": "h"}, {"REDIS_PASSWORD": SECRET}, NOWHERE).address.password == SECRET
    environ = {"REDIS_HOST": "a", "REDIS_PASSWORD": "a's", "REDISCLI_AUTH": SECRET}
    assert resolve({"host": "b"}, environ, NOWHERE).address.password == SECRET
    assert resolve({}, environ, NOWHERE).address.password == "a's"


def test_the_kind_of_place_follows_the_strongest_source(tmp_path: Path) -> None:
    assert resolve({"port": "7000"}, {"REDIS_URL": "unix:///s"}, NOWHERE).address == Address(port=7000)
    assert resolve({"socket": "/s"}, {"REDIS_HOST": "h"}, NOWHERE).address.label == "/s"
    write(tmp_path, '[profiles.p]\nsocket = "run/redis.sock"')
    assert resolve({"profile": "p"}, {}, tmp_path).address.socket_path == str(tmp_path / "run/redis.sock")
    assert resolve({"profile": "p"}, {"REDIS_HOST": "h"}, tmp_path).address.label == "h:6379"


def test_a_tls_detail_implies_tls(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.touch()
    assert resolve({"tls": True}, {}, NOWHERE).address.tls == Tls()
    assert resolve({"cacert": str(file)}, {}, NOWHERE).address.tls == Tls(ca_file=str(file))
    assert resolve({"insecure": True, "sni": "n"}, {}, NOWHERE).address.tls == Tls(server_name="n", insecure=True)
    both = resolve({"cert": str(file), "key": str(file)}, {}, NOWHERE).address.tls
    assert both == Tls(cert_file=str(file), key_file=str(file))
    assert resolve({"url": "redis://h", "sni": "n"}, {}, NOWHERE).address.tls == Tls(server_name="n")
    assert resolve({"url": "redis://h"}, {}, NOWHERE).address.tls is None
    assert resolve({"tls": False, "insecure": False}, {}, NOWHERE).address.tls is None


def test_options_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    assert "-h/--host and -s/--socket" in complaint({"host": "h", "socket": "/s"})
    assert "Unix socket" in complaint({"tls": True, "socket": "/s"})
    (tmp_path / "k.pem").touch()
    assert "Sentinel, not a Unix socket" in complaint({"sentinel": "m", "socket": "/s"})
    assert "--key needs --cert" in complaint({"key": str(tmp_path / "k.pem")})


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("port", SECRET, "from 1 to 65535"),
        ("port", "0", "from 1 to 65535"),
        ("port", "65536", "from 1 to 65535"),
        ("port", "-1", "from 1 to 65535"),
        ("port", "٣", "from 1 to 65535"),
        ("port", "9" * 5000, "from 1 to 65535"),
        ("db", "-1", "from 0"),
        ("db", "one", "from 0"),
        ("interval", "0", "0.1 to 60 seconds"),
        ("interval", "61", "0.1 to 60 seconds"),
        ("interval", "nan", "0.1 to 60 seconds"),
        ("interval", SECRET, "0.1 to 60 seconds"),
        ("scan_share", "0", "percent"),
        ("scan_share", "100.1", "percent"),
        ("scan_share", "inf", "percent"),
        ("delimiter", "", "must not be empty"),
        ("host", "", "must not be empty"),
        ("host", f"redis://:{SECRET}@h", "-u/--url"),
        ("host", "two words", "IP address"),
        ("socket", "", "must not be empty"),
        ("cacert", "no/such/file", "no file that exists"),
        ("theme", "pink", "dark or light"),
        ("schemas", ("",), "must not be empty"),
        ("ssh", "-oProxyCommand=x", "[user@]host"),
        ("ssh", "two words", "[user@]host"),
        ("password_file", "no/such/file", "cannot be read"),
        ("sentinel", "", "must not be empty"),
    ],
)
def test_a_bad_value_gets_a_sentence_that_names_its_option(name: str, value: object, hint: str) -> None:
    sentence = complaint({name: value})
    assert hint in sentence
    assert sentence.startswith(FLAGS[name])


def test_a_bad_variable_is_named() -> None:
    assert complaint({}, {"REDIS_PORT": SECRET}).startswith("REDIS_PORT must be")
    assert complaint({}, {"REDIS_DB": SECRET}).startswith("REDIS_DB must be")
    assert complaint({}, {"REDIS_PORT": "tcp://x:y"}).startswith("REDIS_PORT must be")


@pytest.mark.parametrize("share", ["0.001", "5", "100", "5 %"])
def test_the_scan_share_is_a_percentage(share: str) -> None:
    expected = float(share.rstrip("% ")) / 100
    assert resolve({"scan_share": share}, {}, NOWHERE).scan_share == pytest.approx(expected)


def test_addresses_are_accepted_with_and_without_brackets() -> None:
    assert resolve({"host": "::1"}, {}, NOWHERE).address.label == "[::1]:6379"
    assert resolve({"host": "[::1]"}, {}, NOWHERE).address.label == "[::1]:6379"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[profiles.p]\nhots = 'x'", ("config.toml", "[profiles.p]", "unknown field `hots`", "mean `host`")),
        ("[profiles.p]\ncolor = 'red'", ("config.toml", "[profiles.p]", "unknown field `color`", "mean `colour`")),
        ("[profiles.p]\ncolour = 'pink'", ("config.toml", "[profiles.p]", "`colour`", "red, orange")),
        ("[profiles.p]\nssh = '-oProxyCommand=x'", ("config.toml", "[profiles.p]", "`ssh`", "[user@]host")),
        ("[profiles.p]\nsentinel = ''", ("config.toml", "[profiles.p]", "`sentinel`", "empty")),
        ("[profiles.p]\nsocket = 's'\nsentinel = 'm'", ("--sentinel", "Unix socket")),
        ("[profiles.p]\nport = '6379'", ("config.toml", "[profiles.p]", "`port`", "expected `int")),
        ("[profiles.p]\nread_only = 1", ("config.toml", "[profiles.p]", "`read_only`", "`bool")),
        ("[profiles.p]\npassword = 12345", ("config.toml", "[profiles.p]", "`password`")),
        ("[profiles.p]\nschemas = 'x'", ("config.toml", "[profiles.p]", "`schemas`", "array")),
        ("[profiles.p]\nschemas = [1]", ("config.toml", "[profiles.p]", "`schemas[0]`")),
        (f"[profiles.p]\ntheme = '{SECRET}'", ("[profiles.p]", "`theme`", "dark or light")),
        ("[profiles.p]\nport = 70000", ("config.toml", "[profiles.p]", "`port`", "65535")),
        ("[profiles.p]\ninterval = 0.01", ("config.toml", "[profiles.p]", "`interval`")),
        ("[profiles.p]\nscan_share = 0", ("config.toml", "[profiles.p]", "`scan_share`")),
        (f"[profiles.p]\nurl = 'http://:{SECRET}@h'", ("config.toml", "[profiles.p]", "`url`")),
        ("[profiles.p]\ncacert = 'none.pem'", ("config.toml", "[profiles.p]", "`cacert`")),
        ("[profiles.p]\nhost='h'\nsocket='s'", ("[profiles.p]: `host`", "[profiles.p]: `socket`")),
        (f"[profiles.p]\npassword='{SECRET}'\npassword_env='X'", ("`password` and `password_env`",)),
        ("[profiles.p]\npassword_env='NOT_SET'", ("[profiles.p]", "`NOT_SET`", "not set")),
        ("[profiles.p]\npassword_file='none'", ("[profiles.p]", "`password_file`", "cannot be read")),
        ("[profile.p]\nhost = 'h'", ("config.toml", "unknown field `profile`", "[profiles.NAME]")),
        ("profiles = 1", ("config.toml", "`profiles`")),
        ("[profiles]\np = 1", ("config.toml", "`profiles`")),
        ("[profiles.a]\n[profiles.b]", ("no profile 'p'", "config.toml", "a, b")),
        (f"[profiles.p]\npassword = '{SECRET}", ("config.toml", "not valid TOML")),
    ],
)  # fmt: skip
def test_a_mistake_in_the_profile_names_file_table_and_field(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    sentence = complaint({"profile": "p"}, {}, write(tmp_path, text))
    for part in parts:
        assert part in sentence


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "config.toml") in complaint({"profile": "p"}, {}, tmp_path)
    (tmp_path / "config.toml").write_bytes(b"\xff")
    assert "not UTF-8" in complaint({"profile": "p"}, {}, tmp_path)
    (tmp_path / "config.toml").unlink()
    (tmp_path / "config.toml").mkdir()
    assert "cannot be read" in complaint({"profile": "p"}, {}, tmp_path)


def test_the_password_of_a_profile_comes_from_where_it_says(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    write(
        tmp_path,
        f"""
        [profiles.here]
        password = "{SECRET}"
        [profiles.file]
        password_file = "secret"
        [profiles.env]
        password_env = "MY_SECRET"
        """,
    )
    for name in ("here", "file", "env"):
        settings = resolve({"profile": name}, {"MY_SECRET": SECRET}, tmp_path)
        assert settings.address.password == SECRET, name


def test_files_of_a_profile_are_looked_for_beside_it(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    write(tmp_path, '[profiles.p]\nurl = "rediss://h"\ncacert = "ca.pem"\nread_only = true')
    settings = resolve({"profile": "p"}, {}, tmp_path)
    assert settings.address.tls == Tls(ca_file=str(tmp_path / "ca.pem"))
    assert settings.read_only


def test_without_a_profile_the_file_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, "this is no TOML")
    assert resolve({}, {}, tmp_path) == Settings()


def test_settings_show_no_password_and_cannot_be_changed() -> None:
    settings = resolve({"password": SECRET, "username": "ops"}, {}, NOWHERE)
    assert settings.address.password == SECRET
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
    assert SECRET not in f"{settings} {settings.address} {settings.address.label}"
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.interval = 2.0  # type: ignore[misc]


# --- passwords from files, and what a person should know


def test_a_password_file_gives_its_first_line(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\nsecond line\n")
    file.chmod(0o600)
    settings = resolve({"password_file": str(file)}, {"REDIS_PASSWORD": "weaker"}, NOWHERE)
    assert settings.address.password == SECRET
    assert settings.notices == ()
    assert "both give a password" in complaint({"password_file": str(file), "password": SECRET})
    file.write_text("\n")
    assert "first line" in complaint({"password_file": str(file)})
    file.write_bytes(b"\xff")
    assert "not UTF-8" in complaint({"password_file": str(file)})


@pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o640, True), (0o604, True), (0o400, False)])
def test_a_password_that_others_can_read_is_told(tmp_path: Path, mode: int, told: bool) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    file.chmod(mode)
    write(tmp_path, '[profiles.p]\npassword_file = "secret"')
    for settings in (
        resolve({"password_file": str(file)}, {}, NOWHERE),
        resolve({"profile": "p"}, {}, tmp_path),
    ):
        assert any(str(file) in notice and "others can read it" in notice for notice in settings.notices) == told
        assert SECRET not in "".join(settings.notices)
    assert resolve({"profile": "p", "password": "x"}, {}, tmp_path).notices == (), "then the file does not matter"


def test_a_password_inside_the_profiles_is_told_when_others_can_read_them(tmp_path: Path) -> None:
    write(tmp_path, f'[profiles.p]\npassword = "{SECRET}"\n[profiles.q]\nhost = "h"').joinpath("config.toml").chmod(
        0o644
    )
    assert len(resolve({"profile": "p"}, {}, tmp_path).notices) == 1
    assert resolve({"profile": "q"}, {}, tmp_path).notices == ()
    (tmp_path / "config.toml").chmod(0o600)
    assert resolve({"profile": "p"}, {}, tmp_path).notices == ()


def test_insecure_says_what_it_gives_up() -> None:
    (notice,) = resolve({"insecure": True, "host": "prod"}, {}, NOWHERE).notices
    assert "not verified" in notice
    assert "prod:6379" in notice
    assert resolve({"tls": True}, {}, NOWHERE).notices == ()


def test_a_lone_name_in_a_url_is_the_user_when_the_password_stands_beside_it(tmp_path: Path) -> None:
    def login(flags: dict[str, object], environ: dict[str, str] | None = None) -> tuple[str | None, str | None]:
        address = resolve(flags, environ or {}, tmp_path).address
        return address.username, address.password

    url = "redis://app@h"
    assert login({"url": url}) == (None, "app"), "as in redis-cli"
    assert login({"url": url, "password": SECRET}) == ("app", SECRET)
    assert login({"url": "redis://:pw@h", "password": SECRET}) == (None, SECRET)
    assert login({"url": "redis://u:pw@h", "password": SECRET}) == ("u", SECRET)
    write(tmp_path, f'[profiles.p]\nurl = "{url}"\npassword_env = "MINE"')
    assert login({"profile": "p"}, {"MINE": SECRET}) == ("app", SECRET)


# --- the way there


def test_ssh_sentinel_and_replica_reach_the_address(tmp_path: Path) -> None:
    flags = {"host": "s1", "sentinel": "mymaster", "replica": True, "ssh": "me@bastion"}
    address = resolve(flags, {"REDTOP_SENTINEL_PASSWORD": SECRET}, NOWHERE).address
    assert (address.sentinel, address.replica, address.ssh, address.port) == ("mymaster", True, "me@bastion", 26379)
    assert address.sentinel_password == SECRET
    assert SECRET not in repr(address)
    text = f"""
    [profiles.p]
    host = "s1"
    port = 26380
    ssh = "bastion"
    sentinel = "mymaster"
    sentinel_password = "{SECRET}"
    replica = true
    """
    address = resolve({"profile": "p"}, {}, write(tmp_path, text)).address
    assert (address.sentinel, address.replica, address.ssh, address.port) == ("mymaster", True, "bastion", 26380)
    assert address.sentinel_password == SECRET


def test_the_way_to_one_server_is_no_way_to_another(tmp_path: Path) -> None:
    write(
        tmp_path, f'[profiles.p]\nhost = "a"\nssh = "b"\nsentinel = "m"\nsentinel_password = "{SECRET}"\nreplica = true'
    )
    assert resolve({"profile": "p", "host": "other"}, {}, tmp_path).address == Address("other")
