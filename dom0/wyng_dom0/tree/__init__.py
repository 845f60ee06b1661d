# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The tree of a volume: nodes, updates, walks. Does no I/O."""
