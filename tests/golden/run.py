#!/usr/bin/python3
"""Runs the program on every fixture machine of tests/hosts and compares its answers with those recorded here.

usage: run.py PROGRAM [--update] [HOST...]      --update records the answers instead; read the diff before you commit it

tests/golden/<host>/<command>.txt and .json hold what the program says with --numeric, because names come from
the hardware database of the machine that runs the test. An answer other than "yes" or "done" is recorded with its exit status and
its sentence on stderr. Besides, every answer must be the same from a snapshot of the fixture as from the fixture, hold no
control characters, and, as JSON, be what docs/schema says. Verdicts must agree with the exit status, name evidence, and
say what to do about what they fail. So must be all that can be asked of each function of a machine, though it is not
recorded; and each check must pass on one machine and not pass on another. Prints TAP.
"""
import concurrent.futures
import difflib
import json
import os
import re
import sys
import tempfile

sys.dont_write_bytecode = True

HERE = os.path.dirname(os.path.abspath(__file__))
HOSTS = os.path.join(HERE, "../hosts")
SCHEMAS = os.path.abspath(os.path.join(HERE, "../../docs/schema"))
CHECK_LIST = os.path.join(HERE, "../../src/check/meson.build")
sys.path.insert(0, HOSTS)

import expand
import jsonschema

import tap

# What every machine is asked; a fixture adds its own with `golden` lines.
COMMANDS = (["list"], ["list", "gpus"], ["list", "groups"], ["check"])
EXIT_READY, EXIT_NOT_READY, EXIT_UNKNOWN = 0, 1, 3


def transcript(status, out, err):
    # where a build with another prefix has the early helper
    out, err = (text.replace("usr/libexec/passthru/", "usr/local/libexec/passthru/") for text in (out, err))
    return out + ("[exit status %d]\n%s" % (status, err) if status or err else "")


def difference(wanted, got):
    return [line.rstrip("\n") for line in
            difflib.unified_diff(wanted.splitlines(), got.splitlines(), "recorded", "now", lineterm="", n=1)]


def against_schema(text):
    """Complaints about a JSON answer; its "schema" names the file in docs/schema."""
    try:
        answer = json.loads(text)
        with open(os.path.join(SCHEMAS, answer["schema"].split(".")[1].split("/")[0] + ".json"), encoding="utf-8") as f:
            schema = json.load(f)
    except (ValueError, KeyError, OSError) as e:
        return ["no JSON answer: %s" % e]
    validator = jsonschema.Draft202012Validator(schema, jsonschema.RefResolver("file://%s/" % SCHEMAS, schema))
    return ["%s: %s" % (e.json_path, e.message[:200]) for e in validator.iter_errors(answer)]


def against_fixture(host, text):
    """What `list --json` says of every function, held against the fixture itself; functions whose identity, driver or
    group the fixture spoils are left to the recorded answer."""
    spoiled = {path[1:].split("/")[0] for path, _ in host.late + host.errors
               if path.endswith(("/uevent", "/iommu_group", "/driver"))}
    said = {f["address"]: f for f in json.loads(text)["pci"]}
    complaints = []
    for f in host.functions.values():
        if f.address in spoiled or "\n" in (f.option["driver"] or ""):
            continue
        wanted = {
            "address": f.address, "vendor": "%04x" % f.vendor, "device": "%04x" % f.device,
            "subsystem_vendor": "%04x" % f.sub_vendor, "subsystem_device": "%04x" % f.sub_device,
            "class": "%06x" % f.class_code, "name": None, "iommu_group": host.group_of(f) and int(host.group_of(f)),
            "driver": f.option["driver"] and os.fsencode(f.option["driver"]).decode("utf-8", "replace"),
        }
        if said.get(f.address) != wanted:
            complaints.append("%s is %s and not %s" % (f.address, wanted, said.get(f.address)))
    return complaints


def against_verdicts(text, status, seen):
    """Complaints about the verdicts of `check --json` as such; notes in @seen which kinds each check has had."""
    answer = json.loads(text)
    complaints, kinds = [], set()
    for place, verdicts in [("host", answer["host"]), *answer["devices"].items()]:
        for name, verdict in verdicts.items():
            kinds.add(verdict["verdict"])
            seen.setdefault(name, set()).add(verdict["verdict"])
            if not verdict["evidence"]:
                complaints.append("%s: %s says %s without evidence" % (place, name, verdict["verdict"]))
            if verdict["verdict"] == "fail" and not verdict["fix"]:
                complaints.append("%s: %s does not say what to do" % (place, name))
    wanted = EXIT_NOT_READY if "fail" in kinds else EXIT_UNKNOWN if "unknown" in kinds else EXIT_READY
    ready = {EXIT_READY: True, EXIT_NOT_READY: False}.get(wanted)
    if status != wanted:
        complaints.append("exit status %d for verdicts %s" % (status, ", ".join(sorted(kinds))))
    if (answer["ready"] if isinstance(answer["ready"], bool) else None) != ready:
        complaints.append("ready is %s for verdicts %s" % (answer["ready"], ", ".join(sorted(kinds))))
    return complaints


def check_ids():
    with open(CHECK_LIST, encoding="utf-8") as f:
        names = re.search(r"check_names = \[(.*?)\]", f.read(), re.DOTALL)[1]
    return [name.replace("_", "-") for name in re.findall(r"'(\w+)'", names)]


def uncovered(seen):
    """Checks that pass on no machine, or on all."""
    for name in check_ids():
        kinds = seen.get(name, set())
        if "pass" not in kinds:
            yield "%s passes on no machine" % name
        if not kinds - {"pass"}:
            yield "%s does not fail, warn or say unknown on any machine" % name


def file_name(words):
    return "-".join(word.replace(":", "-") for word in words)


def compare(path, text, update):
    if update:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return []
    try:
        with open(path, encoding="utf-8") as f:
            return difference(f.read(), text)
    except FileNotFoundError:
        return ["%s is missing: run with --update" % os.path.relpath(path, HERE)]


def judge_host(program, name, update):
    """(title, complaints) of every test on that machine, and the kinds of verdicts that each check has had there."""
    results, seen = [], {}
    host = expand.read_host(os.path.join(HOSTS, name + ".host"))
    with tempfile.TemporaryDirectory() as temp:
        root, snapshot = os.path.join(temp, name), os.path.join(temp, "snapshot.tar")
        host.tree().write(root)
        status, out, err = tap.run(program, "--root", root, "--json", "snapshot", snapshot)
        results.append(("%s: snapshot" % name,
                        [transcript(status, out, err)] if status or err else against_schema(out)))
        for words in [*COMMANDS, *host.golden]:
            for ending, options in (("txt", ["--numeric"]), ("json", ["--numeric", "--json"])):
                status, out, err = tap.run(program, "--root", root, *words, *options)
                text = transcript(status, out, err)
                path = os.path.join(HERE, name, "%s.%s" % (file_name(words), ending))
                again = transcript(*tap.run(program, "--root", snapshot, *words, *options))
                # the lines of a file are shown as they are
                shown = text.replace("\t", " ") if words[0] == "plan" else text
                complaints = compare(path, text, update) + tap.unsafe(shown) + difference(text, again)
                if ending == "json" and out:
                    complaints += against_schema(out)
                    if words == ["list"]:
                        complaints += against_fixture(host, out)
                    if words[0] == "check":
                        complaints += against_verdicts(out, status, seen)
                results.append(("%s: %s, %s" % (name, " ".join(words), ending), complaints))
        results.append(("%s: every answer as JSON" % name, every_answer(program, root, host)))
    return results, seen


def against_exit(words, status, out, err):
    """Complaints about an answer of a command that changes nothing, whatever the host is like."""
    complaints = tap.unsafe(out) + tap.unsafe(err)
    if status not in range(5):
        complaints.append("exit status %d" % status)
    if bool(out) == bool(err) or err.count("\n") > 1:
        complaints.append("neither an answer nor one sentence: " + (out + err)[:500])
    if out:
        complaints += against_schema(out)
    return ["%s: %s" % (" ".join(words), complaint) for complaint in complaints]


def reading(host):
    """Everything that can be asked of a fixture, of each of its functions."""
    functions = sorted(f.address for f in host.functions.values())
    yield from (["status"], ["history"], ["history", "1"], ["undo", "--dry-run"], ["release", "--dry-run", "--orphans"])
    for words in ("check", "--all"), ("bind", "--dry-run"), ("release", "--dry-run"), ("plan",), ("setup", "--dry-run"):
        yield [*words, *functions]
    yield from (["vfs", "nic:0"], ["vfs", "nvme:0"])
    for function in functions:
        yield ["show", function]


def every_answer(program, root, host):
    return [complaint for words in reading(host)
            for complaint in against_exit(words, *tap.run(program, "--root", root, "--json", *words))]


def leftovers(names):
    """Recorded answers that no fixture asks for any more."""
    wanted = set()
    for name in names:
        host = expand.read_host(os.path.join(HOSTS, name + ".host"))
        wanted |= {"%s/%s.%s" % (name, file_name(w), e) for w in [*COMMANDS, *host.golden] for e in ("txt", "json")}
    there = {"%s/%s" % (name, file) for name in names if os.path.isdir(os.path.join(HERE, name))
             for file in os.listdir(os.path.join(HERE, name))}
    return sorted(there - wanted)


def main():
    words = [word for word in sys.argv[2:] if word != "--update"]
    update = len(words) < len(sys.argv) - 2
    program = os.path.abspath(sys.argv[1])
    names = words or sorted(f[:-len(".host")] for f in os.listdir(HOSTS) if f.endswith(".host"))
    results, seen = tap.Tap(), {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for tests, kinds in pool.map(lambda name: judge_host(program, name, update), names):
            for title, complaints in tests:
                results.result(title, complaints)
            for check, more in kinds.items():
                seen[check] = seen.get(check, set()) | more
    if not words:
        results.result("every check passes on one machine and not on another", list(uncovered(seen)))
    guest = ["run", "--print", "--disk", os.path.abspath(__file__)]
    results.result("a guest's command line is what its schema says", against_exit(guest, *tap.run(program, "--json", *guest)))
    results.result("no recorded answer is left over", leftovers(names))
    results.end()


if __name__ == "__main__":
    main()
