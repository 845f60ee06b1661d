# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The options there are: names, forms and what each means in a few words.

Data only. Which command takes which is in command_table.
"""

from dataclasses import dataclass
from enum import Enum

from wyng_common import limits


class Kind(Enum):
    """How an option is given."""

    FLAG = "flag"
    COUNT = "count"
    VALUE = "value"
    LIST = "list"


@dataclass(frozen=True)
class OptionRow:
    """One option; `short` is its letter, `in_config` says where it may be."""

    name: str
    kind: Kind
    metavar: str
    help: str
    short: str = ""
    in_config: bool = True
    choices: tuple[str, ...] = ()


def _flag(
    name: str, help: str, short: str = "", config: bool = True
) -> OptionRow:
    return OptionRow(name, Kind.FLAG, "", help, short, config)


def _value(
    name: str, metavar: str, help: str, config: bool = True
) -> OptionRow:
    return OptionRow(name, Kind.VALUE, metavar, help, "", config)


def _list(name: str, metavar: str, help: str, config: bool = True) -> OptionRow:
    return OptionRow(name, Kind.LIST, metavar, help, "", config)


def _choice(name: str, help: str, *choices: str) -> OptionRow:
    shown = "|".join(choices)
    return OptionRow(name, Kind.VALUE, shown, help, choices=choices)


_FACTORS = tuple(
    str(f) for f in range(limits.CHUNK_FACTOR_MIN, limits.CHUNK_FACTOR_MAX + 1)
)

OPTIONS: dict[str, OptionRow] = {
    row.name: row
    for row in (
        _flag("all", "all volumes; of the source, for send", "a", config=False),
        _flag("all-before", "all older than --session", config=False),
        _value("apdays", "A:B:C:D", "days: over A go; over B, D in C stay"),
        _value("archive", "NAME", "which archive, if not the default one"),
        _value("as", "NAME", "what the restored qube is called", False),
        _flag("bootstrap", "bring the store to an SSH host"),
        _flag("by-itself", "restores wait for nobody", config=False),
        _value("authmin", "MINUTES", "hold the key for so long; -1: no more"),
        _choice("autoprune", "remove by rules", "off", "on", "full"),
        _choice("chunk-factor", "chunks of 64 KiB x 2^(N-1)", *_FACTORS),
        _flag("clean", "delete local snapshots and ledgers", config=False),
        _value("compression", "TYPE[:LEVEL]", "zstd:3 unless given"),
        _value("config", "FILE", "your configuration", config=False),
        _flag("data-only", "a qube's volumes, no settings", config=False),
        _flag("debug", "show where an error came from", config=False),
        OptionRow(
            *("dedup", Kind.VALUE, "on|off"),
            *("ask the store what it has", "d"),
            choices=("on", "off"),
        ),
        _choice("dedup-domain", "what shares data", "qube", "archive"),
        _value("dest", "URL", "where: internal:/path, ssh:, qubes:..."),
        _flag("dry-run", "tell, change nothing", config=False),
        _choice("encrypt", "how to seal", "aes-256-gcm", "off"),
        _value("every", "TIME", "how often a send is due: 12h, 1d, 1w"),
        _value("files-limit", "SIZE[,FILES]", "of dom0's files, 10G,200000"),
        _flag("force", "do it without asking", config=False),
        _flag(
            "force-allow-rollback",
            "accept an archive older than known here",
            config=False,
        ),
        _value("from", "URL", "an archive not known here", config=False),
        _value(
            "from-passcmd", "COMMAND", "prints the old archive's passphrase"
        ),
        _value("guard-data", "PERCENT", "no snapshots in a fuller pool"),
        _value("guard-metadata", "PERCENT", "the same of its metadata"),
        _choice("hashtype", "how ids are made", "sha256", "blake2b"),
        _flag("full", "read every byte, compute ids again", config=False),
        _flag("help", "what a command does and takes", "h", config=False),
        _list(
            "import-other-from",
            "VOLUME:|:PATH",
            "send any file or device, read whole",
            config=False,
        ),
        _flag("isolated", "no network, few settings", config=False),
        _flag("json", "nothing but JSON on standard output"),
        _value("limit-rate", "BYTES", "a second at most, as 500K or 2M"),
        _value("key-file", "PATH", "opens the archive, no passphrase"),
        _list("exclude", "QUBE", "as --volex, for qubes; repeatable"),
        _list("keep", "SESSION", "never remove this or ^tag; repeatable"),
        _value("keep-last", "N", "keep the newest N sessions"),
        _value("keep-hourly", "N", "keep one of each of N hours"),
        _value("keep-daily", "N", "keep one of each of N days"),
        _value("keep-weekly", "N", "keep one of each of N weeks"),
        _value("keep-monthly", "N", "keep one of each of N months"),
        _value("keep-yearly", "N", "keep one of each of N years"),
        _value("keep-within", "TIME", "keep all so close to the newest: 30d"),
        _list("keep-tag", "TAG", "keep what has this tag; repeatable"),
        _value("local", "PATH", "the directory of volumes, or vg/pool"),
        _value("local-from", "FILE", "as --vols-from", config=False),
        _value("max-time", "TIME", "stop cleanly after so long: 1h", False),
        _value("meta-dir", "PATH", "where this program's own state is"),
        _value("min-free-space", "SIZE", "what autoprune=on frees: 20G"),
        _flag("no-slot-upload", "keep the key slots out of the archive"),
        _value("new-key-file", "PATH", "made when missing", config=False),
        _value("older-than", "TIME", "not proven for so long: 30d", False),
        _flag("overwrite", "restore over a qube that exists", config=False),
        _flag("owners", "dom0's files keep their owners", config=False),
        _value("passcmd", "COMMAND", "prints the passphrase; no shell"),
        _value("pool", "NAME", "of qubes, where new volumes go", False),
        _flag("quick", "compare ids, fetch no data", config=False),
        _flag("quiet", "say only what went wrong; implies -u", "q"),
        _flag("remap", "read everything, compare ids", config=False),
        _flag("recovery", "make a recovery code", config=False),
        _flag("remember", "keep the key here for unattended runs"),
        _flag("req-snapshot", "only from our snapshot", config=False),
        _value("sample", "PERCENT", "only chunks drawn by lot: 1%", False),
        _value("save-to", "PATH", "restore to this file", config=False),
        _value("scratch", "PATH", "where drills restore to; or vg/pool"),
        _value(
            "session",
            "SESSION[,SESSION]",
            "YYYYMMDD-HHMMSS, ^tag or newest",
            config=False,
        ),
        _value("session-limit", "HOURS", "end what takes longer; 72"),
        _value("slots-from", "PATH", "key slots of a sheet", config=False),
        _flag("settings", "a qube's settings", config=False),
        _flag("settings-only", "a qube's settings, no data", config=False),
        _flag("sparse", "fetch and write only what differs", config=False),
        _flag("sparse-write", "write only what differs", config=False),
        _flag("standby", "keep a copy up to date cheaply", config=False),
        _flag("send-unchanged", "a session of unchanged volumes too"),
        _choice("session-strict", "off: take the next older one", "on", "off"),
        _list("tag", "ID[,TEXT]", "tag the session, or show what has it"),
        _choice("testing-dedup", "1: as --dedup=off", "1", "2", "3", "4", "5"),
        _value("vid", "ID", "the volume of this id, even damaged", False),
        _value("volume", "NAME", "only this of a qube: private, root", False),
        _value("volume-desc", "TEXT", "what the volume is", False),
        _value("subdir", "PATH", "a directory below the destination"),
        _choice("state", "of qubes that run", "auto", "clean", "live"),
        _value("timeout", "SECONDS", "how long a store may be silent; 120"),
        _flag("unattended", "never ask", "u", config=False),
        _flag("use-snapshot", "restore from our snapshot", config=False),
        OptionRow("verbose", Kind.COUNT, "", "say more", "v"),
        _value("vols-from", "FILE", "sources and volumes in JSON", False),
        _flag("with-caches", "dom0:home with ~/.cache"),
        _list("volex", "NAME", "not this name or pattern; repeatable"),
    )
}
