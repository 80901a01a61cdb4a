#!/usr/bin/python3
"""Holds the answers of plan, setup, confirm, undo, history and status against docs/schema: setup_schema.py UNIT-SETUP_ANSWER."""
import json
import os
import subprocess
import sys

import jsonschema

SCHEMAS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/schema")
# A table without rows, and a list without items, would be valid whatever its rows are.
FILLED = {
    "plan": ("functions", "losses", "words", "steps", "boots", "later"),
    "setup": ("steps", "change"),
    "confirm": ("reserved", "lines"),
    "undo": ("changes", "differences", "undone"),
    "status": ("functions", "next"),
    "history": ("changes", "steps", "files", "differences"),
}


def main():
    out = subprocess.run([sys.argv[1], "json"], capture_output=True, text=True, check=True).stdout
    answers = [json.loads(part[part.index("{"):]) for part in out.split("\f") if '"schema"' in part]
    complaints = []
    for name, keys in FILLED.items():
        with open(os.path.join(SCHEMAS, name + ".json"), encoding="utf-8") as file:
            schema = json.load(file)
        resolver = jsonschema.RefResolver("file://%s/" % os.path.abspath(SCHEMAS), schema)
        validator = jsonschema.Draft202012Validator(schema, resolver)
        own = [answer for answer in answers if answer["schema"] == "passthru.%s/1" % name]
        complaints += ["%s: %s: %s" % (name, error.json_path, error.message[:300])
                       for answer in own for error in validator.iter_errors(answer)]
        complaints += ["no answer of %s has something in %s" % (name, key)
                       for key in keys if not any(answer.get(key) for answer in own)]
    print("1..1\n%s 1 - %d documents are what the schemas say" % ("not ok" if complaints else "ok", len(answers)))
    for complaint in complaints:
        print("# " + complaint)
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
