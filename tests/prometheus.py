"""Holds what two Prometheus servers (native histograms, text) know of a run to its summary.json."""

import json
import sys
import urllib.parse
import urllib.request

# Sends a second; the last scrape may be three seconds behind the end.
RATE, BEHIND = 400, 3
# Half a bucket of schema 5 on either side, and what the last seconds add.
OFF = 0.04


def ask(port, query, **more):
    """What an instant query finds."""
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query, **more})
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]["result"]


def last(port):
    """The instant of the last scrape; a query of now would find nothing, as the figures ended with the run."""
    return max(float(series["values"][-1][0]) for series in ask(port, "volley_seconds_total[5m]"))


def value(port, query):
    """The one value of a query at the last scrape."""
    found = ask(port, query, time=last(port))
    if len(found) != 1:
        sys.exit(f"{query}: one value is wanted, not {found}")
    return float(found[0]["value"][1])


def main():
    summary = json.load(open(sys.argv[1]))
    native, text = sys.argv[2:]
    echo = next(series for series in summary["series"] if series["name"] == "echo")
    labels = '{series="echo",phase="measure"}'
    wrong = []

    def check(what, found, least, most):
        print(f"{what:44} {found:12.6g}  of {least:.6g} to {most:.6g}")
        if not least <= found <= most:
            wrong.append(what)

    for name, port in [("native", native), ("text", text)]:
        for count in ["planned", "sent", "answered"]:
            true = summary["counts"][count]
            found = value(port, f"volley_{count}_total")
            check(f"{name}: {count}", found, true - RATE * BEHIND, true)
    counts = {
        "native": value(native, f"histogram_count(volley_response_seconds{labels})"),
        "text": value(text, f"volley_response_seconds_count{labels}"),
    }
    for name, found in counts.items():
        check(f"{name}: answers of echo", found, echo["count"] - RATE * BEHIND, echo["count"])
    for key, q in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)]:
        true = echo["response"][key] / 1e9
        found = value(native, f"histogram_quantile({q}, volley_response_seconds{labels})")
        check(f"native: {key} of echo, {found / true - 1:+.2%}", found, true * (1 - OFF), true * (1 + OFF))
    if wrong:
        sys.exit(f"wrong: {', '.join(wrong)}")


main()
