"""aiohttp: four requests at a time, over four connections."""

import asyncio
import sys

import aiohttp

from steps import MIB, GivenUp, broken, in_parts, lines, total

BASE, STEP = sys.argv[1:3]


async def repeat(times, action):
    """Does it so many times, four at a time."""
    for done in range(0, times, 4):
        await asyncio.gather(*(action() for _ in range(min(4, times - done))))


async def answer(asked):
    async with asked as response:
        return response.status, await response.read()


async def chunked(content):
    for part in content:
        yield part


async def fails(asked, *errors):
    try:
        await answer(asked)
    except errors:
        return
    raise AssertionError("it has not failed")


async def do(session):
    content = lines({"upload": 4, "chunked": 4, "expect": 1, "early": 8}.get(STEP, 0) * MIB)

    async def hello():
        assert await answer(session.get("/hello")) == (200, b"hello\n")

    async def upload():
        assert await answer(session.put("/upload", data=content)) == (200, b"4194304\n")

    async def upload_in_chunks():
        assert await answer(session.put("/upload", data=chunked(in_parts(content)))) == (200, b"4194304\n")

    async def expecting():
        assert await answer(session.put("/upload", data=content, expect100=True)) == (200, b"1048576\n")

    async def part():
        found = await answer(session.get("/files/large", headers={"Range": "bytes=1600-3199"}))
        assert found == (206, lines(1600, 1600))

    async def refused():
        assert (await answer(session.put("/refuse", data=content)))[0] == 413

    async def leave_a_download():
        async with session.get("/bytes/1073741824") as response:
            await response.content.readexactly(MIB)
            response.close()

    async def leave_an_upload():
        await fails(session.put("/upload", data=chunked(broken())), GivenUp, aiohttp.ClientError)

    async def short():
        await fails(session.get("/abort"), aiohttp.ClientPayloadError)

    async def events():
        async with session.get("/events") as response:
            assert (await response.text()).count("\ndata: event ") == 100

    async def download():
        for path, length in (("/bytes/268435456", 256 * MIB), ("/stream/67108864", 64 * MIB)):
            async with session.get(path) as response:
                assert total([part async for part in response.content.iter_chunked(1 << 16)]) == length

    async def websocket():
        async with session.ws_connect("/websocket") as socket:
            for number in range(100):
                await socket.send_str(f"message {number}")
                assert await socket.receive_str() == f"message {number}"
            await socket.send_bytes(b"\7" * MIB)
            assert await socket.receive_bytes() == b"\7" * MIB

    actions = {
        "keep-alive": [(2000, hello)],
        "upload": [(20, upload)],
        "chunked": [(20, upload_in_chunks)],
        "expect": [(5, expecting)],
        "download": [(1, download)],
        "range": [(10, part)],
        "early": [(5, refused)],
        "abort": [(20, leave_a_download), (20, leave_an_upload)],
        "short": [(3, short)],
        "events": [(3, events)],
        "websocket": [(1, websocket)],
    }
    for times, action in actions[STEP]:
        await repeat(times, action)


async def main():
    timeout = aiohttp.ClientTimeout(total=100)
    connector = aiohttp.TCPConnector(limit=4)
    async with aiohttp.ClientSession(BASE, timeout=timeout, connector=connector, read_bufsize=MIB) as session:
        await do(session)


asyncio.run(main())
