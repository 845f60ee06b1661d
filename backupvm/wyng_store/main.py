# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The command `wyng-store`: arguments, printing, exit codes.

The only module of the store that prints. `serve` prints at most one line,
on stderr, and nothing on stdout, which carries the protocol.
"""

# Speaking to the user is what this module is for.
# ruff: noqa: T201

import argparse
import json
import os
import sys
import warnings
from pathlib import Path
from time import time
from typing import Callable, FrozenSet, NoReturn, Optional, Sequence

from wyng_common.errors import FormatError, WyngError
from wyng_common.ids import StagingToken
from wyng_common.messages import Capability
from wyng_store import __version__, configuration, errors, rounds
from wyng_store.admission import Call, admit, admit_ssh
from wyng_store.archive import Archive, open_for_reading
from wyng_store.bundling import bundle
from wyng_store.configuration import Configuration, load_configuration
from wyng_store.deduplicating import deduplicate
from wyng_store.filesystem import locate
from wyng_store.places import Place, Resolve, below, fixed
from wyng_store.policy import DAY_SECONDS, Policy
from wyng_store.reclaiming import reclaim
from wyng_store.recovering import open_for_writing
from wyng_store.relay import relay
from wyng_store.scrubbing import Scrubbed, scrub
from wyng_store.serve import serve_place
from wyng_store.statistics import measure

DONE, ERROR, INTEGRITY, NOT_READY, NOT_FOUND, BAD_INPUT = 0, 1, 4, 5, 6, 9
# As qrexec says that its policy refuses a call.
REFUSED = 126
_CODES = (
    (errors.BadInput, BAD_INPUT),
    (errors.ConfigFault, BAD_INPUT),
    (errors.Refused, REFUSED),
    (errors.NotReady, NOT_READY),
    (errors.NoArchive, NOT_FOUND),
    (errors.Busy, NOT_READY),
    (errors.Full, NOT_READY),
    (errors.Damage, INTEGRITY),
    (errors.IndexDamaged, INTEGRITY),
    (FormatError, INTEGRITY),
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise errors.BadInput(message)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run one command; gives the exit code. Never a traceback for what can
    be expected."""
    warnings.showwarning = _show_warning
    try:
        options = _parse(arguments)
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except (WyngError, OSError) as error:
        print(f"wyng-store: {error}", file=sys.stderr)
        return _exit_code(error)
    except KeyboardInterrupt:
        return ERROR


def _exit_code(error: Exception) -> int:
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return ERROR


def _parse(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = _Parser(prog="wyng-store", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serving = commands.add_parser("serve", help="serve stdin and stdout")
    names = [capability.name.lower() for capability in Capability]
    serving.add_argument(
        "--allow", action="append", required=True, choices=names
    )
    serving.add_argument(
        "--quota",
        type=_natural,
        default=0,
        metavar="BYTES",
        help="how much all packs may take",
    )
    serving.add_argument(
        "--delete-delay",
        type=_natural,
        default=0,
        metavar="DAYS",
        help="how long what was released or deleted is kept",
    )
    serving.add_argument(
        "--root",
        action="append",
        default=[],
        type=Path,
        metavar="DIRECTORY",
        help="serve whatever directory below it a client names",
    )
    serving.add_argument("directory", type=Path, nargs="?")
    serving.set_defaults(command=_serve)
    service = commands.add_parser("service", help="answer a call of qrexec")
    service.add_argument("capability", choices=names)
    service.set_defaults(command=_service)
    sub = commands.add_parser("scrub-due", help="scrub what wasn't for long")
    sub.add_argument("--days", type=_natural, default=7)
    sub.set_defaults(command=_scrub_due)
    for name, (command, text) in _COMMANDS.items():
        sub = commands.add_parser(name, help=text)
        sub.set_defaults(command=command)
        if name == "stat":
            sub.add_argument("--json", action="store_true")
        if name == "check":
            sub.add_argument("--digests", action="store_true")
    for name, sub in commands.choices.items():
        if name not in _NO_DIRECTORY:
            sub.add_argument("directory", type=Path)
    return parser.parse_args(arguments)


def _natural(text: str) -> int:
    """A whole number that is not negative."""
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    granted = frozenset(Capability[name.upper()] for name in options.allow)
    try:
        policy = Policy(options.quota, options.delete_delay * DAY_SECONDS)
        serve_place(0, 1, _serving(options, granted, policy))
    except FormatError as error:
        # Of the protocol, not of the archive.
        raise errors.StoreError(str(error)) from error
    return DONE


def _serving(
    options: argparse.Namespace,
    granted: FrozenSet[Capability],
    policy: Policy,
) -> Resolve:
    if bool(options.root) == (options.directory is not None):
        raise errors.BadInput("serve takes a directory, or --root")
    if options.root:
        return below(options.root, granted, policy)
    return fixed(Place(locate(options.directory), granted, policy))


def _service(options: argparse.Namespace) -> int:
    capability = Capability[options.capability.upper()]
    resolve = admit(_configuration(), _call(), capability)
    try:
        serve_place(0, 1, resolve)
    except FormatError as error:
        raise errors.StoreError(str(error)) from error
    return DONE


def _relay(options: argparse.Namespace) -> int:
    host, allowed = admit_ssh(_configuration(), _call())
    return relay(0, 1, host, allowed)


def _bundle(options: argparse.Namespace) -> int:
    with open(1, "wb", closefd=False) as file:
        file.write(bundle())
    return DONE


def _configuration() -> Configuration:
    return load_configuration(configuration.FILES, Path.home())


def _call() -> Call:
    """Who calls with what, as qrexec says in the environment."""
    return Call(
        os.environ.get("QREXEC_REMOTE_DOMAIN", ""),
        os.environ.get("QREXEC_SERVICE_ARGUMENT", ""),
    )


def _check(options: argparse.Namespace) -> int:
    archive = open_for_reading(locate(options.directory))
    try:
        found = scrub(archive, options.digests, counts=True)
        return _report(archive, found)
    finally:
        archive.close()


def _scrub(options: argparse.Namespace) -> int:
    archive = open_for_writing(locate(options.directory))
    try:
        found = scrub(archive, digests=True, counts=True)
        return _report(archive, found)
    finally:
        archive.close()


def _report(archive: Archive, found: Scrubbed) -> int:
    state = archive.index.load_state()
    if not found.is_whole:
        chain = "whole" if found.chain_intact else "broken"
        print(
            f"DAMAGED: {found.missing} blobs missing, {found.damaged} "
            f"unreadable, chain of commits {chain}"
        )
        return INTEGRITY
    healed = "" if found.counts_agreed else "; the index was wrong and is new"
    print(
        f"whole: {len(archive.chain.sequences())} commits, "
        f"{state.live_rows} live blobs, {state.live_bytes} bytes{healed}"
    )
    if found.spoiled:
        print(
            f"DAMAGED: {found.spoiled} places in packs that cost nothing yet:"
            " second copies, dead frames, headers or footers"
        )
        return INTEGRITY
    return DONE


def _scrub_due(options: argparse.Namespace) -> int:
    """One after the other; what is wrong with one keeps none from its turn."""
    worst = DONE
    for directory in rounds.list_archives(_configuration()):
        if not rounds.is_due(directory, options.days * DAY_SECONDS, time()):
            continue
        try:
            found = rounds.make_round(directory)
        except (WyngError, OSError) as error:
            print(f"wyng-store: {directory}: {error}", file=sys.stderr)
            worst = max(worst, _exit_code(error))
            continue
        if found.is_whole and not found.spoiled:
            rounds.note_round(directory, time())
            print(f"{directory}: whole, {found.read_bytes} bytes read")
            continue
        print(
            f"{directory}: DAMAGED: {found.missing} blobs missing,"
            f" {found.damaged} unreadable, {found.spoiled} other places",
            file=sys.stderr,
        )
        worst = max(worst, INTEGRITY)
    return worst


def _rebuild(options: argparse.Namespace) -> int:
    archive = open_for_writing(locate(options.directory))
    try:
        finding = archive.rebuild()
        if finding.is_whole:
            print(f"rebuilt: {archive.index.state.rows} blobs, all found")
            return DONE
        print(f"rebuilt: {finding.missing_count} blobs are missing")
        return INTEGRITY
    finally:
        archive.close()


def _stat(options: argparse.Namespace) -> int:
    archive = open_for_reading(locate(options.directory))
    try:
        numbers = vars(archive.healing(lambda: measure(archive)))
    finally:
        archive.close()
    if options.json:
        print(json.dumps(numbers))
        return DONE
    for name, value in numbers.items():
        print(f"{name.replace('_', ' ')}: {value}")
    return DONE


def _reclaim(options: argparse.Namespace) -> int:
    archive = open_for_writing(locate(options.directory))
    try:
        freed, pending = reclaim(archive, StagingToken.zero(), 0)
    finally:
        archive.close()
    print(f"freed {freed} bytes, {pending} pending")
    return NOT_READY if pending else DONE


def _deduplicate(options: argparse.Namespace) -> int:
    archive = open_for_writing(locate(options.directory))
    try:
        found = deduplicate(archive, StagingToken.zero(), 0)
    finally:
        archive.close()
    print(
        f"{found.frames} frames of {found.bytes} bytes lay there twice;"
        f" freed {found.freed} bytes, {found.pending} pending"
    )
    return NOT_READY if found.pending else DONE


def _version(options: argparse.Namespace) -> int:
    print(f"wyng-store {__version__}")
    return DONE


_COMMANDS = {
    "check": (_check, "count everything again and compare"),
    "scrub": (_scrub, "read everything again, mark what is damaged"),
    "rebuild": (_rebuild, "make the index again from packs and log"),
    "stat": (_stat, "numbers of an archive"),
    "reclaim": (_reclaim, "give back what is dead"),
    "deduplicate": (_deduplicate, "drop what lies there twice"),
    "relay": (_relay, "carry a call of qrexec over ssh"),
    "bundle": (_bundle, "this program as one file, to standard output"),
    "version": (_version, "the version"),
}
# Those that take a directory of their own kind, or none.
_NO_DIRECTORY = ("serve", "service", "scrub-due", "relay", "bundle", "version")


def _show_warning(message: "Warning | str", *_: object, **__: object) -> None:
    """One line instead of a place in the source."""
    os.write(2, f"wyng-store: {message}\n".encode())
