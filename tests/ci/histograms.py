"""Histogram logs as PyPI hdrhistogram reads them, and what summaries may say of them."""

import math

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader


def empty():
    return HdrHistogram(1_000, 3_600_000_000_000, 3)


def by_tag(path):
    """All histograms of a log, merged by tag."""
    merged = {}
    reader = HistogramLogReader(str(path), empty())
    while (hist := reader.get_next_interval_histogram()) is not None:
        merged.setdefault(hist.get_tag(), empty()).add(hist)
    reader.close()
    return merged


def buckets(hist):
    """Highest value and count of each bucket that has any."""
    found = hist.get_recorded_iterator()
    return [(item.value_iterated_to, item.count_at_value_iterated_to) for item in found]


def at(hist, quantile, extremes, unanswered=0):
    """The value at a quantile of all exchanges, and how many values there are up to it."""
    count = hist.get_total_count()
    rank = max(1, math.ceil(min(quantile * (count + unanswered) / count, 1.0) * count))
    up_to = 0
    for value, n in buckets(hist):
        up_to += n
        if up_to >= rank:
            # Of the lowest quantile HdrHistogram gives the lower end of its bucket.
            return min(max(value if quantile else 0, extremes[0]), extremes[1]), up_to
    raise AssertionError(f"{rank} of {count} values")


def exact(rows):
    """Count, smallest, largest and sum by tag, from the counters."""
    merged = {}
    for tag, one in ((tag, one) for row in rows for tag, one in row["exact"].items()):
        old = merged.setdefault(tag, dict(one, count=0, sum=0))
        merged[tag] = {
            "count": old["count"] + one["count"],
            "sum": old["sum"] + one["sum"],
            "min": min(old["min"], one["min"]),
            "max": max(old["max"], one["max"]),
        }
    return merged


def agree(tag, hist, known, figures, unanswered):
    """Every figure is that of the histogram, and none lacks that has samples enough."""
    if hist is None:
        assert all(value is None for value in figures.values()), f"{tag}: figures without a histogram"
        return
    assert hist.get_total_count() == known["count"], f"{tag}: {hist.get_total_count()} values, not {known['count']}"
    for name, found in figures.items():
        if name in ("min", "max", "mean"):
            wanted = known["sum"] // known["count"] if name == "mean" else known[name]
        else:
            quantile = float(name[1:]) / 100
            beyond = math.floor((known["count"] + unanswered) * (1 - quantile) + 1e-6)
            wanted = at(hist, quantile, (known["min"], known["max"]), unanswered)[0] if beyond >= 10 else None
            # With unanswered exchanges a quantile may lie above the timeout.
            if unanswered and found is None:
                continue
        assert found == wanted, f"{tag} {name}: {found}, not {wanted}"
