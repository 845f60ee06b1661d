# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The store: keeps sealed blobs in packs, and has no key to open them.

Standard library and wyng_common only; Python 3.9, SQL of SQLite 3.26.
"""

from wyng_common import __version__

__all__ = ["__version__"]
