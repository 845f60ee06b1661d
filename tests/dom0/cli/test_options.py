# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What may be typed, where, and what each fault says."""

import re

import pytest

from wyng_dom0.cli.command_table import COMMANDS
from wyng_dom0.cli.help import help_text
from wyng_dom0.cli.option_table import OPTIONS
from wyng_dom0.cli.options import (
    CONFIG_KEYS,
    HelpWanted,
    parse_options,
)
from wyng_dom0.commands.context import Options
from wyng_dom0.errors import BadInput
from wyng_dom0.names import SessionName, SessionRange
from wyng_dom0.state.user_config import ConfigValue


def parse(
    line: str,
    config: "dict[str, ConfigValue] | None" = None,
    terminal: bool = True,
) -> Options:
    parsed = parse_options(line.split(), lambda _: config or {}, terminal)
    assert isinstance(parsed, Options)
    return parsed


@pytest.mark.parametrize(
    "line",
    [
        "--local=/d --dry-run send a b",
        "send --local=/d a --dry-run b",
        "send a b --local /d --dry-run",
        "send a --dry-run --local=/d -- b",
    ],
)
def test_options_stand_anywhere(line: str) -> None:
    options = parse(line)
    assert options.command == "send" and options.names == ("a", "b")
    assert options.local == "/d" and options.dry_run


def test_name_with_a_leading_dash_stands_behind_two() -> None:
    assert parse("send -- -disk --all").names == ("-disk", "--all")


def test_values_become_what_they_mean() -> None:
    options = parse("prune --session=20260101-000000,20260201-000000")
    assert options.session == SessionRange(
        SessionName("20260101-000000"), SessionName("20260201-000000")
    )
    options = parse("arch-init --chunk-factor=6 --encrypt=off -vv")
    assert options.chunk_factor == 6 and options.verbose == 2
    assert parse("send --volex=a --volex=b").volex == ("a", "b")
    assert parse("list --from=internal:/x").from_ == "internal:/x"


@pytest.mark.parametrize(
    "line, said",
    [
        ("", "no command"),
        ("sned", "did you mean send?"),
        ("frobnicate", "--help shows them"),
        ("list --jsno", "did you mean --json?"),
        ("list --js", "no option '--js'"),
        ("list -z", "no option '-z': --help behind a command"),
        ("list --session=newest -z", "names that begin with - stand behind"),
        ("--version", "version is a command"),
        ("restore a", "did you mean receive?"),
        ("init", "did you mean arch-init?"),
        ("list --session", "expected one argument"),
        ("list --json=yes", "--json takes no value"),
        ("list --chunk-factor=2", "means nothing to list"),
        ("arch-init --chunk-factor=0", "--chunk-factor takes 1, 2"),
        ("arch-init --chunk-factor=7", "not '7'"),
        ("arch-init --chunk-factor=two", "not 'two'"),
        ("arch-init --hashtype=md5", "sha256, blake2b; not 'md5'"),
        ("arch-init --encrypt=xor", "aes-256-gcm, off"),
        ("arch-init --dedup-domain=x", "qube, archive"),
        ("arch-init a", "takes no name, but got 'a'"),
        ("send --vols-from=x a", "names of volumes contradict"),
        ("send --vols-from=x --all", "--all contradict"),
        ("send --local-from=x --local=/x", "--local contradict"),
        ("receive --vols-from=x --save-to=x", "--save-to contradict"),
        ("verify --vols-from=x --local-from=x", "are the same"),
        ("prune --vols-from=x", "means nothing to prune"),
        ("arch-init --dest=internal:/x --subdir=/y", "leave its '/' out"),
        ("receive", "takes VOLUME..., but got 0"),
        ("rename a", "takes OLD NEW, but got 1"),
        ("rename a b c", "takes OLD NEW, but got 3"),
        ("delete a b", "takes [VOLUME], but got 2"),
        ("version x", "takes no name"),
        ("prune --all a", "contradict"),
        ("send a --tag=@", "asks for no text"),
        ("receive a --session=2026", "YYYYMMDD-HHMMSS"),
        ("receive a --session=20260231-000000", "no date"),
        (
            "receive a --session=20260101-000000 --session=20260102-000000",
            "--session was given twice",
        ),
    ],
)
def test_fault_is_one_sentence(line: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(line)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_hostile_words_are_shown_escaped() -> None:
    for words in (["\x1b[31m"], ["list", "--\x1b[31m"], ["list", "\x1b", "x"]):
        try:
            parse_options(words, lambda _: {}, True)
        except BadInput as error:
            assert str(error).isprintable()


def test_typed_goes_before_configured() -> None:
    config: dict[str, ConfigValue] = {
        "compression": "zstd:9",
        "json": True,
        "volex": ["a"],
        "dest": "internal:/x",
    }
    options = parse("send --compression=zstd:1 --volex=b", config)
    assert options.compression == "zstd:1"
    assert options.json and options.volex == ("a", "b")
    assert parse("send", config).compression == "zstd:9"


@pytest.mark.parametrize(
    "config", [{"json": "yes"}, {"local": True}, {"chunk-factor": "9"}]
)
def test_configured_nonsense_is_refused(
    config: "dict[str, ConfigValue]",
) -> None:
    with pytest.raises(BadInput):
        parse("send", config)


def test_dangerous_options_are_no_config_keys() -> None:
    never = {"force", "session", "save-to", "all", "all-before", "unattended"}
    assert not never & CONFIG_KEYS
    assert "force-allow-rollback" not in CONFIG_KEYS


def test_no_terminal_and_quiet_mean_unattended() -> None:
    assert not parse("send").unattended
    assert parse("send -u").unattended
    assert parse("send --quiet").unattended
    assert parse("send", terminal=False).unattended


@pytest.mark.parametrize("line", ["--help", "help", "send --help", "help send"])
def test_help_is_asked_for_in_any_way(line: str) -> None:
    parsed = parse_options(line.split(), lambda _: {}, True)
    assert parsed == HelpWanted("send" if "send" in line else "")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_a_screen_and_has_an_example(command: str) -> None:
    text = help_text(command)
    assert "Example: qvm-wyng " in text
    # The list of all commands has one line for each.
    assert len(text.splitlines()) <= (24 if command else 44)
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_chooses_a_session(command: str) -> None:
    if "session" in COMMANDS[command].options:
        assert "--session=SESSION[,SESSION] " in help_text(command)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_every_option(command: str) -> None:
    named = set(re.findall(r"--([a-z][a-z-]*)", help_text(command)))
    assert COMMANDS[command].options <= named


@pytest.mark.parametrize("command", COMMANDS)
def test_each_example_is_understood(command: str) -> None:
    assert parse(COMMANDS[command].example).command == command


def test_tables_name_the_same_options() -> None:
    used = frozenset().union(*(row.options for row in COMMANDS.values()))
    assert used == set(OPTIONS)
    assert {row.name.replace("-", "_") for row in OPTIONS.values()} - {
        "help",
        "as",
        "from",
        "local_from",
    } <= set(vars(Options("x")))
