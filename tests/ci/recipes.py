"""Plays the steps of action.yml and the script of ci/gitlab.yml as their runners do, against a volley that is there."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import schemas
from ruamel.yaml import YAML

EXIT = {"pass": 0, "fail": 10, "invalid": 4}
SHORT = "--clients 5 --ramp 0s --warmup 0s --duration 1s"


def shaped(path, kind):
    tool = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run([tool, "--builtin-schema", f"vendor.{kind}", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def shape_of_action(volley, action, folder):
    shaped(action, "github-actions")


def shape_of_template(volley, path, folder):
    """Jobs with a dot may be anything for the schema, so they are shown to it without."""
    folder.mkdir(parents=True)
    shown = folder / "gitlab.yml"
    shown.write_text(re.sub(r"(?m)^\.", "", path.read_text()))
    shaped(shown, "gitlab-ci")


def shape_of_examples(volley, readme, folder):
    """The workflow and the pipeline in the text."""
    blocks = re.findall(r"(?ms)^```yaml\n(.*?)^```", readme.read_text())
    assert len(blocks) == 2, "examples"
    folder.mkdir(parents=True)
    for kind, block in zip(("github-workflows", "gitlab-ci"), blocks):
        shown = folder / f"{kind}.yml"
        shown.write_text(block)
        shaped(shown, kind)
    used = YAML(typ="safe").load(blocks[0])["jobs"]["latency"]["steps"][1]["with"]
    known = YAML(typ="safe").load((schemas.ROOT / "action.yml").read_text())["inputs"]
    assert used.keys() <= known.keys(), used.keys() - known.keys()


class Job:
    """A folder, an environment, and the outputs of the steps that were played in it."""

    def __init__(self, action, inputs, folder):
        self.action = YAML(typ="safe").load(action.read_text())
        self.inputs = {name: str(about.get("default", "")) for name, about in self.action["inputs"].items()} | inputs
        self.folder, self.steps, self.said, self.code = folder, {}, "", 0
        (folder / "temp").mkdir(parents=True)

    def filled(self, text):
        """A text with its expressions replaced by their values."""
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: self.value(found[1].split(".")), str(text))

    def value(self, path):
        match path:
            case ["inputs", name]:
                return self.inputs[name]
            case ["steps", step, "outputs", name]:
                return self.steps.get(step, {}).get(name, "")
            case ["github", "action_path"]:
                return str(schemas.ROOT)
        raise AssertionError(f"unknown: {path}")

    def play(self, path=None):
        """All steps up to the first that fails; answers with the outputs of the action."""
        for number, step in enumerate(self.action["runs"]["steps"]):
            if "run" not in step:
                assert "!cancelled()" in step["if"] and step["uses"].startswith("actions/upload-artifact@"), step
                self.upload = {name: self.filled(value) for name, value in step["with"].items()}
            elif self.code == 0:
                self.play_one(step, number, path)
        return {name: self.filled(output["value"]) for name, output in self.action["outputs"].items()}

    def play_one(self, step, number, path):
        assert step["shell"] == "bash" and "${{" not in step["run"], "what users type must not become script"
        script, output = self.folder / f"temp/{number}.sh", self.folder / f"temp/{number}.out"
        script.write_text(step["run"])
        output.touch()
        runner = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(output), "RUNNER_TEMP": str(self.folder / "temp")}
        runner |= {"GITHUB_STEP_SUMMARY": str(self.folder / "temp/summary.md"), "PATH": path or os.environ["PATH"]}
        given = {name: self.filled(value) for name, value in step["env"].items()}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", script]
        done = subprocess.run(command, cwd=self.folder, env=os.environ | runner | given, capture_output=True, text=True)
        self.said += done.stdout + done.stderr
        self.code = done.returncode
        self.steps[step["id"]] = dict(line.split("=", 1) for line in output.read_text().splitlines())


def judged(summary, code, said):
    wanted = EXIT.get(summary["verdict"])
    assert code == wanted, f"exit code {code} at {summary['verdict']}: {said}"


def record(folder):
    """Holds a record to the schemas; answers with its summary."""
    schemas.record({name: (folder / name).read_text() for name in ("run.json", "counters.ndjson", "events.ndjson")})
    summary = json.loads((folder / "summary.json").read_text())
    schemas.check("summary", summary)
    for name in ("report.html", "junit.xml", "summary.md", "openmetrics.txt"):
        assert (folder / name).stat().st_size > 0, name
    return summary


def storm(volley, action, folder):
    """A run with limits that hold, remarks among them, and quoted arguments."""
    arguments = "--clients 20 --rate 40/s --warmup 0s --duration 2s\n--storm 'cut:50%@1.5s'"
    inputs = {"profile": "echo", "binary": str(volley), "args": arguments, "limits": "echo p(50) < 9s\n# remark\nduplicate count == 0\n"}
    job = Job(action, inputs, folder)
    outputs, summary = job.play(), record(folder / "volley-report")
    judged(summary, job.code, job.said)
    echo = next(series for series in summary["series"] if series["name"] == "echo")
    wanted = {"verdict": summary["verdict"], "p99_ms": f"{echo['response']['p99'] / 1e6:.3f}"}
    assert outputs == wanted, f"{outputs}, not {wanted}"
    assert len(summary["limits"]) == 2 and summary["storm"]["what"] == "cut:50%@1.5s", summary
    assert job.upload["path"] == "volley-report" and job.upload["name"] == "volley-report", job.upload
    assert (folder / "temp/summary.md").read_text() == (folder / "volley-report/summary.md").read_text(), "job summary"


def broken_limit(volley, action, folder):
    """Another folder, a target that is given, and a limit that breaks: the step fails and an annotation says why."""
    server = subprocess.Popen([volley, "serve", "echo", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        address = re.search(r"127\.0\.0\.1:\d+", server.stdout.readline())[0]
        inputs = {"profile": "echo", "binary": str(volley), "args": f"{SHORT} --closed 1", "report": "out/here"}
        job = Job(action, inputs | {"limits": "echo p(50) < 1us", "target": f"ws://{address}/"}, folder)
        outputs, summary = job.play(), record(folder / "out/here")
    finally:
        server.terminate()
        server.wait()
    judged(summary, job.code, job.said)
    assert job.code != 0 and outputs["verdict"] == summary["verdict"] and address in summary["run"]["target"], outputs
    assert "::error title=volley limit::echo p(50) < 1us" in job.said, job.said


def nothing_is_expanded(volley, action, folder):
    job = Job(action, {"profile": "echo", "binary": str(volley), "args": '--no-such "$(touch expanded)" `touch expanded`'}, folder)
    assert job.play() == {"verdict": "", "p99_ms": ""} and job.code == 2, job.said
    assert not (folder / "expanded").exists(), "an argument was run"


def installing(volley, action, folder):
    """What is asked of cargo, and that what it makes is used."""
    fake = folder / "bin/cargo"
    fake.parent.mkdir(parents=True)
    fake.write_text(f'#!/bin/sh\necho "asked: $*"\nmkdir -p "$4/bin"\ncp "{volley}" "$4/bin/volley"\n')
    fake.chmod(0o755)
    git = {"git": "file:///repository", "version": "v1"}
    for number, (inputs, wanted) in enumerate([({}, f"--path {schemas.ROOT}"), (git, "--git file:///repository --rev v1")]):
        job = Job(action, {"profile": "echo", "args": "--dry-run"} | inputs, folder / str(number))
        job.play(f"{fake.parent}:{os.environ['PATH']}")
        asked = f"asked: install --locked --root {folder / str(number)}/temp/volley {wanted}"
        assert asked in job.said and "volley 0." in job.said, job.said
    job = Job(action, {"profile": "echo", "binary": "no/such/volley"}, folder / "none")
    job.play()
    assert job.code != 0 and "run" not in job.steps, "ran without a program"


def gitlab(volley, path, folder):
    """The template with the values of its worked example, shortened."""
    pipeline = YAML(typ="safe").load(path.read_text())
    template, example = pipeline[".volley"], pipeline[".volley-example"]
    assert example["extends"] == ".volley" and template["artifacts"]["expire_in"], "example"
    given = template["variables"] | example["variables"] | {"VOLLEY_BINARY": str(volley), "VOLLEY_ARGUMENTS": SHORT}
    folder.mkdir(parents=True)
    script = "\n".join(template["script"])
    done = subprocess.run(["sh", "-c", script], cwd=folder, env=os.environ | given, capture_output=True, text=True)
    summary = record(folder / template["artifacts"]["paths"][0])
    # So short a run has too few answers for one of the limits of the example.
    assert [limit["ok"] for limit in summary["limits"]] == [None, True] and done.returncode == 4, done.stderr
    for report in template["artifacts"]["reports"].values():
        assert (folder / report).stat().st_size > 0, report


# Each check with the file it is about, and a break that it must see.
CHECKS = [
    (storm, "action.yml", ("steps.run.outputs.p99_ms", "steps.run.outputs.p99")),
    (broken_limit, "action.yml", ('--out "$REPORT"', "--out elsewhere")),
    (nothing_is_expanded, "action.yml", ("mapfile -d '' -t arguments <\"$words\"", 'eval "arguments=($ARGUMENTS)"')),
    (installing, "action.yml", ('--rev "$REVISION"', '"$REVISION"')),
    (gitlab, "ci/gitlab.yml", ("--limits volley-limits", "")),
    (shape_of_action, "action.yml", ("using: composite", "using: composed")),
    (shape_of_template, "ci/gitlab.yml", ("when: always", "when: sometimes")),
    (shape_of_examples, "ci/README.md", ("profile: ci/chat.toml", "profil: ci/chat.toml")),
]


def check(volley, work):
    """All of them, then each on a broken copy; how many there are."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        folder = Path(folder)
        for number, (one, file, edit) in enumerate(CHECKS):
            one(volley, schemas.ROOT / file, folder / f"{number}")
            complains(one, volley, file, edit, folder / f"{number}-broken")
    return len(CHECKS)


def complains(one, volley, file, edit, folder):
    text = (schemas.ROOT / file).read_text()
    assert edit[0] in text, f"{file} was not broken: {edit[0]}"
    folder.mkdir()
    copy = folder / Path(file).name
    copy.write_text(text.replace(*edit))
    try:
        one(volley, copy, folder / "job")
    except Exception:
        return
    raise AssertionError(f"{one.__name__} says nothing of a broken {file}: {edit[0]}")
