"""Holds the files of one run to readers that share no code with volley, and to each other.

Usage: check.py VOLLEY WORK; WORK/run is the folder of a run with every report, WORK/junit-10.xsd the schema of JUnit files.
Each check takes a folder and complains by raising. In the end every check must complain about a broken copy.
"""

import csv
import json
import math
import re
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import histograms
import recipes
import schemas
import xmlschema
from prometheus_client.openmetrics.parser import text_string_to_metric_families

volley, work = (Path(argument).resolve() for argument in sys.argv[1:3])
QUANTILES = {"p50": "0.5", "p90": "0.9", "p95": "0.95", "p99": "0.99", "p99.9": "0.999", "p99.99": "0.9999"}
FIGURES = ["min", "mean", "p50", "p90", "p95", "p99", "p99.9", "p99.99", "max"]


def same(found, wanted, what):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, not {wanted!r}")


def load(folder, name="summary.json"):
    return json.loads((folder / name).read_text())


def lines(folder, name):
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def junit(folder):
    path, summary = folder / "junit.xml", load(folder)
    xmlschema.XMLSchema(work / "junit-10.xsd").validate(path)
    root = ElementTree.parse(path).getroot()
    cases = root.findall("testsuite/testcase")
    same([case.get("name") for case in cases[1:]], [limit["expr"] for limit in summary["limits"]], "test cases")
    broken = sum(limit["ok"] is False for limit in summary["limits"])
    failed = broken or int(summary["verdict"] == "fail")
    counts = {
        "tests": 1 + len(summary["limits"]),
        "failures": failed,
        "errors": int(summary["verdict"] in ("invalid", "degraded", "aborted")),
        "skipped": sum(limit["ok"] is None for limit in summary["limits"]),
    }
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        same(sum(case.find(tag) is not None for case in cases), counts[name], f"elements {tag}")
    for element in [root, *root.findall("testsuite")]:
        for name in counts.keys() & element.keys():
            same(element.get(name), str(counts[name]), f"{name} of {element.tag}")
    properties = {p.get("name"): p.get("value") for p in root.iter("property")}
    for series in summary["series"]:
        same(properties[f"{series['name']}.count"], str(series["count"]), "count")
        for name, ns in series["response"].items():
            same(properties[f"{series['name']}.response.{name}_ns"], "n/a" if ns is None else str(ns), f"{series['name']} {name}")


def openmetrics(folder):
    summary = load(folder)
    samples = {}
    for family in text_string_to_metric_families((folder / "openmetrics.txt").read_text()):
        for sample in family.samples:
            samples[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    wanted = {("volley_passed", ()): float(summary["verdict"] == "pass")}
    for series in summary["series"]:
        wanted["volley_answers", (("series", series["name"]),)] = series["count"]
        for name, quantile in QUANTILES.items():
            if series["response"][name] is not None:
                labels = (("quantile", quantile), ("series", series["name"]))
                wanted["volley_response_seconds", labels] = series["response"][name] / 1e9
    for state in ("planned", "sent", "answered", "late", "unanswered"):
        wanted["volley_exchanges", (("state", state),)] = summary["counts"][state]
    for kind, count in summary["counts"]["faults"].items():
        wanted["volley_faults", (("kind", kind),)] = count
    for limit in summary["limits"]:
        if limit["ok"] is not None:
            wanted["volley_limit_holds", (("limit", limit["expr"]),)] = float(limit["ok"])
    same(samples, wanted, "samples")


def hlog(folder):
    """Both logs, merged by tag, give the counts and quantiles of the summary, and one is the sum of the other."""
    summary = load(folder)
    seconds, totals = (histograms.by_tag(folder / name) for name in ("intervals.hlog", "totals.hlog"))
    whole = {tag: hist for tag, hist in totals.items() if "#" not in tag}
    same({t: histograms.buckets(h) for t, h in seconds.items()}, {t: histograms.buckets(h) for t, h in whole.items()}, "totals")
    for tag in (tag for tag in whole if not tag.startswith("warmup/")):
        parts = [hist.get_total_count() for name, hist in totals.items() if name.startswith(f"{tag}#")]
        same(sum(parts), whole[tag].get_total_count(), f"sections of {tag}")
    exact = histograms.exact(lines(folder, "counters.ndjson"))
    for series in summary["series"]:
        name, unanswered = series["name"], series["unanswered"]
        same(whole[name].get_total_count() if name in whole else 0, series["count"], f"answers of {name}")
        for tag, figures in ((name, series["response"]), (f"{name}/service", series["service"])):
            histograms.agree(tag, whole.get(tag), exact.get(tag), figures, unanswered)
    for tag in ("lag", "reaction", "read_delay"):
        histograms.agree(tag, whole.get(tag), exact.get(tag), summary[tag], 0)


def main_series(summary):
    return max(summary["series"], key=lambda series: series["name"] == summary["run"]["profile"])


def hgrm(folder):
    """Read as plotters read it; every row is what the histogram says."""
    text, main = (folder / "latency.hgrm").read_text(), main_series(load(folder))
    rows = [[float(cell) for cell in row] for row in re.findall(r"^\s+([0-9.]+)\s+([0-9.]+)\s+([0-9]+)", text, re.MULTILINE)]
    hist = histograms.by_tag(folder / "intervals.hlog")[main["name"]]
    extremes = main["response"]["min"], main["response"]["max"]
    assert len(rows) > 10, "rows"
    for value, percentile, count in rows:
        ns, up_to = histograms.at(hist, percentile, extremes)
        same((value, count), (ns / 1e6, up_to), f"row of {percentile}")
    same(rows, sorted(rows), "order of rows")
    same(rows[-1][1], 1.0, "percentile of the last row")
    largest, total = re.search(r"^#\[Max\s+=\s+([0-9.]+), Total count\s+=\s+([0-9]+)\]$", text, re.MULTILINE).groups()
    mean = re.search(r"^#\[Mean\s+=\s+([0-9.]+)\]$", text, re.MULTILINE).group(1)
    same((float(largest), int(total)), (main["response"]["max"] / 1e6, main["count"]), "foot")
    same(float(mean), main["response"]["mean"] / 1e6, "mean")


def table(folder, name):
    with open(folder / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def number(cell):
    return float(cell) if cell else None


def sheets(folder):
    summary, rows = load(folder), table(folder, "series.csv")
    wanted = [(series, time) for series in summary["series"] for time in ("response", "service")]
    same(len(rows), len(wanted), "rows")
    for row, (series, time) in zip(rows, wanted):
        same((row["series"], row["class"], row["time"]), (series["name"], series["class"], time), "row")
        same((int(row["answers"]), int(row["unanswered"])), (series["count"], series["unanswered"]), f"counts of {series['name']}")
        same(float(row["answers_per_s"]), round(series["rate_per_s"], 3), f"rate of {series['name']}")
        for name in FIGURES:
            same(number(row[f"{name}_ns"]), series[time][name], f"{series['name']} {time} {name}")


def latency(folder):
    """Answers over time are those of the log, warm-up included."""
    answers, largest = defaultdict(int), defaultdict(int)
    for row in table(folder, "latency.csv"):
        answers[row["series"]] += int(row["answers"])
        largest[row["series"]] = max(largest[row["series"]], int(row["max_ns"]))
    exact, most = defaultdict(int), defaultdict(int)
    for row in lines(folder, "counters.ndjson"):
        for tag, figures in row["exact"].items():
            exact[tag.removeprefix("warmup/")] += figures["count"]
            most[tag.removeprefix("warmup/")] = max(most[tag.removeprefix("warmup/")], figures["max"])
    same(dict(answers), {tag: exact[tag] for tag in answers}, "answers")
    same(dict(largest), {tag: most[tag] for tag in largest}, "largest values")
    same(set(answers), {series["name"] for series in load(folder)["series"] if exact[series["name"]]}, "series")


def load_over_time(folder):
    """Each row is what the counters of that second say."""
    seconds = defaultdict(list)
    for row in lines(folder, "counters.ndjson"):
        seconds[row["t_ns"] // 10**9].append(row)
    rows = table(folder, "load.csv")
    same([float(row["middle_s"]) for row in rows], [second + 0.5 for second in sorted(seconds)], "seconds")
    for row, (_, counters) in zip(rows, sorted(seconds.items())):
        span_s = sum(c["span_ns"] for c in counters) / 1e9
        for name in ("planned", "sent", "answered"):
            count = sum(c[name] + (c["late"] if name == "answered" else 0) for c in counters)
            assert math.isclose(float(row[f"{name}_per_s"]), count / span_s, abs_tol=0.0006), f"{name} at {row['middle_s']}"
        same(int(row["connections"]), counters[-1]["connections"]["open"], "connections")


def tracked(summary):
    for series in (series for series in summary["series"] if series["count"]):
        for name in ("p50", "p99", "p99.9"):
            if series["response"][name] is not None:
                yield series, f"{summary['run']['profile']} {series['name']}", name, series["response"][name]


def bencher(folder):
    wanted = {}
    for series, title, name, ns in tracked(load(folder)):
        wanted[f"{title} {name}"] = {"latency": {"value": ns}}
        wanted[title] = {"throughput": {"value": round(series["rate_per_s"], 3)}}
    same(load(folder, "bencher.json"), wanted, "benchmarks")


def gh_benchmark(folder):
    found = [(entry["name"], entry["unit"], entry["value"]) for entry in load(folder, "gh-benchmark.json")]
    same(found, [(f"{title} {name}", "ms", ns / 1e6) for _, title, name, ns in tracked(load(folder))], "benchmarks")


def markdown(folder):
    """Tables are whole, and every limit is named."""
    text, summary = (folder / "summary.md").read_text(), load(folder)
    tables = re.findall(r"(?m)(?:^\|.*\|\n)+", text)
    assert tables, "no table"
    for rows in tables:
        same({len(re.findall(r"(?<!\\)\|", row)) for row in rows.splitlines()}, {rows.splitlines()[0].count("|")}, "cells")
    for limit in summary["limits"]:
        assert limit["expr"].replace("<", "&lt;") in text or limit["expr"] in text, limit["expr"]


def html(folder):
    block = re.search(r'<script[^>]* id="volley-summary"[^>]*>(.*?)</script>', (folder / "report.html").read_text(), re.DOTALL)
    same(json.loads(block.group(1)), load(folder), "summary in the page")


def plots(folder):
    for name in load(folder)["alt"]:
        assert (folder / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n"), name


def manifest(folder):
    schemas.check("run", load(folder, "run.json"))
    for name, length in load(folder, "run.json")["files"].items():
        same((folder / name).stat().st_size, length, f"length of {name}")


def summary_schema(folder):
    schemas.check("summary", load(folder))


def counters(folder):
    for row in lines(folder, "counters.ndjson"):
        schemas.check("counters", row)
    planned = sum(row["planned"] for row in lines(folder, "counters.ndjson"))
    same(planned, load(folder)["counts"]["planned"], "planned")


def events(folder):
    for event in lines(folder, "events.ndjson"):
        schemas.check("events", event)


def replaced(old, new, count=1):
    return lambda text: re.sub(old, new, text, count=count)


# Each check, the file of it that is broken, and how.
CHECKS = [
    (junit, "junit.xml", replaced(r'failures="1"', 'failures="2"')),
    (junit, "junit.xml", replaced(r"<failure ", "<failed ")),
    (junit, "junit.xml", replaced(r'name="echo.count" value="\d+"', 'name="echo.count" value="1"')),
    (junit, "junit.xml", replaced(r"(?s)<testcase .*?/>", "")),
    (openmetrics, "openmetrics.txt", replaced(r"# EOF\n", "")),
    (openmetrics, "openmetrics.txt", replaced(r'quantile="0.5"} 0.', 'quantile="0.5"} 1.')),
    (openmetrics, "openmetrics.txt", replaced(r"(?m)^volley_answers.*\n", "")),
    (hlog, "intervals.hlog", replaced(r"(?m)^Tag=echo,.*\n", "")),
    (hlog, "totals.hlog", replaced(r"(?m)^Tag=warmup/lag,.*\n", "")),
    (hlog, "totals.hlog", replaced(r"(?m)^#\[StartTime.*\n", "")),
    (hlog, "summary.json", replaced(r'"p90": (\d+)', r'"p90": 1\1')),
    (hlog, "summary.json", replaced(r'"mean": (\d+)', r'"mean": 1\1')),
    (hgrm, "latency.hgrm", replaced(r"(?m)^( +\S+ +0.9\d+ +)\d+", r"\g<1>7")),
    (hgrm, "latency.hgrm", replaced(r"Total count    = +\d+", "Total count    = 7")),
    (sheets, "series.csv", replaced(r"(?m)^echo,keyed,service,(\d+)", r"echo,keyed,service,1\1")),
    (sheets, "series.csv", replaced(r"(\d+)\n", r'"\1\n')),
    (latency, "latency.csv", replaced(r"(?m)^.*,echo,.*\n", "")),
    (load_over_time, "load.csv", replaced(r"(?m)^(\S+?,)\d", r"\g<1>9")),
    (bencher, "bencher.json", replaced(r'"value": (\d+)', r'"value": 1\1')),
    (gh_benchmark, "gh-benchmark.json", replaced(r'"ms"', '"s"')),
    (markdown, "summary.md", replaced("errors count", "errors number", 0)),
    (markdown, "summary.md", replaced(r"(?m)^(\| .*)\|$", r"\1| |")),
    (html, "report.html", replaced(r'"planned":\s*(\d+)', r'"planned":1\1', 0)),
    (plots, "timeline.png", None),
    (manifest, "run.json", replaced('"state": "complete"', '"state": "ended"')),
    (manifest, "run.json", replaced(r'"pid": \d+,', "")),
    (manifest, "run.json", replaced(r'"pid":', '"process":')),
    (manifest, "run.json", replaced(r'"events.ndjson": (\d+)', r'"events.ndjson": 1\1')),
    (summary_schema, "summary.json", replaced(r'"verdict": "\w+"', '"verdict": "good"')),
    (summary_schema, "summary.json", replaced(r'"p50": \d+', '"p50": 0.5')),
    (summary_schema, "summary.json", replaced(r'"peak":', '"most":')),
    (counters, "counters.ndjson", replaced(r'"late":0', '"late":-1')),
    (counters, "counters.ndjson", replaced(r'"clipped":', '"cut":')),
    (counters, "counters.ndjson", replaced(r'(?m)^.*"phase":"measure".*\n', "")),
    (events, "events.ndjson", replaced(r'"t_ns":0', '"t_ns":"0"')),
]


def complains(check, folder, file, edit):
    with tempfile.TemporaryDirectory(dir=work) as copy:
        copy = Path(shutil.copytree(folder, Path(copy) / "run"))
        if edit is None:
            (copy / file).write_bytes(b"")
        else:
            text = (copy / file).read_text()
            broken = edit(text)
            assert broken != text, f"{check.__name__}: {file} was not broken"
            (copy / file).write_text(broken)
        try:
            check(copy)
        except Exception:
            return
    raise AssertionError(f"{check.__name__} says nothing of a broken {file}")


def main():
    run = work / "run"
    for check in dict.fromkeys(check for check, _, _ in CHECKS):
        check(run)
    for check, file, edit in CHECKS:
        complains(check, run, file, edit)
    records = schemas.stored() + recipes.check(volley, work)
    print(f"ci: {len(CHECKS)} breaks seen by {len({check for check, _, _ in CHECKS})} checks; {records} other records and recipes hold")


main()
