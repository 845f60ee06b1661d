# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every bound on what is read, in one place. Sizes are bytes.

A length that came from elsewhere is compared with one of these before
anything of that size is allocated.
"""

KIB = 1024
MIB = 1024 * KIB

# Chunks: 64 KiB * 2**(factor - 1).
CHUNK_FACTOR_MIN = 1
CHUNK_FACTOR_MAX = 6
CHUNK_SIZE_MIN = 64 * KIB
CHUNK_SIZE_MAX = CHUNK_SIZE_MIN << (CHUNK_FACTOR_MAX - 1)

# Slots of one node of a volume's tree. A slot is one byte of the sealed
# payload, so at most 255 would fit; 128 was measured (doc/design.md).
NODE_SLOTS = 128
VOLUME_SIZE_MAX = 1 << 60

# Frames. Padding adds at most 12 % and sealing under 128 bytes.
CHUNK_PAYLOAD_MAX = CHUNK_SIZE_MAX + CHUNK_SIZE_MAX // 8 + 4 * KIB
META_PAYLOAD_MAX = 2 * MIB
META_PLAIN_MAX = 1 * MIB
CHILDREN_MAX = 8192
FRAME_MAX = 40 + 32 * CHILDREN_MAX + CHUNK_PAYLOAD_MAX + 16

# Commit records.
RELEASES_MAX = 1024
REMOVALS_MAX = 64 * KIB
COMMIT_RECORD_MAX = 256 + 16 * RELEASES_MAX + REMOVALS_MAX

# Key slots.
SLOTS_MAX = 8
SLOT_FILE_MAX = 4 * KIB

# Messages.
PUT_FRAMES_MAX = 1024
PUT_BODY_MAX = 16 * MIB
HAVE_IDS_MAX = 4096
GET_IDS_MAX = 256
LOG_RECORDS_MAX = 1024
LISTED_IDS_MAX = 1024
HELLO_PATH_MAX = 4096

# What archives may hold.
VOLUMES_MAX = 4096
