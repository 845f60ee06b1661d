# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Files as one volume: a tar of a few folders, read and unpacked."""
