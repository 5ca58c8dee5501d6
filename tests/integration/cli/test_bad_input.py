"""Each mistake on the command line gets one clear sentence and its exit code; nothing is asked."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from entrypoints.devstack.children import free_port
from entrypoints.devstack.servers import Postgres
from entrypoints.settings import Settings
from tests.support.terminal import run

ROOT = Path(__file__).parents[3]
PLACE = ("place", "--concert", "concertA", "--client", "ann", "--seat", "1-1")
NOWHERE = ("place", "--concert", "concertA", "--client", "ann", "--seat")
MISTAKES: list[tuple[Sequence[str], str]] = [
    (("nope",), "No such command 'nope'"),
    (("palce",), "No such command 'palce'. Did you mean 'place'? See `box-office --help`."),
    (("place",), "Missing option '--concert'"),
    ((*PLACE, "--wrong"), "No such option: --wrong"),
    ((*NOWHERE, "3"), "--seat: '3' is not a seat: write ROW-NUMBER"),
    ((*NOWHERE, "0-1"), "--seat: '0-1' is not a seat"),
    ((*PLACE, "--id", "a b"), "--id: 'a b' is no id: 1 to 64 of A-Z a-z 0-9 _ -"),
    ((*PLACE, "--id", "x" * 65), "is no id"),
    (("place", "--concert", "c", "--client", "", "--seat", "1-1"), "--client: '' is no id"),
    (("pay", "b1", "--amount", "-1"), "--amount: '-1' is no amount: 0 to 9223372036854775807"),
    (("pay", "b1", "--amount", str(2**63)), "--amount: '9223372036854775808' is no amount"),
    (("pay", "b1", "--amount", "10.00"), "--amount: '10.00' is no amount"),
    (("pay", "b1", "--payment-id", "?"), "'?' is no id"),
    (("cancel", "b1"), "Missing option '--reason'"),
    (("cancel", "b1", "--reason", ""), "--reason: has 0 characters; 1 to 200 are allowed"),
    (("cancel", "b1", "--reason", "x" * 201), "has 201 characters"),
    (("show", "b/1"), "BOOKING: 'b/1' is no id"),
    (("history", ""), "BOOKING: '' is no id"),
    (("list",), "--client, --concert: give exactly one of the two"),
    (("list", "--client", "a", "--concert", "c"), "give exactly one of the two"),
    (("list", "--client", "a", "--status", "denied"), "--status: goes with --concert"),
    (("list", "--concert", "c", "--status", "open"), "'open' is none of awaiting_confirmation"),
    (("list", "--client", "a", "--before", "!"), "--before: '!' is no id"),
    (("seats", "c c"), "CONCERT: 'c c' is no id"),
    (("concert", "add", "no-such-file"), "FILE: no-such-file cannot be read: No such file"),
    (("concert", "add", "/dev/zero"), "FILE: /dev/zero has more than 1048576 bytes"),
    (("client-filter", "a b"), "CLIENT: 'a b' is no id"),
    (("codec-server",), "BOX_OFFICE_PAYLOAD_KEYS: the keys to decode with"),
    (("mail", "--unsent", "--client", "ann"), "--unsent: lists everybody's"),
    (("mail", "--client", "a b"), "--client: 'a b' is no id"),
    (("mail", "--booking", "/"), "--booking: '/' is no id"),
    (("up", "--process", "magic"), "'orchestrated' or 'choreographed'"),
    (("up", "--temporal-port", "x"), "--temporal-port': Input should be a valid integer"),
    (("dead-letters", "nope"), "No such command 'nope'"),
    (("deployment", "drain", "1"), "--deployment: give one with --deployment, or set TEMPORAL_"),
    (("deployment", "drain", "1", "--deployment", "a.b"), "NAME: 'a.b' contains one of"),
    (("deployment", "move", "1"), "Missing argument 'TO'"),
    (("replay",), "Missing option '--since'"),
    (("replay", "--since", "soon"), "--since: 'soon' is no duration: 1 to 9999 and s, m, h or d"),
    (("replay", "--since", "0d"), "--since: '0d' is no duration"),
    (("replay", "--since", "99999d"), "--since: '99999d' is no duration"),
]
LOGGING_COMMAND = """
import logging
from entrypoints.cli import app as cli
cli.invoke = lambda _: logging.getLogger("asyncio").error("a connection was lost") or 0
cli.main()
"""
ASKS_FOR_SETTINGS = """
from entrypoints.settings import temporal_address
from entrypoints.cli.app import invoke
print(temporal_address())
invoke(["lag"])
"""
VARIABLES = [
    ({"BOX_OFFICE_TYPO": "1"}, "unknown BOX_OFFICE_TYPO; allowed: BOX_OFFICE_CLIENT_PATIENCE"),
    ({"BOX_OFFICE_DATABASE_URL": "secret"}, "BOX_OFFICE_DATABASE_URL: Input should be a valid URL"),
    ({"BOX_OFFICE_PROCESS": "x"}, "BOX_OFFICE_PROCESS: Input should be 'orchestrated' or"),
    ({"BOX_OFFICE_LATE_PAYMENT": "x"}, "BOX_OFFICE_LATE_PAYMENT: Input should be 'reinstate'"),
    ({"BOX_OFFICE_PAYLOAD_KEYS": ""}, "BOX_OFFICE_PAYLOAD_KEYS: entry 1: allowed is id:base64"),
    ({"BOX_OFFICE_PAYLOAD_KEYS": "k1:c2VjcmV0"}, "entry 1: key k1 has 6 bytes; 16, 24 or 32"),
    ({"BOX_OFFICE_CODEC_TOKEN": "secret"}, "BOX_OFFICE_CODEC_TOKEN: Value should have at least 16"),
    ({"BOX_OFFICE_CODEC_ORIGINS": "*"}, "BOX_OFFICE_CODEC_ORIGINS.0: Value should be scheme, host"),
    ({"BOX_OFFICE_SMTP_URL": "secret"}, "BOX_OFFICE_SMTP_URL: Value should be smtp://host[:port]"),
    (
        {"BOX_OFFICE_SMTP_URL": "smtp://mail:secret"},
        "_SMTP_URL: Value should be smtp://host[:port]",
    ),
    ({"BOX_OFFICE_SMTP_URL": "smtp://mail:99999"}, "_SMTP_URL: Value should be smtp://host[:port]"),
    ({"BOX_OFFICE_SMTP_URL": "smtp://mail:0"}, "_SMTP_URL: Value should be smtp://host[:port]"),
    ({"BOX_OFFICE_SMTP_URL": "smtp://[::1"}, "_SMTP_URL: Value should be smtp://host[:port]"),
    ({"BOX_OFFICE_SMTP_URL": "smtp://u:secret@"}, "_SMTP_URL: Value should be smtp://host[:port]"),
    ({"BOX_OFFICE_MAIL_FROM": "us"}, "BOX_OFFICE_MAIL_FROM: Value should be name@domain"),
    ({"BOX_OFFICE_METRICS_ADDRESS": "a:70000"}, "METRICS_ADDRESS: Value should be host:port"),
    ({"BOX_OFFICE_HEALTH_ADDRESS": "8080"}, "BOX_OFFICE_HEALTH_ADDRESS: Value should be host:port"),
    ({"BOX_OFFICE_REMINDER_BEFORE_SECONDS": "-1"}, "greater than or equal to 0"),
]


@pytest.mark.parametrize(("arguments", "words"), MISTAKES, ids=lambda value: str(value)[:40])
async def test_a_mistake_is_named_with_exit_code_2(
    arguments: Sequence[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.delenv("TEMPORAL_DEPLOYMENT_NAME", raising=False)
    as_text = await run(*arguments)
    as_json = await run(*arguments, "--json") if arguments[0] != "up" else None
    assert (as_text.exit_code, as_text.stdout) == (2, ""), as_text
    assert words in as_text.stderr
    assert as_text.stderr.count("\n") == 1
    if as_json:
        assert as_json.exit_code == 2
        assert json.loads(as_json.stdout)["error"]["type"] == "BadInput"


@pytest.mark.parametrize(("variables", "words"), VARIABLES, ids=str)
async def test_a_wrong_setting_is_named_and_its_value_is_not_shown(
    variables: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ran = await run("lag")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert words in ran.stderr
    assert "secret" not in ran.stderr


def test_a_file_of_settings_counts_as_the_environment_does(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BOX_OFFICE_TYPO=1\nTEMPORAL_ADDRESS=127.0.0.1:1\n")
    command, environment = (sys.executable, "-c", ASKS_FOR_SETTINGS), {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True)
    assert ran.stdout == b"127.0.0.1:1\n"
    assert ran.stderr.startswith(b"settings: unknown BOX_OFFICE_TYPO; allowed: ")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "Invalid JSON"),
        ("{}", "should be a valid array"),
        ('[{"concert_id": "c"}]', "0.title: Field required"),
    ],
)
async def test_a_wrong_file_of_concerts_says_where(
    tmp_path: Path, content: str, words: str
) -> None:
    file = tmp_path / "concerts.json"
    file.write_text(content)
    ran = await run("concert", "add", str(file))
    assert ran.exit_code == 2
    assert words in ran.stderr


async def test_help_is_printed_without_a_command() -> None:
    assert "Commands:" in (await run()).stderr
    assert (await run("place", "--help")).exit_code == 0


@pytest.mark.parametrize("group", [(), ("concert",), ("deployment",), ("dead-letters",)])
async def test_every_command_is_told_in_one_whole_line(group: Sequence[str]) -> None:
    _, _, commands = (await run(*group, "--help")).stdout.partition("Commands:")
    assert commands
    assert [line for line in commands.splitlines() if line.endswith("...")] == []


def test_what_libraries_log_is_shown_to_those_who_debug_only() -> None:
    def logs(*arguments: str) -> bytes:
        command = (sys.executable, "-c", LOGGING_COMMAND, *arguments)
        return subprocess.run(command, capture_output=True).stderr

    assert logs("lag") == b""
    assert b"a connection was lost" in logs("lag", "--debug")


ASK_POSTGRES = (
    *(" ".join(PLACE), "pay b1", "show b1", "history b1", "list --client ann", "seats concertA"),
    *("concert list", "migrate", "verify", "rebuild-views", "lag", "dead-letters list"),
    *("consumers", "mail --unsent"),
)
ASK_TEMPORAL = (
    *(" ".join(PLACE), "cancel b1 --reason ill", "restart-processes", "consumers"),
    *("replay --since 1d", "deployment drain 1 --deployment tickets"),
)


@pytest.mark.parametrize("line", ASK_POSTGRES)
async def test_without_postgres_the_server_is_named_and_its_password_is_not(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    url = f"postgresql://box_office:pass-word@127.0.0.1:{port}/box_office"
    monkeypatch.setenv("BOX_OFFICE_DATABASE_URL", url)
    ran = await run(*line.split())
    assert (ran.exit_code, ran.stdout) == (5, ""), ran
    assert ran.stderr.startswith(f"Postgres at 127.0.0.1:{port}/box_office is unreachable")
    assert "Start it with `box-office up`. Nothing was lost" in ran.stderr
    assert "pass-word" not in ran.stderr


async def test_a_failure_as_json_is_one_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOX_OFFICE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    ran = await run("lag", "--json")
    told = json.loads(ran.stdout)["error"]
    assert (ran.exit_code, told["type"], told["server"]) == (5, "Unreachable", "Postgres")
    assert told["address"] == "127.0.0.1:1/nothing"


@pytest.mark.parametrize("line", ASK_TEMPORAL)
async def test_without_temporal_the_server_is_named(
    servers: Settings, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    ran = await run(*line.split())
    assert ran.exit_code == 5
    assert ran.stderr.startswith(f"Temporal at {address} is unreachable")
    assert "Nothing was lost" in ran.stderr


async def test_a_namespace_that_is_not_there_is_a_wrong_setting(
    servers: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "nowhere")
    ran = await run(*PLACE)
    assert ran.exit_code == 2
    assert ran.stderr.startswith("TEMPORAL_NAMESPACE: Namespace nowhere is not found")


async def test_a_database_without_our_schemas_is_told_from_one_that_is_down(
    servers: Settings, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_DATABASE_URL", postgres.url("postgres"))
    ran = await run("list", "--client", "ann")
    assert ran.exit_code == 5
    assert "box-office migrate" in ran.stderr
