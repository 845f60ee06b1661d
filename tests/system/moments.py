# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The named phases in which a process is killed, and the moments of each."""

import os
from itertools import chain
from typing import Any, Dict, Iterable, List, Tuple

from system.faults import (
    AFTER,
    ANSWERED,
    BEFORE,
    HALF,
    SENDER,
    STORE,
    Fault,
    Matches,
    always,
    name_ends,
)
from wyng_common.messages import Op

_DURABLE = "wyng_store.durable:"
_COMMIT, _COPY = ".commit", ".commit.copy"


def store(
    phase: str,
    target: str,
    whens: Tuple[str, ...] = (BEFORE, AFTER),
    matches: Matches = always,
    at: Iterable[int] = (1,),
    other: bool = False,
) -> List[Fault]:
    """Moments in the store; `other` kills the sender then."""
    return [
        Fault(f"store: {phase}", STORE, target, when, matches, each, other)
        for each in at
        for when in whens
    ]


def sender(
    phase: str,
    target: str,
    whens: Tuple[str, ...] = (BEFORE, AFTER),
    matches: Matches = always,
    at: Iterable[int] = (1,),
    other: bool = False,
) -> List[Fault]:
    """Moments in the sender; `other` kills the store then."""
    return [
        Fault(f"sender: {phase}", SENDER, target, when, matches, each, other)
        for each in at
        for when in whens
    ]


def both(moments: List[Fault]) -> List[Fault]:
    """Each of some moments twice: this process dies, and the other one."""
    others = [
        Fault(
            f"{each.phase} (other side)",
            each.side,
            each.target,
            each.when,
            each.matches,
            each.at,
            True,
        )
        for each in moments
    ]
    return moments + others


def _is_pack_folder(path: Any) -> bool:
    return path.parent.name == "packs"


def _asks(op: Op) -> Matches:
    def matches(connection: Any, asked: Op, *_: Any, **__: Any) -> bool:
        return asked is op

    return matches


def _is_open_as(*endings: str) -> Matches:
    """Is the descriptor that of a file whose name ends so?"""

    def matches(descriptor: int, *_: Any) -> bool:
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        return name.endswith(endings)

    return matches


def _is_large(connection: Any, parts: Any) -> bool:
    return sum(map(len, parts)) > 4096


def _second_is(*endings: str) -> Matches:
    return name_ends(*endings, argument=1)


_STORE_SENDING = [
    store(
        "pack begun",
        "wyng_store.packing:GrowingPack.__init__",
        (AFTER,),
        at=(1, 2, 3),
    ),
    store(
        "frame written in half",
        _DURABLE + "write_all",
        (HALF,),
        at=(2, 4, 9, 14),
    ),
    store(
        "pack synced",
        _DURABLE + "sync_file",
        matches=_second_is(".part"),
        at=(1, 2, 3),
    ),
    store(
        "pack renamed",
        _DURABLE + "rename",
        matches=_second_is(".pack"),
        at=(1, 2, 3),
    ),
    store(
        "pack's directory synced",
        _DURABLE + "sync_directory",
        matches=_is_pack_folder,
        at=(1, 3),
    ),
    store(
        "rows of a pack inserted",
        "wyng_store.staging:Staging._enroll_first",
        at=(1, 2, 3),
    ),
    store(
        "rows not yet committed",
        "wyng_store.index:Index.flush",
        (AFTER,),
        at=(1, 2, 3, 4, 5),
    ),
    store(
        "SYNC answered",
        "wyng_store.operations:OPERATIONS[SYNC]",
        (ANSWERED,),
    ),
    store(
        "commit's temporary written",
        _DURABLE + "write_synced",
        (BEFORE, AFTER),
        name_ends(_COMMIT + ".tmp"),
    ),
    store(
        "commit record written in half",
        _DURABLE + "write_all",
        (HALF,),
        _is_open_as(_COMMIT + ".tmp", _COPY + ".tmp"),
        at=(1, 2),
    ),
    both(
        store(
            "commit linked",
            _DURABLE + "link_exclusive",
            matches=_second_is(_COMMIT),
        )
    ),
    store(
        "commit's second copy",
        _DURABLE + "link_exclusive",
        matches=_second_is(_COPY),
    ),
    both(
        store(
            "commit counted",
            "wyng_store.committing:_count_once",
        )
    ),
    store(
        "recorded, count not committed",
        "wyng_store.chain:Chain.append",
        (AFTER,),
    ),
    both(
        store(
            "COMMIT answered",
            "wyng_store.operations:OPERATIONS[COMMIT]",
            (ANSWERED,),
        )
    ),
    store("HAVE asked", "wyng_store.staging:Staging.have", other=True),
    store(
        "frames put (other side)",
        "wyng_store.staging:Staging.put",
        (AFTER,),
        at=(1, 7, 15),
        other=True,
    ),
]

_SENDER_SENDING = [
    sender(
        "snapshots taken",
        "wyng_dom0.engine.send:SendRun._send_guarded",
        (BEFORE,),
        at=(1, 2),
    ),
    both(
        sender(
            "HAVE answered",
            "wyng_dom0.transport.remote_store:RemoteStore.had",
            (AFTER,),
            at=(1, 2),
        )
    ),
    sender(
        "middle of a PUT",
        "wyng_dom0.transport.connection:Connection._write",
        (HALF,),
        _is_large,
        at=(1, 2, 3),
    ),
    both(
        sender(
            "between PUTs",
            "wyng_dom0.transport.remote_store:RemoteStore.ask_put",
            (AFTER,),
            at=(1, 2, 3, 4),
        )
    ),
    both(
        sender(
            "SYNC done",
            "wyng_dom0.transport.remote_store:RemoteStore.sync",
            (AFTER,),
        )
    ),
    both(
        sender("head pinned", "wyng_dom0.state.heads:write_pending"),
    ),
    both(
        sender(
            "COMMIT sent",
            "wyng_dom0.transport.connection:Connection.ask",
            (AFTER,),
            _asks(Op.COMMIT),
        )
    ),
    both(
        sender("pin promoted", "wyng_dom0.state.heads:promote"),
    ),
    sender(
        "state file written",
        "wyng_dom0.state.durable:write_all",
        (HALF, AFTER),
        at=(1, 2, 3),
    ),
    sender(
        "state file renamed",
        "wyng_dom0.state.durable:sync_folder",
        (BEFORE,),
        at=(1, 2, 3),
    ),
    sender("token renewed", "wyng_dom0.state.staging:renew"),
    both(
        sender("sample proved", "wyng_dom0.engine.send:prove_sample"),
    ),
]

SEND = list(chain(*_STORE_SENDING, *_SENDER_SENDING))

PRUNE = [
    *store("prune counted", "wyng_store.committing:_count_once"),
    *store(
        "prune linked",
        _DURABLE + "link_exclusive",
        matches=_second_is(_COMMIT),
    ),
    *store(
        "dead pack unlinked",
        _DURABLE + "unlink",
        matches=name_ends(".pack"),
        at=(1, 2),
    ),
    *store(
        "dead pack's row removed",
        "wyng_store.index:Index.remove_pack",
        at=(1, 2),
    ),
    *sender("prune's COMMIT answered", "wyng_dom0.state.heads:promote"),
]

REBUILD = [
    *store("rebuild reads packs", "wyng_store.shelf:Shelf.contents", at=(1, 4)),
    *store("rebuild counts", "wyng_store.rebuilding:_count"),
    *store(
        "rebuild takes the old index away",
        _DURABLE + "unlink",
        (AFTER,),
        name_ends("index.db", "index.db-wal", "index.db-shm"),
        at=(1, 2, 3),
    ),
    *store(
        "rebuild renames", _DURABLE + "rename", matches=_second_is("index.db")
    ),
]

RECOVER = [
    *store("finishing a cut pack", "wyng_store.recovering:copy_pack"),
    *store(
        "cut pack unlinked", _DURABLE + "unlink", matches=name_ends(".part")
    ),
    *store("pack listed late", "wyng_store.archive:enroll_found"),
    *store("commit counted late", "wyng_store.recovering:count_commit"),
]

# What has to go wrong first, so that a recovery has that to do.
FOUNDING: Dict[str, Fault] = {
    "store: finishing a cut pack": store(
        "frame written in half", _DURABLE + "write_all", (HALF,), at=(9,)
    )[0],
    "store: cut pack unlinked": store(
        "frame written in half", _DURABLE + "write_all", (HALF,), at=(9,)
    )[0],
    "store: pack listed late": store(
        "rows of a pack inserted",
        "wyng_store.staging:Staging._enroll_first",
        (BEFORE,),
    )[0],
    "store: commit counted late": store(
        "recorded, count not committed",
        "wyng_store.chain:Chain.append",
        (AFTER,),
    )[0],
}

RECEIVE = [
    *sender(
        "restore half written",
        "wyng_dom0.sources.file_target:_File.pwrite",
        (AFTER,),
        at=(1, 5, 9),
    ),
    *sender(
        "restore's bytes cut",
        "wyng_dom0.state.durable:sync_file",
    ),
    *sender(
        "restore renamed",
        "wyng_dom0.state.durable:put_in_place",
    ),
    *sender(
        "restore half written (other side)",
        "wyng_dom0.sources.file_target:_File.pwrite",
        (AFTER,),
        at=(1, 5),
        other=True,
    ),
]

INIT = [
    *store(
        "archive's folders made",
        _DURABLE + "make_directory",
        (AFTER,),
        at=(1, 2, 3, 4, 5),
    ),
    *store(
        "format written",
        _DURABLE + "create_file",
        matches=name_ends("format", "format.copy"),
        at=(1, 2),
    ),
    *store(
        "key slot written",
        _DURABLE + "create_file",
        matches=name_ends(".slot", ".slot.copy"),
        at=(1, 2),
    ),
    *store(
        "first commit linked",
        _DURABLE + "link_exclusive",
        matches=_second_is(_COMMIT, _COPY),
        at=(1, 2),
    ),
    *sender(
        "archive founded",
        "wyng_dom0.transport.remote_store:RemoteStore.init",
    ),
    *sender(
        "key slot sent",
        "wyng_dom0.transport.remote_store:RemoteStore.put_key_slot",
    ),
    *sender("key slot kept", "wyng_dom0.state.slots:write_slot"),
    *sender(
        "first commit made",
        "wyng_dom0.transport.remote_store:RemoteStore.commit",
    ),
    *sender("key remembered", "wyng_dom0.state.remembered:remember"),
    *sender("definition saved", "wyng_dom0.state.definitions:save_new"),
]
