"""What a synchronous client of Python's is asked for; each client says how it gets and puts."""

import sys

MIB = 1 << 20


def lines(length, first=0):
    return b"".join(b"%015d\n" % number for number in range(first // 16, (first + length) // 16))


def in_parts(content):
    for at in range(0, len(content), 65536):
        yield content[at : at + 65536]


class GivenUp(Exception):
    pass


def broken():
    """Content that fails after a MiB."""
    yield from in_parts(lines(MIB))
    raise GivenUp


def total(parts):
    """The length of numbered lines, of which the last must be what it has to be."""
    length, last = 0, b""
    for part in parts:
        length += len(part)
        last = (last + part[-16:])[-16:]
    assert last == b"%015d\n" % (length // 16 - 1), last
    return length


def main(client):
    """`get` gives status and content, `parts` the content as it comes; `put` takes bytes or an iterator."""
    step = sys.argv[2]
    if step == "keep-alive":
        for _ in range(2000):
            assert client.get("/hello") == (200, b"hello\n")
    elif step == "upload":
        content = lines(4 * MIB)
        for _ in range(20):
            assert client.put("/upload", content) == (200, b"4194304\n")
    elif step == "chunked":
        content = lines(4 * MIB)
        for _ in range(20):
            assert client.put("/upload", in_parts(content)) == (200, b"4194304\n")
    elif step == "expect":
        for _ in range(5):
            assert client.expect("/upload", lines(MIB)) == (200, b"1048576\n")
    elif step == "download":
        assert total(client.parts("/bytes/268435456")) == 256 * MIB
        assert total(client.parts("/stream/67108864")) == 64 * MIB
    elif step == "range":
        for _ in range(10):
            found = client.get("/files/large", {"Range": "bytes=1600-3199"})
            assert found == (206, lines(1600, 1600))
    elif step == "early":
        for _ in range(5):
            assert client.put("/refuse", lines(8 * MIB))[0] == 413
    elif step == "abort":
        for _ in range(20):
            parts, got = client.parts("/bytes/1073741824"), 0
            while got < MIB:
                got += len(next(parts))
            parts.close()
        for _ in range(20):
            try:
                client.put("/upload", broken())
            except GivenUp:
                client.reset()
            else:
                raise AssertionError("it was given up")
    elif step == "short":
        for _ in range(3):
            try:
                client.get("/abort")
            except client.CUT:
                client.reset()
            else:
                raise AssertionError("it is not whole")
    else:
        raise AssertionError(step)
