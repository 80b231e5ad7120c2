"""Draws the noise of the model-file contract in pure Python, which shares no code with Credence, and prints it as JSON.

Run: python3 make_noise.py > noise.json (in this folder).
"""
import json
import math
import struct

M0, M1, W0, W1, MASK = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85, 0xFFFFFFFF


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = M0 * c[0], M1 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK]
        k = [(k[0] + W0) & MASK, (k[1] + W1) & MASK]
    return c


def float32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def draw(count, drop, index, seed, sample):
    values = []
    for block in range((count + 3) // 4):
        x = philox([block & MASK, block >> 32, index, sample], [seed & MASK, seed >> 32])
        if drop is None:
            for a, b in ((x[0], x[1]), (x[2], x[3])):
                radius = math.sqrt(-2 * math.log((a + 0.5) / 2**32))
                angle = 2 * math.pi * ((b + 0.5) / 2**32)
                values += [float32(radius * math.cos(angle)), float32(radius * math.sin(angle))]
        else:
            values += [float32(1 / (1 - drop)) if v >= drop * 2**32 else 0.0 for v in x]
    return values[:count]


assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
print(json.dumps([
    {"shape": shape, "drop": drop, "index": index, "seed": str(seed), "sample": sample,
     "values": draw(math.prod(shape), drop, index, seed, sample)}
    for shape, drop, index, seed, sample in [
        ([2, 1, 3, 3, 3], None, 0, 1, 0),
        ([2, 1, 3, 3, 3], None, 3, 1, 5),
        ([7], None, 0, 0xFEDCBA9876543210, 2),
        ([1, 16, 1, 1, 1], 0.1, 1, 42, 0),
        ([1, 10, 1, 1, 1], 0.5, 0, 42, 7),
    ]
], indent=None, separators=(",", ":")))
