# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`key list|add|change|remove|export`: who may open the archive."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

from wyng_common.ids import StagingToken
from wyng_common.messages import Capability
from wyng_dom0.commands.access import (
    destination_of,
    known_definition,
    terms_of,
)
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.credentials import known_keys, read_key_file
from wyng_dom0.commands.recovery_sheet import sheet_lines
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.keyring import Keyring, SlotEntry
from wyng_dom0.errors import BadInput, NotFound, Refused
from wyng_dom0.names import quote
from wyng_dom0.seal.keys import Suite
from wyng_dom0.seal.recovery import format_code, new_secret
from wyng_dom0.seal.slots import Credential, SlotKind
from wyng_dom0.state import durable, locks
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.transport.remote_store import open_store
from wyng_dom0.words import list_words

KEY_FILE_SIZE = 32
_SHOWN = {
    SlotKind.PASSPHRASE: "passphrase",
    SlotKind.RECOVERY: "recovery code",
    SlotKind.KEY_FILE: "key file",
    SlotKind.NONE: "none",
}
_REVOKED = (
    "Whoever has an old copy of that slot, from the archive or from a backup"
    " of it, can still open the archive with it."
)


def run(context: Context) -> None:
    """Carry out the action; each asks for what opens the archive now."""
    action, *rest = context.options.names
    if action not in _ACTIONS:
        raise BadInput(f"key takes {', '.join(_ACTIONS)}; not {quote(action)}")
    definition = known_definition(context)
    if terms_of(definition).suite is Suite.OFF:
        raise Refused(
            f"the archive {quote(definition.name)} is not sealed: it has no"
            " keys"
        )
    _ACTIONS[action](context, definition, _number(action, rest))


def _number(action: str, rest: list[str]) -> int | None:
    wanted = action in ("change", "remove")
    if len(rest) > int(wanted) or (action == "remove" and not rest):
        raise BadInput(
            f"key {action} takes {'a' if wanted else 'no'} key slot's number"
        )
    if not rest:
        return None
    if not (rest[0].isascii() and rest[0].isdigit() and len(rest[0]) < 3):
        raise BadInput(f"{quote(rest[0])} is no key slot's number")
    return int(rest[0])


@contextmanager
def _keyring(
    context: Context, definition: ArchiveDefinition, capability: Capability
) -> Iterator[Keyring]:
    terms = terms_of(definition)
    with ExitStack() as stack:
        if capability is not Capability.GET:
            # Who looks only need not wait until a send is done.
            stack.enter_context(
                locks.hold_archive(
                    context.places, terms.archive, definition.name, "key"
                )
            )
        store = stack.enter_context(
            open_store(
                destination_of(definition, context.options),
                capability,
                StagingToken.random(),
            )
        )
        welcome = store.welcome
        if welcome is None or welcome.archive != terms.archive:
            raise NotFound(
                f"there is no such archive at {definition.destination}"
            )
        yield Keyring(context.places, terms, store)


def _list(
    context: Context, definition: ArchiveDefinition, number: int | None
) -> None:
    with _keyring(context, definition, Capability.GET) as keyring:
        entries = keyring.entries()
    lines = [_line(entry) for entry in entries]
    context.report(
        Said(
            "keys",
            "\n".join(lines),
            {
                "archive": definition.name,
                "slots": [_values(entry) for entry in entries],
            },
        )
    )


def _add(
    context: Context, definition: ArchiveDefinition, number: int | None
) -> None:
    keys = known_keys(context, terms_of(definition), definition.name)
    credential = _new_credential(context, definition)
    with _keyring(context, definition, Capability.PRUNE) as keyring:
        entry = keyring.add(keys, credential, int(context.now.timestamp()))
    _tell_new(context, definition, entry, credential, "Added")


def _change(
    context: Context, definition: ArchiveDefinition, number: int | None
) -> None:
    keys = known_keys(context, terms_of(definition), definition.name)
    with _keyring(context, definition, Capability.GET) as keyring:
        number = _changed_number(keyring, number)
        kind = _kind_of(keyring.find(number))
    credential = _new_credential(context, definition, kind)
    with _keyring(context, definition, Capability.PRUNE) as keyring:
        entry = keyring.change(
            keys, number, credential, int(context.now.timestamp())
        )
    _tell_new(
        context, definition, entry, credential, f"Slot {number} is now", True
    )


def _changed_number(keyring: Keyring, number: int | None) -> int:
    if number is not None:
        return number
    passphrases = [
        entry.number
        for entry in keyring.entries()
        if _kind_of(entry) is SlotKind.PASSPHRASE
    ]
    if len(passphrases) != 1:
        raise BadInput(
            "say which slot to change: `key list` shows their numbers"
        )
    return passphrases[0]


def _remove(
    context: Context, definition: ArchiveDefinition, number: int | None
) -> None:
    assert number is not None
    known_keys(context, terms_of(definition), definition.name)
    if not context.options.force:
        context.prompts.confirm(
            f"Remove key slot {number} of {quote(definition.name)}?"
        )
    with _keyring(context, definition, Capability.PRUNE) as keyring:
        old = keyring.remove(number)
    done = f"Removed key slot {number}. {_REVOKED}"
    if old.differs:
        done = (
            f"Removed key slot {number} of this machine. The archive has"
            " another one of that number, which stays: `key list` shows it."
        )
    context.report(
        Said("key", done, {"archive": definition.name, "removed": number})
    )


def _export(
    context: Context, definition: ArchiveDefinition, number: int | None
) -> None:
    with _keyring(context, definition, Capability.GET) as keyring:
        entries = keyring.entries()
    lines = sheet_lines(context.places, definition, entries, context.now)
    text = "\n".join(lines)
    if context.options.save_to is not None:
        path = Path(context.options.save_to).absolute()
        if path.exists() and not context.options.force:
            context.prompts.confirm(f"{quote(str(path))} exists: replace it?")
        durable.write_private(path, (text + "\n").encode("utf-8"))
        text = f"The recovery sheet is in {quote(str(path))}: print it."
    context.report(
        Said("sheet", text, {"archive": definition.name, "sheet": lines})
    )


def _new_credential(
    context: Context,
    definition: ArchiveDefinition,
    kind: SlotKind | None = None,
) -> Credential:
    """A new one of the kind that the options, or the old slot, say."""
    options = context.options
    if options.recovery and options.new_key_file is not None:
        raise BadInput("--recovery and --new-key-file contradict each other")
    if options.new_key_file is not None:
        return _key_file(Path(options.new_key_file))
    if options.recovery or kind is SlotKind.RECOVERY:
        return Credential(SlotKind.RECOVERY, new_secret())
    if kind is SlotKind.KEY_FILE:
        raise BadInput("name the new key file with --new-key-file")
    passphrase = context.prompts.new_passphrase(
        f"the archive {quote(definition.name)}"
    )
    return Credential(SlotKind.PASSPHRASE, passphrase)


def _key_file(path: Path) -> Credential:
    """The key file at a path; one that is missing is made."""
    if not path.exists():
        durable.create_private(path.absolute(), os.urandom(KEY_FILE_SIZE))
    return read_key_file(str(path))


def _tell_new(
    context: Context,
    definition: ArchiveDefinition,
    entry: SlotEntry,
    credential: Credential,
    done: str,
    replaced: bool = False,
) -> None:
    lines = [f"{done} key slot {entry.number}: {_SHOWN[credential.kind]}."]
    values: dict[str, object] = {
        "archive": definition.name,
        "slot": _values(entry),
    }
    if credential.kind is SlotKind.RECOVERY:
        code = format_code(credential.secret, list_words())
        lines.append("Write it down; it is typed where the passphrase is:\n")
        lines += [f"    {at + 1}  {line}" for at, line in enumerate(code)]
        values["recovery_code"] = code
    if not entry.there:
        lines.append("It is only on this machine, as the other slots are.")
    if replaced:
        lines.append(_REVOKED)
    context.report(Said("key", "\n".join(lines), values))


def _kind_of(entry: SlotEntry) -> SlotKind | None:
    return None if entry.slot is None else entry.slot.header.kind


def _line(entry: SlotEntry) -> str:
    where = "here and in the archive"
    if not (entry.here and entry.there):
        where = "only here" if entry.here else "only in the archive"
    elif entry.differs:
        where = "only here, the archive has another one of that number"
    if entry.slot is None:
        return f"{entry.number}  damaged, {where}"
    header = entry.slot.header
    cost = f", scrypt N=2^{header.cost.log_n}" if header.cost.log_n else ""
    made = datetime.fromtimestamp(header.made, timezone.utc).astimezone()
    return (
        f"{entry.number}  {_SHOWN[header.kind]}, made {made:%Y-%m-%d},"
        f" {where}{cost}"
    )


def _values(entry: SlotEntry) -> dict[str, object]:
    values: dict[str, object] = {
        "number": entry.number,
        "here": entry.here,
        "in_archive": entry.there,
        "differs": entry.differs,
        "kind": None,
    }
    if entry.slot is not None:
        header = entry.slot.header
        values["kind"] = _SHOWN[header.kind]
        values["log_n"] = header.cost.log_n
        values["made"] = header.made
    return values


_ACTIONS = {
    "list": _list,
    "add": _add,
    "change": _change,
    "remove": _remove,
    "export": _export,
}
