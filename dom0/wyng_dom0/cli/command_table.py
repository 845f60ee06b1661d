# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands there are: names, meanings, examples, and their options.

Data only. Help, parsing, suggestions and the check of what goes with what
all read this table and that of the options.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from wyng_dom0.rules import RULE_OPTIONS

_COMMON = frozenset(
    {"archive", "config", "debug", "help", "json", "meta-dir", "quiet"}
    | {"unattended", "verbose"}
)
_GUARD = {"guard-data", "guard-metadata"}
_UNLOCK = (
    _COMMON
    | {"passcmd", "remember", "authmin", "key-file"}
    | {"bootstrap", "limit-rate", "session-limit", "timeout"}
)
# What nearly every command takes; --help only names them.
USUAL = _UNLOCK | {"force-allow-rollback"}
_READ = USUAL | {"from", "subdir", "session", "slots-from"}
_ONE_SESSION = _READ | {"session-strict"}
_LISTS = frozenset({"vols-from", "local-from"})
_CHOICE = frozenset({"all", "volex", "exclude"})
_RULES = frozenset({"autoprune", "min-free-space", "keep", *RULE_OPTIONS})
# What works for a while: others may see, pause and end it.
LASTING = frozenset(
    {"send", "receive", "verify", "prune", "monitor", "diff", "arch-check"}
    | {"arch-deduplicate", "migrate", "drill", "requests"}
)
# Of requests, what restores.
_LASTING_ACTIONS = ("approve", "run")
MANY = 1 << 30


def lasts(command: str, names: Sequence[str]) -> bool:
    """True for a run that others may see, pause and end."""
    if command == "requests":
        return names[0] in _LASTING_ACTIONS
    return command in LASTING


@dataclass(frozen=True)
class CommandRow:
    """One command: the names it takes and the options that mean something."""

    name: str
    arguments: str
    summary: str
    example: str
    options: frozenset[str]
    least: int = 0
    most: int = MANY


COMMANDS: dict[str, CommandRow] = {
    row.name: row
    for row in (
        CommandRow(
            "arch-init",
            "",
            "make an archive",
            "--local=/data/images --dest=internal:/mnt/backup arch-init",
            USUAL
            | {"local", "dest", "subdir", "compression", "hashtype", "force"}
            | {
                "chunk-factor",
                "encrypt",
                "dedup-domain",
                "no-slot-upload",
                "from",
            }
            | {"from", "slots-from"},
            most=0,
        ),
        CommandRow(
            "arch-delete",
            "",
            "delete an archive for ever, and forget it here",
            "--archive=old arch-delete",
            USUAL | {"force", "clean"},
            most=0,
        ),
        CommandRow(
            "arch-check",
            "[VOLUME...]",
            "look whether all of the archive is there and whole",
            "--full --session=newest arch-check",
            _READ | {"full", "volex"},
        ),
        CommandRow(
            "arch-deduplicate",
            "",
            "drop what lies in the archive twice",
            "arch-deduplicate",
            USUAL,
            most=0,
        ),
        CommandRow(
            "add",
            "VOLUME...",
            "name volumes that the next send fills",
            "add disk1.img",
            USUAL | {"volume-desc"},
            least=1,
        ),
        CommandRow(
            "send",
            "[VOLUME...]",
            "back up; without names all that the archive knows",
            "send disk1.img sub/disk2.img",
            USUAL
            | _RULES
            | {
                "all",
                "volex",
                "exclude",
                "local",
                "dry-run",
                "compression",
                "force",
            }
            | {"remap", "dedup", "testing-dedup", "tag", "volume-desc"}
            | {"send-unchanged", "state", "import-other-from"}
            | {"files-limit", "with-caches"}
            | _LISTS
            | _GUARD,
        ),
        CommandRow(
            "migrate",
            "SOURCE [VOLUME...]",
            "bring the sessions of a wyng archive over",
            "migrate /mnt/old/laptop.backup vm-work-private",
            USUAL
            | {"volex", "dry-run", "force", "from-passcmd", "compression"},
            least=1,
        ),
        CommandRow(
            "monitor",
            "[VOLUME...]",
            "note what changed and renew snapshots; needs no archive",
            "monitor",
            _COMMON | _CHOICE | {"local", "state"} | _GUARD,
        ),
        CommandRow(
            "status",
            "[VOLUME...]",
            "show what runs, when the next send is, what is kept here",
            "status",
            _COMMON | {"local", "every"},
        ),
        CommandRow(
            "overview",
            "",
            "show how every volume stands, with nothing in reach",
            "--json overview",
            _COMMON | {"every"},
            most=0,
        ),
        CommandRow(
            "receive",
            "VOLUME...",
            "restore",
            "--save-to=out.img receive disk1.img",
            _ONE_SESSION
            | {"save-to", "local", "force", "sparse", "sparse-write"}
            | {"dry-run", "standby", "use-snapshot", "req-snapshot"}
            | {"as", "overwrite", "pool", "settings-only", "data-only"}
            | {"volume", "isolated", "owners"}
            | _LISTS,
            least=1,
        ),
        CommandRow(
            "verify",
            "[VOLUME...]",
            "read a session back and check all of it",
            "--older-than=30d --max-time=1h verify",
            _ONE_SESSION
            | _CHOICE
            | {"older-than", "max-time", "sample"}
            | _LISTS,
        ),
        CommandRow(
            "drill",
            "[VOLUME...]",
            "restore what was long not proven, read it back, remove it",
            "--max-time=2h --scratch=/mnt/spare drill",
            _ONE_SESSION
            | _CHOICE
            | _GUARD
            | {"older-than", "max-time", "scratch", "local"},
        ),
        CommandRow(
            "diff",
            "VOLUME",
            "compare a volume with a session, or two of its sessions",
            "diff disk1.img",
            _READ | {"local", "quick", "remap", "settings"} | {"with-caches"},
            least=1,
            most=1,
        ),
        CommandRow(
            "list",
            "[VOLUME]",
            "show volumes, or one volume's sessions",
            "list disk1.img",
            _READ | {"tag", "settings"},
        ),
        CommandRow(
            "prune",
            "[VOLUME...]",
            "remove sessions; the newest of a volume always stays",
            "--session=20261101-000000,20261120-000000 prune",
            USUAL
            | _RULES
            | {
                "session",
                "all-before",
                "all",
                "volex",
                "exclude",
                "dry-run",
                "force",
            },
        ),
        CommandRow(
            "protect",
            "VOLUME...",
            "let no prune remove the sessions named",
            "--session=20261101-000000 protect disk1.img",
            USUAL | {"session", "dry-run"},
            least=1,
        ),
        CommandRow(
            "unprotect",
            "VOLUME...",
            "let prune remove the sessions named again",
            "--session=20261101-000000 unprotect disk1.img",
            USUAL | {"session", "dry-run"},
            least=1,
        ),
        CommandRow(
            "delete",
            "[VOLUME]",
            "remove a volume from the archive; --clean: our traces here",
            "delete disk1.img",
            USUAL | {"force", "dry-run", "clean", "all", "vid"},
            most=1,
        ),
        CommandRow(
            "rename",
            "OLD NEW",
            "call a volume of the archive something else",
            "rename disk1.img laptop.img",
            USUAL,
            least=2,
            most=2,
        ),
        CommandRow(
            "watch",
            "[RUN]",
            "tell what runs now, as it goes on",
            "--json watch",
            _COMMON,
            most=1,
        ),
        CommandRow(
            "pause",
            "[RUN]",
            "hold a run: it reads no more until it is resumed",
            "pause send-4f2a19",
            _COMMON,
            most=1,
        ),
        CommandRow(
            "resume",
            "[RUN]",
            "let a paused run go on",
            "resume",
            _COMMON,
            most=1,
        ),
        CommandRow(
            "cancel",
            "[RUN]",
            "end a run in order: the next one goes on from there",
            "cancel send-4f2a19",
            _COMMON,
            most=1,
        ),
        CommandRow(
            "probe",
            "",
            "look at a destination and a source before arch-init",
            "--local=/data/images --dest=internal:/mnt/backup probe",
            _COMMON
            | {"dest", "local", "subdir"}
            | {"bootstrap", "limit-rate", "session-limit", "timeout"},
            most=0,
        ),
        CommandRow(
            "schedule",
            "[hourly|daily|weekly|off|WHEN] [KEY=yes...]",
            "show or set when sends start by themselves",
            "--archive=laptop schedule daily on-battery=yes",
            _COMMON,
        ),
        CommandRow(
            "configure",
            "[KEY=VALUE...]",
            "show or set what options an archive always has",
            "--archive=laptop configure keep-daily=7 autoprune=on",
            _COMMON,
        ),
        CommandRow(
            "history",
            "",
            "show what the archive came to over time",
            "--archive=laptop history",
            _COMMON,
            most=0,
        ),
        CommandRow(
            "include",
            "VOLUME...",
            "let sends without names take these from now on",
            "include work",
            _COMMON,
            least=1,
        ),
        CommandRow(
            "exclude",
            "VOLUME...",
            "let sends without names leave these out from now on",
            "exclude 'tmp-*.img'",
            _COMMON,
            least=1,
        ),
        CommandRow(
            "requests",
            "list|approve|deny|allow|block|log|run [VM]",
            "what backup qubes ask for, and which may ask",
            "requests approve work",
            _UNLOCK | {"by-itself", "pool"},
            least=1,
            most=2,
        ),
        CommandRow(
            "overdue",
            "",
            "tell which archives have missed their sends",
            "--every=12h overdue",
            _COMMON | {"every"},
            most=0,
        ),
        CommandRow(
            "key",
            "list|add|change|remove|export [SLOT]",
            "show and change what opens the archive",
            "--recovery key add",
            _UNLOCK | {"force", "new-key-file", "recovery", "save-to"},
            least=1,
            most=2,
        ),
        CommandRow(
            "remember",
            "",
            "keep the key here for unattended runs",
            "remember",
            _COMMON | {"passcmd", "key-file"},
            most=0,
        ),
        CommandRow(
            "forget",
            "",
            "drop the key that is kept here",
            "forget",
            _COMMON,
            most=0,
        ),
        CommandRow(
            "version", "", "show the version", "version", _COMMON, most=0
        ),
    )
}
