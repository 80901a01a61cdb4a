#!/usr/bin/python3
"""Holds the answers of `probe --json` against docs/schema/probe.json: probe_schema.py UNIT-PROBE_ANSWER."""
import json
import os
import subprocess
import sys

import jsonschema

SCHEMAS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/schema")
TABLES = ("functions", "steps", "regions", "interrupts", "rom_images", "reset_scope")


def main():
    with open(os.path.join(SCHEMAS, "probe.json"), encoding="utf-8") as file:
        schema = json.load(file)
    resolver = jsonschema.RefResolver("file://%s/" % os.path.abspath(SCHEMAS), schema)
    validator = jsonschema.Draft202012Validator(schema, resolver)
    out = subprocess.run([sys.argv[1], "json"], capture_output=True, text=True, check=True).stdout
    answers = [json.loads(part) for part in out.split("\f") if part.strip()]
    complaints = ["document %d: %s: %s" % (number, list(error.path), error.message)
                  for number, answer in enumerate(answers, 1) for error in validator.iter_errors(answer)]
    # a table without rows would be valid whatever its rows are
    complaints += ["no document has rows in %s" % key for key in TABLES if not any(answer[key] for answer in answers)]
    print("1..1\n%s 1 - %d documents are what the schema says" % ("not ok" if complaints else "ok", len(answers)))
    for complaint in complaints:
        print("# " + complaint)
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
