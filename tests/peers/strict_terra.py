"""A strict Terra server on PyPI websockets: shares no code with volley, and counts what it must not be sent.

Prints its port, and on SIGTERM its account as JSON.
"""

import asyncio
import json
import signal
from collections import Counter

import websockets

INTERVAL_S = 2.0
counts = Counter()
violations = Counter()
streams = {}


class Stream:
    def __init__(self):
        self.consumer = None
        self.seq = 100
        self.history = []


class Bad(Exception):
    def __init__(self, code, what):
        self.code, self.what = code, what


def expect(condition, code, what):
    if not condition:
        raise Bad(code, what)


async def identify(ws):
    """The first message that is no heartbeat must be an IDENTIFY within 15 s."""
    while True:
        frame = json.loads(await asyncio.wait_for(ws.recv(), 15))
        expect(type(frame) is dict and type(frame.get("op")) is int, 1007, "no op")
        if frame["op"] == 0:
            expect(frame == {"op": 0}, 1007, "heartbeat with more than op")
            counts["heartbeats"] += 1
            await ws.send('{"op":1}')
            continue
        expect(frame["op"] == 3, 4000, "not identified")
        expect(set(frame) == {"op", "d"} and set(frame["d"]) == {"token", "type"}, 1007, "identify has other members")
        token, kind = frame["d"]["token"], frame["d"]["type"]
        expect(type(token) is str and kind in (0, 1), 1007, "identify of wrong types")
        role, _, group = token.partition("-group-")
        expect(group != "" and role.startswith(("producer", "consumer")), 4001, "bad token")
        expect((kind == 1) == role.startswith("consumer"), 4001, "token of the other role")
        return token, kind, streams.setdefault(group, Stream())


async def handle(ws):
    beaten = asyncio.get_running_loop().time()
    stream, kind = None, None
    try:
        expect(ws.request.path == "/connect", 1008, "path")
        await ws.send(json.dumps({"op": 2, "d": {"heartbeat_interval": int(INTERVAL_S * 1000)}}))
        token, kind, stream = await identify(ws)
        if kind == 1:
            expect(stream.consumer is None, 4002, "second consumer")
            stream.consumer = ws
        await ws.send('{"op":4}')
        counts["identified"] += 1
        async for text in ws:
            expect(type(text) is str, 1003, "binary")
            frame = json.loads(text)
            op = frame.get("op")
            now = asyncio.get_running_loop().time()
            if op == 0:
                expect(frame == {"op": 0}, 1007, "heartbeat with more than op")
                counts["heartbeats"] += 1
                expect(now - beaten <= INTERVAL_S * 1.25, 4005, "heartbeat late")
                beaten = now
                await ws.send('{"op":1}')
            elif op == 6:
                expect(kind == 0, 4004, "submit by a consumer")
                expect(set(frame) == {"op", "d", "t"}, 1007, "submit has other members")
                expect(type(frame["t"]) is str and set(frame["d"]) in ({"val"}, {"d"}), 1007, "submit of no reading")
                stream.seq += 3
                counts["submits"] += 1
                message = json.dumps({"op": 5, "d": dict(frame["d"], ts="2026-01-01T00:00:00+00:00"), "uid": token, "seq": stream.seq, "t": frame["t"]})
                stream.history.append((stream.seq, message))
                if stream.consumer is not None:
                    counts["dispatches"] += 1
                    await stream.consumer.send(message)
            elif op == 7:
                expect(kind == 1, 4004, "replay by a producer")
                expect(set(frame["d"]) == {"after", "before"}, 1007, "replay without bounds")
                counts["replays"] += 1
                for seq, message in stream.history:
                    if frame["d"]["after"] < seq < frame["d"]["before"]:
                        counts["replayed"] += 1
                        await ws.send(message)
            elif op == 3:
                raise Bad(4003, "identified twice")
            else:
                raise Bad(4004, f"opcode {op}")
    except Bad as bad:
        violations[bad.what] += 1
        await ws.close(bad.code, bad.what)
    except (ValueError, KeyError, TypeError) as error:
        violations[f"malformed: {error!r}"] += 1
        await ws.close(1007, "malformed")
    except (websockets.ConnectionClosed, asyncio.TimeoutError):
        pass
    finally:
        if stream is not None and stream.consumer is ws:
            stream.consumer = None


async def main():
    stop = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set_result, None)
    async with websockets.serve(handle, "127.0.0.1", 0, ping_interval=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await stop
    print(json.dumps({"counts": counts, "violations": violations}), flush=True)


asyncio.run(main())
