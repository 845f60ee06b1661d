# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A stand-in for qubesadmin, which is on no package index.

Names and behaviour are those of qubes-core-admin-client and, behind it,
qubesd; each thing cites the module and function that it mimics. Everything
goes through daemon.call, which counts.
"""

from qubesadmin.app import Qubes
from qubesadmin.vm import DEFAULT

__all__ = ["DEFAULT", "Qubes"]
