# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How dom0 talks to a store: where it is, starting it, asking it."""
