# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What both sides share: ids, frames, commit records, messages, limits.

Standard library only, Python 3.9 or newer. Nothing here opens a file, a
socket or a process; it turns values into bytes and bounded bytes into values.
"""

__version__ = "0.1.0"
