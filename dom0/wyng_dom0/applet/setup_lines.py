# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The words behind `qvm-wyng` that make, open and change archives.

Pure functions, as in command_lines. No word is ever a secret: passphrases
and codes go in on standard input.
"""

from typing import Mapping, Optional, Sequence, Tuple

Words = Tuple[str, ...]


def probe(dest: str = "", local: str = "", *, bootstrap: bool = False) -> Words:
    """Look at a destination, a source, both, or only for qubes."""
    given = [f"--dest={dest}"] if dest else []
    given += [f"--local={local}"] if local else []
    given += ["--bootstrap"] if bootstrap and dest else []
    return (*given, "probe")


def make_archive(
    name: str,
    dest: str,
    local: str,
    *,
    remember: bool,
    bootstrap: bool = False,
) -> Words:
    """Make an archive; the passphrase comes on standard input."""
    more = ["--remember"] if remember else []
    more += ["--bootstrap"] if bootstrap else []
    return (
        f"--archive={name}",
        f"--dest={dest}",
        f"--local={local}",
        *more,
        "arch-init",
    )


def adopt_archive(
    name: str,
    url: str,
    local: str = "",
    *,
    slots_from: str = "",
    bootstrap: bool = False,
) -> Words:
    """Remember an archive that is there already."""
    given = [f"--local={local}"] if local else []
    given += [f"--slots-from={slots_from}"] if slots_from else []
    given += ["--bootstrap"] if bootstrap else []
    return (f"--archive={name}", f"--from={url}", *given, "arch-init")


def list_found(
    url: str, *, slots_from: str = "", bootstrap: bool = False
) -> Words:
    """What an archive that is not known here holds, and its head code."""
    given = [f"--slots-from={slots_from}"] if slots_from else []
    given += ["--bootstrap"] if bootstrap else []
    return (f"--from={url}", "--verbose", *given, "list")


def add_volumes(archive: str, names: Sequence[str]) -> Words:
    """Name volumes that the next send fills."""
    return (f"--archive={archive}", "add", "--", *names)


def list_keys(archive: str) -> Words:
    """The key slots."""
    return (f"--archive={archive}", "key", "list")


def add_recovery_code(archive: str) -> Words:
    """A new recovery code; the report has it."""
    return (f"--archive={archive}", "--recovery", "key", "add")


def recovery_sheet(archive: str) -> Words:
    """The sheet as lines, with the key slots."""
    return (f"--archive={archive}", "key", "export")


def change_passphrase(archive: str, slot: int) -> Words:
    """Put a new passphrase into a slot; see secrets_of_change."""
    return (f"--archive={archive}", "key", "change", str(slot))


def remove_key(archive: str, slot: int) -> Words:
    """Remove a key slot; the user has said yes already."""
    return (f"--archive={archive}", "--force", "key", "remove", str(slot))


def remember_key(archive: str) -> Words:
    """Keep the key here for unattended runs."""
    return (f"--archive={archive}", "remember")


def forget_key(archive: str) -> Words:
    """Drop the key that is kept here."""
    return (f"--archive={archive}", "forget")


def delete_archive(archive: str) -> Words:
    """Delete an archive for ever; the user has typed its name already."""
    return (f"--archive={archive}", "--force", "arch-delete")


def forget_archive(archive: str) -> Words:
    """Forget an archive here alone; the user has typed its name already."""
    return (f"--archive={archive}", "--force", "--clean", "arch-delete")


def send_smallest(archive: str, volume: str) -> Words:
    """Back up one volume, for the test run."""
    return (f"--archive={archive}", "send", "--", volume)


def verify_newest(archive: str, volume: str) -> Words:
    """Read the newest session of a volume back."""
    return (f"--archive={archive}", "verify", "--", volume)


def restore_all(archive: str, names: Sequence[str]) -> Words:
    """Restore the newest sessions: qubes, or volumes into the source.

    Without names nothing is to be done.
    """
    if not names:
        return ()
    return (f"--archive={archive}", "receive", "--", *names)


def include(archive: str, names: Sequence[str]) -> Words:
    """Let sends without names take these; without names nothing is done."""
    return (f"--archive={archive}", "include", "--", *names) if names else ()


def exclude(archive: str, names: Sequence[str]) -> Words:
    """Let sends without names leave these out."""
    return (f"--archive={archive}", "exclude", "--", *names) if names else ()


def schedule(archive: str) -> Words:
    """When sends start by themselves."""
    return (f"--archive={archive}", "schedule")


def set_schedule(
    archive: str, calendar: str, *, on_battery: bool, monitor: bool
) -> Words:
    """Set that; `off` ends it and leaves all else as it is."""
    if calendar == "off":
        return (f"--archive={archive}", "schedule", "off")
    keys = {"on-battery": on_battery, "monitor": monitor}
    words = [f"{key}={'yes' if on else 'no'}" for key, on in keys.items()]
    return (f"--archive={archive}", "schedule", "--", calendar, *words)


def configure(
    archive: str, change: Optional[Mapping[str, str]] = None
) -> Words:
    """The options that an archive always has; a change is made first, "" is
    the default."""
    words = [f"{key}={value}" for key, value in (change or {}).items()]
    return (f"--archive={archive}", "configure", "--", *words)


def try_rules(archive: str, rules: Sequence[str]) -> Words:
    """What these rules would remove; nothing is removed."""
    return (f"--archive={archive}", *rules, "--dry-run", "prune")
