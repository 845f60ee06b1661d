# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of qrexec policy: linted first, then put in place in one step.

A file with a fault, a bad name or half of its lines refuses every call of
the system, so none of ours ever has its name before it is whole. Only what
our own lines need of the grammar is let through.
"""

import re
from pathlib import Path

from wyng_dom0.errors import BadInput
from wyng_dom0.names import quote
from wyng_dom0.state import durable

FILE_MAX = 64 * 1024
_FILE = re.compile(r"[a-z0-9_-][a-z0-9_.-]*\.policy")
_SERVICE = re.compile(r"[A-Za-z0-9_.-]+")
_ARGUMENT = re.compile(r"\*|\+[A-Za-z0-9_.+-]*")
_NAME = r"[A-Za-z][A-Za-z0-9_.-]*"
_UUID = r"uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ANYBODY = rf"\*|@adminvm|@anyvm|@type:\w+|@tag:[A-Za-z0-9_.-]+|{_UUID}"
_DISPOSABLE = rf"@dispvm:{_NAME}"
_DISPOSABLES = rf"@dispvm:@tag:[A-Za-z0-9_.-]+|{_DISPOSABLE}"
_SOURCE = re.compile(rf"{_ANYBODY}|{_DISPOSABLES}|{_NAME}")
_TARGET = re.compile(rf"{_ANYBODY}|{_DISPOSABLES}|{_NAME}|@default|@dispvm")
# One that a call can be sent to, not all of a tag.
_REDIRECT = re.compile(rf"@adminvm|{_UUID}|{_DISPOSABLE}|{_NAME}|@dispvm")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_YES_NO = re.compile("yes|no")
_PARAMETERS = {
    "deny": {"notify": _YES_NO},
    "allow": {
        "target": _REDIRECT,
        "user": _USER,
        "notify": _YES_NO,
        "autostart": _YES_NO,
    },
    "ask": {
        "target": _REDIRECT,
        "default_target": _REDIRECT,
        "user": _USER,
        "notify": _YES_NO,
        "autostart": _YES_NO,
    },
}


def lint(text: str) -> None:
    """Raises BadInput for the first line that qrexec would not take."""
    if not text.isascii():
        raise BadInput("a policy has bytes that are not ASCII")
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            _lint_rule(number, line.split())


def install_policy(text: str, path: Path) -> None:
    """Make the file hold exactly this text, durably, all of it or what it
    held before; raises BadInput when qrexec would not take it."""
    if not _FILE.fullmatch(path.name):
        raise BadInput(
            f"{quote(path.name)} is no name of a policy file: lower case,"
            " digits, '_', '-', '.', ending in .policy"
        )
    lint(text)
    # By its name no policy: a dot in front, another ending.
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with open(temporary, "xb") as file:
            file.write(text.encode("ascii"))
            file.flush()
            durable.sync_file(file.fileno())
        temporary.chmod(0o644)
        durable.put_in_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _lint_rule(number: int, words: list[str]) -> None:
    if len(words) < 5:
        raise _fault(number, "needs SERVICE ARGUMENT SOURCE TARGET ACTION")
    service, argument, source, target, action, *parameters = words
    if service != "*" and not _SERVICE.fullmatch(service):
        raise _fault(number, f"has the service {quote(service)}")
    if not _ARGUMENT.fullmatch(argument) or (
        service == "*" and argument != "*"
    ):
        raise _fault(number, f"has the argument {quote(argument)}")
    if not _SOURCE.fullmatch(source):
        raise _fault(number, f"has the source {quote(source)}")
    if not _TARGET.fullmatch(target):
        raise _fault(number, f"has the target {quote(target)}")
    if action not in _PARAMETERS:
        raise _fault(number, f"has the action {quote(action)}")
    given = _parameters(number, action, parameters)
    if target == "@default" and action == "allow" and "target" not in given:
        raise _fault(number, "allows @default without target=")


def _parameters(number: int, action: str, words: list[str]) -> set[str]:
    given: set[str] = set()
    for word in words:
        key, _, value = word.partition("=")
        pattern = _PARAMETERS[action].get(key)
        if pattern is None or key in given or not pattern.fullmatch(value):
            raise _fault(number, f"has {quote(word)} behind {action}")
        given.add(key)
    return given


def _fault(number: int, what: str) -> BadInput:
    return BadInput(f"line {number} of the policy {what}")
