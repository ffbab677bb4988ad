"""A strict OpenShock gateway, in the dialect of the documents, on PyPI websockets: shares no code with volley.

Prints its port, and on SIGTERM its account as JSON.
"""

import asyncio
import json
import re
import signal
import time
from collections import Counter

import websockets

PING_S = 1.0
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
counts = Counter()
violations = Counter()


def check(condition, what):
    if not condition:
        violations[what] += 1


def frame(data):
    check(set(data) == {"shocker", "intensity", "type"}, "frame has other members")
    check(bool(UUID.fullmatch(data["shocker"])), "shocker is no uuid")
    check(type(data["intensity"]) is int and data["intensity"] == 0, "intensity is not 0")
    check(data["type"] == "Stop", "type is not Stop")


async def pings(ws):
    while True:
        await asyncio.sleep(PING_S)
        ws.open_ping = True
        await ws.send(json.dumps({"responseType": 1000, "data": {"timestamp": int(time.time() * 1000)}}))
        counts["pings"] += 1


async def handle(ws):
    path = ws.request.path
    check(path.startswith("/1/ws/live/") and "tps=10" in path, "path")
    check(bool(ws.request.headers.get("User-Agent")), "no User-Agent")
    check(bool(ws.request.headers.get("OpenShockToken")), "no token")
    ws.open_ping = False
    await ws.send('{"responseType":50,"data":{"client":10}}')
    await ws.send('{"responseType":101}')
    beat = asyncio.create_task(pings(ws))
    try:
        async for text in ws:
            message = json.loads(text)
            check(set(message) == {"requestType", "data"}, "message has other members")
            if message["requestType"] == 0:
                frame(message["data"])
                counts["frames"] += 1
                await ws.send('{"responseType":0}')
            elif message["requestType"] == 1000:
                check(type(message["data"]) is dict, "pong without data")
                check(ws.open_ping, "pong without a ping")
                ws.open_ping = False
                counts["pongs"] += 1
                await ws.send('{"responseType":1001,"data":{"deviceLatency":0,"ownLatency":1}}')
            else:
                violations["request type"] += 1
    except (ValueError, KeyError, TypeError) as error:
        violations[f"malformed: {error!r}"] += 1
    except websockets.ConnectionClosed:
        pass
    finally:
        beat.cancel()


async def main():
    stop = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set_result, None)
    async with websockets.serve(handle, "127.0.0.1", 0, ping_interval=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await stop
    print(json.dumps({"counts": counts, "violations": violations}), flush=True)


asyncio.run(main())
