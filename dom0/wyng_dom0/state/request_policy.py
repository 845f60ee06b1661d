# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The policy that lets allowed qubes call: made from the grants alone.

The file is ours and comes before the one that refuses everybody; the user's
own 30-user.policy goes before both. It holds names, for older Qubes OS knows
no uuid there: the service checks that itself.
"""

from collections.abc import Iterable
from pathlib import Path

from wyng_dom0.state import durable
from wyng_dom0.state.places import Places
from wyng_dom0.state.policy import install_policy

SERVICES = ("wyng.Restore", "wyng.Ready")
_HEAD = """\
## Written by `qvm-wyng requests allow` and `block`, each time as a whole.
## Your own lines belong into /etc/qubes/policy.d/30-user.policy.
"""


def policy_text(vms: Iterable[str]) -> str:
    """The file that lets these qubes call, and no others."""
    lines = [
        f"{service}  *  {vm}  @adminvm  allow\n"
        for vm in sorted(set(vms))
        for service in SERVICES
    ]
    return _HEAD + "".join(lines)


def install(places: Places, vms: Iterable[str]) -> Path:
    """Put it in force durably, or what was there stays; returns the file.

    Without any qube there is no file. Raises OSError, BadInput.
    """
    path, allowed = places.policy, set(vms)
    if allowed:
        if places.policy_is_ours:
            durable.make_private_folder(path.parent)
        install_policy(policy_text(allowed), path)
    elif path.parent.exists():
        durable.remove_private(path)
    return path


def is_in_force(places: Places, vms: Iterable[str]) -> bool:
    """True when the file says just what it would say for these qubes."""
    allowed = set(vms)
    try:
        text = places.policy.read_text("ascii")
    except FileNotFoundError:
        return not allowed
    except (OSError, ValueError):
        return False
    return text == policy_text(allowed)
