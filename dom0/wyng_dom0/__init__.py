# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The dom0 side: names, keys, snapshots, sessions and every decision."""
