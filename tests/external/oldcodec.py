"""A program as others publish it, for an environment of its own: the standard library, no numpy, no rawbench.

It quantises the raw to so many levels and deflates it. ``evaluate`` is its own evaluation, by its own code.
"""

import array
import ast
import json
import math
import os
import sys
import time
import zlib


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    end = 10 + int.from_bytes(data[8:10], "little")
    header = ast.literal_eval(data[10:end].decode())
    assert header["descr"] == "<f4" and not header["fortran_order"]
    values = array.array("f")
    values.frombytes(data[end:])
    return header["shape"], values


def write(path, shape, values):
    header = repr({"descr": "<f4", "fortran_order": False, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + values.tobytes())


def encode(raw, payload, levels):
    _, values = read(raw)
    codes = bytes(round(value * (levels - 1)) for value in values)
    with open(payload, "wb") as file:
        file.write(bytes([levels - 1]) + zlib.compress(codes, 9))


def decode(payload, raw, height, width):
    with open(payload, "rb") as file:
        data = file.read()
    try:
        codes = zlib.decompress(data[1:])
    except zlib.error as error:
        sys.exit(f"oldcodec: {error}")
    if len(codes) != height * width * 3 or not data[0]:
        sys.exit("oldcodec: another size")
    write(raw, (height, width, 3), array.array("f", [min(1.0, code / data[0]) for code in codes]))


def evaluate(raw, levels):
    shape, values = read(raw)
    encode(raw, "own.bin", levels)
    decode("own.bin", "own.npy", *shape[:2])
    _, back = read("own.npy")
    error = sum((a - b) ** 2 for a, b in zip(values, back, strict=True)) / len(values)
    print(json.dumps({"bytes": os.path.getsize("own.bin"), "psnr": -10 * math.log10(error)}))


def serve():
    print("loading the model ...", flush=True)
    print("rawbench: ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "encode":
                encode(request["raw"], request["payload"], request["levels"])
            else:
                decode(request["payload"], request["raw"], request["height"], request["width"])
        except SystemExit as error:
            print(f"rawbench: error {error}", flush=True)
            continue
        print("rawbench: record requests 1\nrawbench: ok", flush=True)


def misbehave(how):
    if how == "hang":
        time.sleep(60)
    if how == "die":
        os.kill(os.getpid(), 9)
    if how == "complain":
        print("first\nthe checkpoint is of another size", file=sys.stderr)
        sys.exit(3)
    if how == "shape":
        write("raw.npy", (2, 2, 3), array.array("f", [0.5] * 12))
    if how == "nan":
        write("raw.npy", (24, 40, 3), array.array("f", [math.nan] * 2880))
    if how == "garbage":
        with open("raw.npy", "wb") as file:
            file.write(b"no array")
    if how == "list":
        print("rawbench: record files", len(os.listdir()))
        print(*sorted(os.listdir()), sep=",", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "serve":
        serve()
    elif what == "misbehave":
        misbehave(*rest)
    elif what == "encode":
        encode(rest[0], rest[1], int(rest[2]))
    elif what == "decode":
        decode(rest[0], rest[1], int(rest[2]), int(rest[3]))
    else:
        evaluate(rest[0], int(rest[1]))
