# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""From the words of the command line and the config to checked Options.

Owns the form of what is typed: which options there are, where they may
stand, what goes with which command. Every fault is one BadInput sentence.
What names and URLs mean is checked by those who use them.
"""

import argparse
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from wyng_dom0.cli.command_table import COMMANDS
from wyng_dom0.cli.option_checks import (
    check_names,
    check_options,
    is_listed,
)
from wyng_dom0.cli.option_table import OPTIONS, Kind, OptionRow
from wyng_dom0.cli.rule_checks import check_rules, unheeded
from wyng_dom0.cli.suggestions import suggest, suggest_command
from wyng_dom0.cli.wyng_options import take_foreign
from wyng_dom0.commands.context import AUTHMIN_MAX, Options
from wyng_dom0.errors import BadInput
from wyng_dom0.names import (
    check_description,
    check_tags,
    parse_session_range,
    parse_session_spec,
    parse_tag,
    quote,
)
from wyng_dom0.portions import (
    parse_limit,
    parse_percent,
    parse_share,
    parse_time,
)
from wyng_dom0.rules import (
    RULE_OPTIONS,
    RuleBook,
    parse_book,
    parse_duration,
    parse_size,
)
from wyng_dom0.state.user_config import ConfigValue

# Rules of archives and volumes; no option, for it is nested.
_RETENTION = "retention"
# Commands of the user's own, as lists of words; never on the command line.
_COMMAND_KEYS = ("pre", "post")
CONFIG_KEYS = frozenset(
    {_RETENTION, *_COMMAND_KEYS}
    | {*(row.name for row in OPTIONS.values() if row.in_config)}
)

# Values that have a form of their own.
_PARSED: dict[str, Callable[[str], object]] = {
    "files_limit": parse_limit,
    "min_free_space": parse_size,
    "older_than": lambda text: parse_duration(text, "older-than"),
    "max_time": parse_time,
    "sample": parse_share,
}


@dataclass(frozen=True)
class HelpWanted:
    """The user asked for help, about one command or "" for all."""

    command: str


ReadConfig = Callable[[str | None], dict[str, ConfigValue]]


# From the archive's name and the state's place, each None where not said, to
# the options that the archive always has, in the form of the configuration.
ReadStanding = Callable[[str | None, str | None], dict[str, ConfigValue]]
# These look at several archives, or at one that is not there yet.
_ACROSS = frozenset({"status", "overdue", "overview", "arch-init", "configure"})
# These are about all archives unless one is typed: a default hides no other.
_OF_ALL = frozenset({"status", "overdue", "overview", "requests"})


def _nothing_stands(_: str | None, __: str | None) -> dict[str, ConfigValue]:
    return {}


def parse_options(
    words: Sequence[str],
    read_config: ReadConfig,
    has_terminal: bool,
    read_standing: ReadStanding = _nothing_stands,
) -> Options | HelpWanted:
    """What was meant; raises BadInput.

    `read_config` is called with --config's value or None and gives the
    user's configuration; what was typed goes before what stands there, and
    that before what the archive always has.
    """
    words, passed_over = take_foreign(words)
    _check_repeats(words)
    typed = _parse(words)
    command, names = _split_command(typed)
    if typed.help:
        return HelpWanted(command)
    check_options(command, typed)
    check_names(command, names, is_listed(typed))
    config = read_config(typed.config)
    nested = config.pop(_RETENTION, None)
    own = {key: _own_command(key, config) for key in _COMMAND_KEYS}
    configured = _config_words(config)
    of_config = _rules(_parse(configured))
    standing: dict[str, ConfigValue] = {}
    if command not in _ACROSS and getattr(typed, "from") is None:
        merged = _parse([*configured, *words])
        standing = read_standing(merged.archive, merged.meta_dir)
        # A set of rules counts as a whole.
        hidden = {*config, *(RULE_OPTIONS if of_config else ())}
        standing = {k: v for k, v in standing.items() if k not in hidden}
    standing_words = _config_words(standing)
    general = of_config or _rules(_parse(standing_words))
    book = parse_book(_rules(typed), general, nested)
    # Options that mean nothing to this command may stand in the config.
    merged = _parse([*standing_words, *configured, *words])
    if command in _OF_ALL:
        merged.archive = typed.archive
    check_rules(command, typed, merged, book.typed)
    passed_over += unheeded(command, typed, merged)
    options = _options(command, names, merged, book, has_terminal)
    return replace(
        options,
        pre=own["pre"],
        post=own["post"],
        passed_over=passed_over,
        from_config={key: _shown(value) for key, value in config.items()},
    )


def _shown(value: ConfigValue) -> str:
    """A value of the configuration as it would be typed."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(value) if isinstance(value, list) else str(value)


def _own_command(key: str, config: dict[str, ConfigValue]) -> tuple[str, ...]:
    value = config.pop(key, [])
    if not isinstance(value, list) or value and not value[0]:
        raise BadInput(
            f"the config's value under {quote(key)} must be a list of words:"
            " a command and its arguments, no shell",
            about=key,
        )
    return tuple(value)


def _rules(given: argparse.Namespace) -> dict[str, str | list[str]]:
    """The rules among some options, by their names."""
    values = vars(given)
    return {
        name: values[name.replace("-", "_")]
        for name in RULE_OPTIONS
        if values[name.replace("-", "_")]
    }


_SEE_HELP = ": --help behind a command shows its options"


class _Parser(argparse.ArgumentParser):
    """argparse with our one sentence instead of its usage and exit."""

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            # A name that begins so is rare, and would not be found out.
            raise BadInput(
                f"there is no option {quote(unknown)}{_SEE_HELP}, and names"
                " that begin with - stand behind a lone --"
            )
        raise BadInput(_sentence(message))


def _parse(words: Iterable[str]) -> argparse.Namespace:
    parser = _Parser(add_help=False, allow_abbrev=False, prog="qvm-wyng")
    for row in OPTIONS.values():
        _add_option(parser, row)
    parser.add_argument("words", nargs="*")
    words = _with_values(words)
    _check_flags(words)
    return parser.parse_intermixed_args(words)


def _add_option(parser: argparse.ArgumentParser, row: OptionRow) -> None:
    flags = [f"--{row.name}"] + ([f"-{row.short}"] if row.short else [])
    dest = row.name.replace("-", "_")
    if row.kind is Kind.FLAG:
        parser.add_argument(*flags, dest=dest, action="store_true")
    elif row.kind is Kind.COUNT:
        parser.add_argument(*flags, dest=dest, action="count", default=0)
    elif row.kind is Kind.LIST:
        parser.add_argument(*flags, dest=dest, action="append", default=[])
    else:
        parser.add_argument(*flags, dest=dest, default=None)


def _with_values(words: Iterable[str]) -> list[str]:
    """The words with --dedup and -d spelled out: bare, they mean on."""
    given = list(words)
    end = given.index("--") if "--" in given else len(given)
    bare = ("-d", "--dedup")
    return [
        "--dedup=on" if at < end and word in bare else word
        for at, word in enumerate(given)
    ]


def _check_flags(words: Sequence[str]) -> None:
    """Say which option is unknown before argparse says it worse."""
    for word in words:
        if word == "--":
            return
        if word.startswith("--"):
            _check_flag(word)


def _check_flag(word: str) -> None:
    name, equals, _ = word[2:].partition("=")
    if name in COMMANDS and name not in OPTIONS:
        raise BadInput(f"{name} is a command: leave its -- out")
    if name not in OPTIONS:
        raise BadInput(
            f"there is no option {quote('--' + name)}"
            + (suggest(name, OPTIONS, "--") or _SEE_HELP)
        )
    if equals and OPTIONS[name].kind in (Kind.FLAG, Kind.COUNT):
        raise BadInput(f"--{name} takes no value")


def _check_repeats(words: Sequence[str]) -> None:
    seen: set[str] = set()
    for word in words:
        if word == "--":
            return
        name = word[2:].split("=", 1)[0] if word.startswith("--") else ""
        if name in seen and OPTIONS[name].kind is Kind.VALUE:
            raise BadInput(f"--{name} was given twice")
        if name in OPTIONS:
            seen.add(name)


def _sentence(message: str) -> str:
    """argparse's words, made safe to print and one sentence of ours."""
    return quote(message.strip().rstrip("."))[1:-1]


def _split_command(typed: argparse.Namespace) -> tuple[str, tuple[str, ...]]:
    if not typed.words:
        if typed.help:
            return "", ()
        raise BadInput("no command was given: qvm-wyng --help shows them")
    command, *names = typed.words
    if command == "help":
        return _help_about(typed, names), ()
    if command not in COMMANDS:
        raise BadInput(
            f"there is no command {quote(command)}"
            + (
                suggest_command(command, COMMANDS)
                or ": qvm-wyng --help shows them"
            )
        )
    return command, tuple(names)


def _help_about(typed: argparse.Namespace, names: Sequence[str]) -> str:
    typed.help = True
    return names[0] if names and names[0] in COMMANDS else ""


def _config_words(config: dict[str, ConfigValue]) -> list[str]:
    """The configuration as if it had been typed in front."""
    words: list[str] = []
    for key, value in config.items():
        row = OPTIONS[key]
        is_flag = row.kind in (Kind.FLAG, Kind.COUNT)
        if isinstance(value, bool) and "off" in row.choices:
            # What YAML makes of a bare on or off.
            value = "on" if value else "off"
        if isinstance(value, dict) or is_flag != isinstance(value, bool):
            raise BadInput(
                f"the config's value under {quote(key)} must be"
                f" {'true or false' if is_flag else 'text'}",
                about=key,
            )
        if isinstance(value, list):
            words += [f"--{key}={each}" for each in value]
        elif isinstance(value, str):
            words.append(f"--{key}={value}")
        elif value:
            words.append(f"--{key}")
    return words


def _options(
    command: str,
    names: tuple[str, ...],
    merged: argparse.Namespace,
    book: RuleBook,
    has_terminal: bool,
) -> Options:
    values = vars(merged)
    for key in ("words", "help"):
        del values[key]
    for row in OPTIONS.values():
        if row.choices:
            _check_choice(row, values[row.name.replace("-", "_")])
    session, factor = values.pop("session"), values.pop("chunk_factor")
    for key in ("guard_data", "guard_metadata"):
        values[key] = _percent(key, values[key])
    values["authmin"] = _authmin(values["authmin"])
    values["from_"] = values.pop("from")
    values["as_"] = values.pop("as")
    local_from = values.pop("local_from")
    values["vols_from"] = values["vols_from"] or local_from
    # A qube is all its volumes.
    for qube in values["exclude"]:
        values["volex"] += [qube, f"{qube}:*"]
    for key in ("volex", "exclude", "keep_tag", "import_other_from"):
        values[key] = tuple(values[key])
    values["tag"] = _tags(command, values["tag"])
    if values["volume_desc"] is not None:
        check_description(values["volume_desc"])
    values["keep"] = tuple(map(parse_session_spec, values["keep"]))
    for key, parse in _PARSED.items():
        if values[key] is not None:
            values[key] = parse(values[key])
    values["unattended"] |= values["quiet"] or not has_terminal
    return Options(
        command=command,
        names=names,
        session=None if session is None else parse_session_range(session),
        chunk_factor=None if factor is None else int(factor),
        retention=book,
        **values,
    )


def _tags(command: str, given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """What --tag was given; `list` may also ask for `all`."""
    if command == "list":
        return tuple(
            (each, "") if each == "all" else parse_tag(each) for each in given
        )
    if "@" in given:
        raise BadInput("--tag=@ asks for no text here: give it, as --tag=ID")
    return check_tags([parse_tag(each) for each in given])


def _percent(key: str, value: str | None) -> int | None:
    if value is None:
        return None
    return parse_percent(key.replace("_", "-"), value)


def _authmin(value: str | None) -> int | None:
    if value is None:
        return None
    if not re.fullmatch("-1|[0-9]{1,2}", value) or int(value) > AUTHMIN_MAX:
        raise BadInput(
            f"--authmin takes minutes from -1 to {AUTHMIN_MAX}, not"
            f" {quote(value)}"
        )
    return int(value)


def _check_choice(row: OptionRow, value: str | None) -> None:
    if value is not None and value not in row.choices:
        raise BadInput(
            f"--{row.name} takes {', '.join(row.choices)}; not {quote(value)}"
        )
