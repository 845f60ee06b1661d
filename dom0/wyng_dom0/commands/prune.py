# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`prune`."""

from wyng_dom0.commands.context import Context
from wyng_dom0.errors import BadInput


def run(context: Context) -> None:
    """Not built yet."""
    raise BadInput(f"{context.options.command} is not built yet")
