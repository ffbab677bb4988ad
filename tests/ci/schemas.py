"""JSON Schemas of what volley writes, held against what it wrote. For readers they leave room for fields to come; here they
have none, so that every field that is written is described."""

import json
from pathlib import Path

from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]


def strict(schema):
    """The same without room for fields that are not described."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(part) for key, part in schema.items()}
    if isinstance(made.get("properties"), dict) and "additionalProperties" not in made:
        made["additionalProperties"] = False
    return made


def described(schema, name, place=""):
    """Every field has a description of one line."""
    for key, field in schema.get("properties", {}).items():
        text = field.get("description", "")
        assert text.endswith((".", "..")) and "\n" not in text, f"{name}: {place}{key} is not described"
        described(field, name, f"{place}{key}.")
    for key, part in schema.get("$defs", {}).items():
        described(part, name, f"{key}.")


def read(name):
    schema = json.loads((ROOT / "schemas" / f"volley.{name}.1.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    described(schema, name)
    return Draft202012Validator(strict(schema))


VALIDATORS = {name: read(name) for name in ("run", "summary", "counters", "events", "trace")}


def check(name, value):
    VALIDATORS[name].validate(value)


def record(parts):
    """The files of a record by name."""
    check("run", json.loads(parts["run.json"]))
    for name in ("counters", "events"):
        for line in parts[f"{name}.ndjson"].splitlines():
            check(name, json.loads(line))


def stored():
    """The records and summaries that are kept with the tests, and the traces that are shipped; how many there are."""
    whole = (ROOT / "fuzz/corpus/record/whole").read_text()
    record(dict(part.split("\n", 1) for part in whole.split("=== ")[1:]))
    summaries = [path for path in sorted((ROOT / "tests/report").glob("*.json")) if path.suffixes == [".json"]]
    assert summaries, "no summary is kept"
    for path in summaries:
        check("summary", json.loads(path.read_text()))
    traces = sorted((ROOT / "examples").glob("*.trace.ndjson"))
    assert traces, "no trace is shipped"
    for line in "".join(path.read_text() for path in traces).splitlines():
        check("trace", json.loads(line))
    return 1 + len(summaries) + len(traces)
