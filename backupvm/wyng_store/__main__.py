# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m wyng_store` is `wyng-store`. Nothing else belongs here."""

import sys

from wyng_store.main import main

if __name__ == "__main__":
    sys.exit(main())
