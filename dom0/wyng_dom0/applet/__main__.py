# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m wyng_dom0.applet`."""

import sys

from wyng_dom0.applet.program import main

sys.exit(main())
