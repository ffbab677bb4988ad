#!/usr/bin/env python3
"""Writes examples/terra-day.trace.ndjson: a made-up day of one person's heart rates as a watch submits them to Terra.

At rest a reading comes about every ninety seconds, with gaps where the watch lies aside; a run in the evening brings one every few
seconds. The consumer listens to the end. The same file comes out each time: the numbers are drawn from a fixed seed.
"""

import json
import math
import random
from pathlib import Path

SECOND = 1_000_000_000
HOUR = 3600

draw = random.Random(20260204)


def rate(t):
    """Beats a minute at a second of the day."""
    hour = t / HOUR
    rest = 54 if hour < 6.5 else 68 + 6 * math.sin((hour - 8) / 24 * 2 * math.pi)
    run = 82 * math.exp(-(((hour - 18.5) / 0.35) ** 4))
    return round(rest + run + draw.gauss(0, 2.5))


def pause(t):
    """Seconds to the next reading."""
    hour = t / HOUR
    if 18.1 <= hour < 18.9:
        return draw.uniform(4, 9)
    if 7.0 <= hour < 7.4 or 22.6 <= hour < 22.8:
        return 1500 * draw.uniform(0.9, 1.1)
    return draw.uniform(70, 120)


def lines():
    yield {"volley_trace": 1, "made_by": "scripts/terra-day.py", "profile": "terra"}
    yield {"at_ns": 0, "conn": 0, "role": "consumer", "open": {"path": "/connect"}}
    yield {"at_ns": 0, "conn": 1, "role": "producer", "open": {"path": "/connect"}}
    t = 30.0
    while t < 24 * HOUR:
        text = json.dumps({"op": 6, "d": {"val": rate(t)}, "t": "HEART_RATE"}, separators=(",", ":"))
        yield {"at_ns": round(t * 1000) * SECOND // 1000, "conn": 1, "sent": {"text": text}}
        t += pause(t)
    yield {"at_ns": 24 * HOUR * SECOND, "conn": 1, "close": {"by": "client", "code": 1000}}


if __name__ == "__main__":
    path = Path(__file__).resolve().parents[1] / "examples" / "terra-day.trace.ndjson"
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines()))
    print(f"{path}: {path.stat().st_size} bytes")
