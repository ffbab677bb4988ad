"""A strict server of direct messages, in the dialect of running servers, on PyPI websockets: shares no code with volley.

Prints its port, and on SIGTERM its account as JSON.
"""

import asyncio
import json
import signal
from collections import Counter
from collections import defaultdict
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import websockets

counts = Counter()
violations = Counter()
sockets = defaultdict(set)
messages = {}

SHAPES = {
    "message": {"type", "text"},
    "typing": {"type"},
    "read": {"type", "message_id"},
    "react": {"type", "message_id", "emoji"},
    "ping": {"type"},
}


async def tell(users, message):
    text = json.dumps(message)
    for user in users:
        for ws in list(sockets[user]):
            await ws.send(text)


async def said(me, friend, message):
    kind = message["type"]
    counts[kind] += 1
    if kind == "message":
        assert message["text"].strip() == message["text"] != "", "text"
        key = f"m{len(messages) + 1}"
        messages[key] = {"author": me, "reader": friend, "read": False, "reactions": set()}
        data = {"id": key, "sender_id": me, "receiver_id": friend, "message": message["text"], "display_message": message["text"], "read": False}
        await tell({me, friend}, {"type": "message", "data": data})
    elif kind == "typing":
        await tell([friend], {"type": "typing", "user_id": me})
    elif kind == "read":
        known = messages[message["message_id"]]
        assert known["reader"] == me and not known["read"], "read again, or by the author"
        known["read"] = True
        await tell([known["author"]], {"type": "read", "message_id": message["message_id"], "read_at": "2026-01-01T00:00:00Z"})
    elif kind == "react":
        known = messages[message["message_id"]]
        mark = (me, message["emoji"])
        if mark in known["reactions"]:
            return
        known["reactions"].add(mark)
        counts["reactions"] += 1
        await tell({me, friend}, {"type": "reaction", "message_id": message["message_id"], "user_id": me, "emoji": message["emoji"], "action": "add"})


async def handle(ws):
    url = urlsplit(ws.request.path)
    me = parse_qs(url.query)["token"][0]
    friend = url.path.rsplit("/", 1)[1]
    sockets[me].add(ws)
    counts["connected"] += 1
    try:
        await ws.send(json.dumps({"type": "connected", "friend_id": friend, "friend_name": friend, "friend_avatar": None}))
        async for text in ws:
            message = json.loads(text)
            if set(message) != SHAPES.get(message.get("type")):
                violations[f"shape {sorted(message)}"] += 1
            elif message["type"] == "ping":
                counts["ping"] += 1
                await ws.send('{"type":"pong","timestamp":"2026-01-01T00:00:00Z"}')
            else:
                await said(me, friend, message)
    except (ValueError, KeyError, AssertionError) as error:
        violations[repr(error)] += 1
        await ws.close(1007, "malformed")
    except websockets.ConnectionClosed:
        pass
    finally:
        sockets[me].discard(ws)


async def main():
    stop = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set_result, None)
    async with websockets.serve(handle, "127.0.0.1", 0, ping_interval=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await stop
    print(json.dumps({"counts": counts, "violations": violations}), flush=True)


asyncio.run(main())
