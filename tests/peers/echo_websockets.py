"""Echo with PyPI websockets, under TLS when a certificate and a key are given. Prints its port when
ready; on SIGTERM, when all are gone, its counts."""

import asyncio
import json
import signal
import ssl
import sys

from websockets.asyncio.server import serve

counts = {"messages": 0, "connections": 0, "closes": {}}


async def echo(connection):
    counts["connections"] += 1
    async for message in connection:
        counts["messages"] += 1
        await connection.send(message)
    code = str(connection.close_code)
    counts["closes"][code] = counts["closes"].get(code, 0) + 1


def protection():
    if len(sys.argv) < 3:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    return context


async def main():
    stop = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set_result, None)
    async with serve(echo, "127.0.0.1", 0, backlog=4096, ssl=protection()) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await stop
    print(json.dumps(counts), flush=True)


asyncio.run(main())
