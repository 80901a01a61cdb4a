"""What the tests of the early helper's scripts share: numbered results as TAP, and files with all folders above them."""
import os
import sys

results = []


def test(good, name, saw=""):
    results.append(bool(good))
    print("%s %d - %s" % ("ok" if good else "not ok", len(results), name), flush=True)
    if not good and saw:
        print("# " + str(saw).replace("\n", "\n# "))


def end():
    print("1..%d" % len(results))
    sys.exit(not all(results))


def put(path, text, mode=0o755):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)
