"""The seal over the book: Merkle roots over committed transfers, chained, and signed from time to time.

    leaf        SHA-256 of 0x00 and a transfer's fields (`leaf.py`)
    seal        the Merkle root of up to 4,096 leaves, and a link to the seal before it (`chain.py`)
    checkpoint  the Merkle root of all seals since the last checkpoint, signed (`checkpoint.py`)

A seal's root is a node of its checkpoint's tree, so one path leads from a transfer to what was signed.
"""
