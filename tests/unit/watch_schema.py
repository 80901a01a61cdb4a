#!/usr/bin/python3
"""Holds every kind of line of `watch --json` against docs/schema/watch.json: watch_schema.py UNIT-WATCH."""
import json
import os
import subprocess
import sys

import jsonschema

SCHEMAS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/schema")


def main():
    with open(os.path.join(SCHEMAS, "watch.json"), encoding="utf-8") as file:
        schema = json.load(file)
    resolver = jsonschema.RefResolver("file://%s/" % os.path.abspath(SCHEMAS), schema)
    validator = jsonschema.Draft202012Validator(schema, resolver)
    out = subprocess.run([sys.argv[1], "lines"], capture_output=True, text=True, check=True).stdout
    answers = [json.loads(line) for line in out.splitlines()]
    complaints = ["%s: %s" % (answer["event"], error.message) for answer in answers for error in validator.iter_errors(answer)]
    missing = set(schema["properties"]["event"]["enum"]) - {answer["event"] for answer in answers}
    print("1..2")
    print("%s 1 - every line is what the schema says" % ("not ok" if complaints else "ok"))
    for complaint in complaints:
        print("# " + complaint)
    print("%s 2 - every event has a line" % ("not ok" if missing else "ok"))
    for event in missing:
        print("# " + event)
    sys.exit(1 if complaints or missing else 0)


if __name__ == "__main__":
    main()
