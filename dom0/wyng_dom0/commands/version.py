# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`version`: what this program is; touches no archive and takes no lock."""

from wyng_common import __version__
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said


def run(context: Context) -> None:
    """Report the version."""
    context.report(
        Said("version", f"qvm-wyng {__version__}", {"version": __version__})
    )
