from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import pytest

import tui
from tui import cli
from tui.demo import SYSTEMS, DemoError
from tui.engine.address import Address
from tui.settings import Settings

ROOT = Path(tui.__file__).resolve().parent.parent
SECRET = "s3cr3t-Wort"
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("REDIS", "TEXTUAL", "_REDTOP")) and name != "NO_COLOR"
} | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}

FAKES = """
import signal, sys, types
def module(name, **things):
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(things)
def dashboard(settings, *, demo=None):
    print("dashboard of", settings.address.label, flush=True)
    return 0
def wait(settings, stream):
    print("ready", flush=True)
    signal.pause()
def flood(settings, stream):
    for number in range(100_000):
        print("line", number, file=stream)
    return 0
def ask(settings, stream):
    print("given", settings.address.password == "s3cr3t-Wort", file=stream)
    return 0
"""


def redtop(*args: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui", *args],
        env=CLEAN | dict(env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def refused(*args: str, env: Mapping[str, str] | None = None, code: int = 2) -> str:
    done = redtop(*args, env=env)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("redtop: ")
    assert done.stderr.count("\n") == 1
    assert SECRET not in done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


class Looks:
    """Stands where the dashboard and the report will: remembers what it was started with."""

    def __init__(self) -> None:
        self.settings: Settings | None = None
        self.demo: Any = None
        self.what = ""
        self.code = 0
        self.error: BaseException | None = None

    def run(self, settings: Settings, *, demo: Any = None) -> int:
        return self._look("dashboard", settings, demo)

    def print_report(self, settings: Settings, stream: TextIO) -> int:
        assert stream is sys.stdout
        return self._look("report", settings, None)

    def _look(self, what: str, settings: Settings, demo: Any) -> int:
        self.what, self.settings, self.demo = what, settings, demo
        if self.error:
            raise self.error
        return self.code

    @property
    def address(self) -> Address:
        assert self.settings is not None
        return self.settings.address


class DemoDouble:
    """Stands for the demo, whose own tests start real servers."""

    last: DemoDouble | None = None
    error: DemoError | None = None
    port = 7777

    def __init__(self, **arguments: Any) -> None:
        DemoDouble.last = self
        self.arguments = arguments
        self.life = "prepared"

    def __enter__(self) -> DemoDouble:
        if DemoDouble.error:
            raise DemoDouble.error
        self.life = "running"
        return self

    def __exit__(self, *_: object) -> None:
        self.life = "gone"

    def wait_filled(self) -> int:
        self.life = "filled"
        raise TimeoutError


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    looks = Looks()
    for name, attribute in (("tui.app", "run"), ("tui.headless.report", "print_report")):
        module = types.ModuleType(name)
        setattr(module, attribute, getattr(looks, attribute))
        monkeypatch.setitem(sys.modules, name, module)
    for name in os.environ:
        if name.startswith("REDIS"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TEXTUAL_DRIVER", "one that knows where to draw")
    return looks


@pytest.fixture
def demos(monkeypatch: pytest.MonkeyPatch) -> type[DemoDouble]:
    monkeypatch.setattr(DemoDouble, "error", None)
    monkeypatch.setattr(DemoDouble, "last", None)
    monkeypatch.setattr(cli, "Demo", DemoDouble)
    return DemoDouble


# --- starting


def test_version_is_told_without_loading_anything_heavy() -> None:
    code = (
        "import sys; from tui.cli import main; code = main(['--version']);"
        "heavy = {'textual', 'rich', 'redis', 'hiredis', 'plotext', 'msgspec', 'platformdirs', 'asyncio', 'ssl'};"
        "print(code, sorted(heavy & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], env=CLEAN, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == [f"redtop {tui.__version__}", "0 []"]


def test_version_goes_to_stdout() -> None:
    done = redtop("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"redtop {tui.__version__}\n", "")


def test_help_is_enough_on_its_own() -> None:
    text = redtop("--help").stdout
    for heading in ("Commands", "Connection", "Session", "Environment", "Keys of the dashboard", "Exit codes"):
        assert re.search(f"^{heading}:", text, re.MULTILINE), heading
    for option in ("-h, --host", "-p, --port", "-a, --pass", "-n, --db", "-u, --url", "-s, --socket", "--tls"):
        assert option in text
    for name in ("REDIS_URL", "REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_PASSWORD", "REDISCLI_AUTH"):
        assert name in text
    assert max(map(len, text.splitlines())) <= 100


def test_help_of_the_demo_names_the_systems() -> None:
    text = " ".join(redtop("demo", "--help").stdout.split()).replace("- ", "-")
    for name in SYSTEMS:
        assert name in text


def test_dash_h_is_the_host_and_not_help(looks: Looks) -> None:
    assert cli.main(["-h", "cache"]) == 0
    assert looks.address == Address("cache")
    assert "requires an argument" in refused("-h")


def test_completion_offers_the_commands() -> None:
    env = {"_REDTOP_COMPLETE": "bash_complete", "COMP_WORDS": "redtop re", "COMP_CWORD": "1"}
    assert redtop(env=env).stdout == "plain,report\nplain,revoke\n"


# --- options become settings


def test_all_connection_options_arrive(looks: Looks, tmp_path: Path) -> None:
    file = tmp_path / "f.pem"
    file.touch()
    args = ["-h", "cache", "-p", "7000", "-a", "pw", "--user", "ops", "-n", "2", "--sni", "name", "--insecure"]
    args += ["--read-only", "--interval", "2"]
    args += ["--cacert", str(file), "--cert", str(file), "--key", str(file), "--scan-share", "10"]
    args += ["--ssh", "me@bastion", "--sentinel", "mymaster", "--replica"]
    args += ["--schema", "arketic", "--schema", "faultmaven", "--delimiter", "/", "--theme", "light", "--tls"]
    assert cli.main(args) == 0
    settings, tls = looks.settings, looks.address.tls
    assert settings is not None
    assert tls is not None
    assert (looks.address.host, looks.address.port, looks.address.db) == ("cache", 7000, 2)
    assert (looks.address.username, looks.address.password) == ("ops", "pw")
    assert (looks.address.ssh, looks.address.sentinel, looks.address.replica) == ("me@bastion", "mymaster", True)
    assert (tls.ca_file, tls.cert_file, tls.key_file) == (str(file),) * 3
    assert (tls.server_name, tls.insecure) == ("name", True)
    assert (settings.read_only, settings.interval, settings.scan_share) == (True, 2.0, 0.1)
    assert (settings.schemas, settings.delimiter, settings.theme) == (("arketic", "faultmaven"), "/", "light")


def test_without_options_it_is_the_dashboard_of_localhost(looks: Looks) -> None:
    assert cli.main([]) == 0
    assert (looks.what, looks.settings, looks.demo) == ("dashboard", Settings(), None)


def test_a_password_comes_from_a_file_and_the_later_source_wins(looks: Looks, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    file.chmod(0o600)
    for args in (["--passfile", str(file), "report"], ["-a", "other", "report", "--passfile", str(file)]):
        assert cli.main(args) == 0
        assert looks.address.password == SECRET
    assert cli.main(["--passfile", str(file), "report", "-a", "other"]) == 0
    assert looks.address.password == "other"
    assert "--passfile both give a password" in refused("--passfile", str(file), "-a", SECRET, "report")


def test_what_is_less_safe_than_it_could_be_is_said_beside_the_report(
    looks: Looks, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    file.chmod(0o644)
    assert cli.main(["report", "--insecure", "--passfile", str(file)]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "others can read it" in told.err
    assert "TLS is not verified" in told.err
    assert SECRET not in told.err
    assert cli.main(["--insecure"]) == 0
    assert capsys.readouterr().err == "", "the dashboard says it itself"


def test_the_environment_counts(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://u:pw@cache:7000/3")
    assert cli.main(["report"]) == 0
    assert looks.address == Address("cache", 7000, db=3, username="u", password="pw")


@pytest.mark.parametrize(
    ("args", "address"),
    [
        ("-h a report", Address("a")),
        ("report -h a", Address("a")),
        ("-h a -p 7000 report -h b", Address("b", 7000)),
        ("-h a -p 7000 report -u redis://b/1", Address("b", db=1)),
        ("-u redis://a:7000 report -h b", Address("b", 7000)),
        ("-h a report -s /s", Address(socket_path="/s")),
        ("-s /s report -h a", Address("a")),
        ("-n 3 report -n 0", Address()),
    ],
)
def test_options_stand_before_or_after_the_command_and_the_later_wins(
    looks: Looks, args: str, address: Address
) -> None:
    assert cli.main(args.split()) == 0
    assert looks.what == "report"
    assert looks.address == address


def test_a_profile_is_read_from_the_config_folder(
    looks: Looks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import platformdirs

    monkeypatch.setattr(platformdirs, "user_config_path", lambda name: tmp_path / name)
    (tmp_path / "redtop").mkdir()
    (tmp_path / "redtop" / "config.toml").write_text('[profiles.p]\nhost = "cache"')
    assert cli.main(["--profile", "p", "report"]) == 0
    assert looks.address == Address("cache")
    assert looks.settings is not None
    assert looks.settings.profile == "p"


# --- the demo


def test_the_demo_shows_its_own_server(looks: Looks, demos: type[DemoDouble], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://:{SECRET}@prod")
    assert cli.main(["demo", "--read-only", "--interval", "3"]) == 0
    assert demos.last is not None
    assert looks.what == "dashboard"
    assert looks.demo is demos.last
    expected = Settings(Address("127.0.0.1", 7777), read_only=True, interval=3.0, schemas=tuple(SYSTEMS))
    assert looks.settings == expected, "each system has a schema of its name"
    assert demos.last.arguments == {"port": None}
    assert demos.last.life == "gone"


def test_the_demo_is_told_what_it_should_be(looks: Looks, demos: type[DemoDouble]) -> None:
    systems = ["--system", "arketic", "--system", "faultmaven"]
    assert cli.main(["demo", *systems, "--keys", "0", "--seed", "0", "-p", "7001"]) == 0
    assert demos.last is not None
    expected = {"systems": ("arketic", "faultmaven"), "keys": 0, "seed": 0, "port": 7001}
    assert demos.last.arguments == expected
    assert cli.main(["-p", "7002", "demo"]) == 0
    assert demos.last.arguments == {"port": 7002}


def test_the_demo_once_prints_a_report_even_when_filling_takes_long(
    looks: Looks, demos: type[DemoDouble], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEXTUAL_DRIVER")
    assert cli.main(["demo", "--once"]) == 0
    assert looks.what == "report"
    assert demos.last is not None
    assert demos.last.life == "gone"


def test_a_demo_that_cannot_start_says_why(
    looks: Looks, demos: type[DemoDouble], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demos, "error", DemoError("No server found."))
    assert cli.main(["demo"]) == 3
    assert capsys.readouterr().err == "redtop: No server found.\n"


def test_the_demo_is_gone_after_an_error(looks: Looks, demos: type[DemoDouble]) -> None:
    looks.error = KeyboardInterrupt()
    assert cli.main(["demo"]) == 130
    assert demos.last is not None
    assert demos.last.life == "gone"


def test_the_demo_refuses_to_be_another_server() -> None:
    assert "leave -h/--host out" in refused("-h", "prod", "demo", "--once")
    assert "leave --profile out" in refused("--profile", "prod", "demo", "--once")
    assert "oauth-proxy" in refused("demo", "--system", "nobody", "--once")


# --- exit codes and streams


def test_the_exit_code_of_what_ran_is_the_exit_code(looks: Looks) -> None:
    looks.code = 3
    assert cli.main(["report"]) == 3
    assert cli.main([]) == 3


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["10.0.0.1"], "-h HOST or -u URL"),
        (["report", "10.0.0.1"], "-h HOST or -u URL"),
        ([f"redis://:{SECRET}@h"], "-u URL"),
        (["report", f":{SECRET}@h"], "-u URL"),
        (["reprot"], "did you mean 'report'"),
        (["\x1b[31mred"], "not a command"),
        (["--no-such-option"], "--no-such-option"),
        (["-p", "x", "report"], "-p/--port must be"),
        (["-p", SECRET, "report"], "-p/--port must be"),
        (["-u", f"http://:{SECRET}@h", "report"], "redis://"),
        (["-u", f"redis://:{SECRET}@h:x", "report"], "host and port"),
        (["--theme", "pink"], "dark"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(args: list[str], hint: str) -> None:
    sentence = refused(*args)
    assert hint in sentence
    assert "\x1b" not in sentence


def test_wrong_settings_are_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    assert "config.toml" in refused("report", "--profile", "p", env=env)
    assert "REDIS_URL" in refused("report", env={"REDIS_URL": f"nope://{SECRET}"})


def test_without_a_terminal_the_headless_way_is_named() -> None:
    assert "`redtop report`" in refused()
    assert "`redtop demo --once`" in refused("demo")


def test_a_fault_names_its_place_and_no_secret(looks: Looks, capsys: pytest.CaptureFixture[str]) -> None:
    looks.error = RuntimeError(SECRET)
    assert cli.main(["report"]) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(r"redtop: this is a fault in redtop \(RuntimeError at test_cli.py:\d+\); .*\n", said)
    assert SECRET not in said


def test_a_fault_is_shown_whole_on_request(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDTOP_TRACEBACK", "1")
    looks.error = RuntimeError("look here")
    with pytest.raises(RuntimeError, match="look here"):
        cli.main(["report"])


def script(body: str) -> list[str]:
    return [sys.executable, "-c", f"{FAKES}\n{body}"]


def test_a_closed_pipe_ends_it_quietly() -> None:
    body = "module('tui.headless.report', print_report=flood)\nfrom tui.cli import main\nsys.exit(main(['report']))"
    with subprocess.Popen(script(body), env=CLEAN, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 141


def test_ctrl_c_ends_it_quietly() -> None:
    body = "module('tui.headless.report', print_report=wait)\nfrom tui.cli import main\nsys.exit(main(['report']))"
    with subprocess.Popen(script(body), env=CLEAN, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
        assert process.wait(20) == 130


def test_output_that_is_not_utf_8_is_no_fault() -> None:
    body = (
        "module('tui.headless.report', print_report=lambda settings, stream: print('▲ µ', file=stream))\n"
        "from tui.cli import main\nsys.exit(main(['report']))"
    )
    env = CLEAN | {"PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run(script(body), env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "\\u25b2 \\xb5\n")


# --- a real terminal


def in_terminal(body: str, env: Mapping[str, str], typed: bytes = b"") -> tuple[int, str]:
    """Run a script whose three streams are a pseudo-terminal that also controls it; return code and screen."""
    master, slave = os.openpty()
    control = "import os, fcntl, termios\nos.setsid()\nfcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    process = subprocess.Popen(script(control + body), env=CLEAN | dict(env), stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    screen = b""
    try:
        while chunk := os.read(master, 4096):
            screen += chunk
            if typed and screen.endswith(b": "):
                os.write(master, typed)
                typed = b""
    except OSError:  # Linux says so when the other side is closed
        pass
    os.close(master)
    return process.wait(20), screen.decode()


DASHBOARD = "module('tui.app', run=dashboard)\nfrom tui.cli import main\nsys.exit(main(sys.argv[1:]))"


def test_in_a_terminal_the_dashboard_starts() -> None:
    assert in_terminal(DASHBOARD, {}) == (0, "dashboard of localhost:6379\r\n")


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_terminal_that_cannot_draw_is_refused(term: str) -> None:
    code, screen = in_terminal(DASHBOARD, {"TERM": term})
    assert code == 2
    assert screen.count("\n") == 1
    assert "`redtop report`" in screen


def test_an_asked_password_is_not_shown() -> None:
    main = "from tui.cli import main\nsys.exit(main(['--askpass', 'report']))"
    body = f"module('tui.headless.report', print_report=ask)\n{main}"
    code, screen = in_terminal(body, {}, typed=f"{SECRET}\n".encode())
    assert code == 0
    assert "Password: " in screen
    assert "given True" in screen
    assert SECRET not in screen
