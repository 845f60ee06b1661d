# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may do what: a pure table of capabilities. doc/protocol.md has it."""

from typing import Dict, FrozenSet

from wyng_common.messages import Capability, KeysAction, Op

_GET = frozenset({Capability.GET, Capability.PUT, Capability.PRUNE})
_PUT = frozenset({Capability.PUT, Capability.PRUNE})
_PRUNE = frozenset({Capability.PRUNE})
_READ = _GET | {Capability.VERIFY}
_ANY = frozenset(Capability)

_NEEDED: Dict[Op, FrozenSet[Capability]] = {
    Op.INIT: frozenset({Capability.INIT}),
    Op.KEYS: _ANY,
    Op.HAVE: _PUT | {Capability.VERIFY},
    Op.PUT: _PUT,
    Op.SYNC: _PUT,
    Op.COMMIT: _PUT,
    Op.GET: _READ,
    Op.LOG: _READ,
    Op.STAT: _READ,
    Op.SCRUB: frozenset({Capability.VERIFY, Capability.PRUNE}),
    Op.RECLAIM: _PRUNE,
    Op.DELETE: _PRUNE,
    Op.BYE: _ANY,
    Op.ALIVE: _ANY,
}
_KEYS_NEEDED: Dict[KeysAction, FrozenSet[Capability]] = {
    KeysAction.LIST: _READ,
    KeysAction.PUT: frozenset({Capability.INIT, Capability.PRUNE}),
    KeysAction.DROP: _PRUNE,
}


def allowed(granted: FrozenSet[Capability]) -> FrozenSet[Capability]:
    """The capabilities a HELLO may ask for, from those of --allow."""
    implied = set(granted)
    if Capability.PRUNE in implied:
        implied.add(Capability.PUT)
    if Capability.PUT in implied:
        implied.add(Capability.GET)
    return frozenset(implied)


def may(capability: Capability, founded: bool, op: Op) -> bool:
    """May a connection do that? `founded`: its INIT was answered OK, so
    that it may also do what put may."""
    needed = _NEEDED.get(op, frozenset())
    return capability in needed or (founded and Capability.PUT in needed)


def may_keys(capability: Capability, founded: bool, action: KeysAction) -> bool:
    """The same for the actions of KEYS."""
    needed = _KEYS_NEEDED[action]
    if capability is Capability.INIT and not founded:
        return False
    return capability in needed or (founded and Capability.PUT in needed)


def may_release(capability: Capability) -> bool:
    """May its commits release and remove?"""
    return capability is Capability.PRUNE


def writes(capability: Capability) -> bool:
    """Does a connection with it take the writer lock?"""
    return capability in _PUT
