"""What run.py and bad.py share: numbered results, running the program, and looking for what must not reach a terminal."""
import os
import re
import subprocess
import sys

LIMIT_S = 60
# C0 but for the newline, DEL, C1, line and paragraph separators, and what turns the direction of writing.
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Tap:
    """Numbered results; the plan comes last."""

    def __init__(self):
        self.number = 0
        self.failed = False

    def result(self, title, complaints):
        """Reports a test, which is good when there are no complaints."""
        self.number += 1
        print("%s %d - %s" % ("not ok" if complaints else "ok", self.number, title), flush=True)
        for line in complaints:
            print("# " + line.encode("unicode_escape").decode())
        self.failed |= bool(complaints)

    def end(self):
        print("1..%d" % self.number)
        sys.exit(self.failed)


def run(program, *words):
    """(exit status, stdout, stderr); a program that does not end within the limit counts as status 124."""
    try:
        done = subprocess.run([program, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S,
                              check=False, env=dict(os.environ, LC_ALL="C.UTF-8"))
    except subprocess.TimeoutExpired:
        return 124, "", "no end within %d s\n" % LIMIT_S
    return done.returncode, *(text.decode("utf-8", "backslashreplace") for text in (done.stdout, done.stderr))


def unsafe(text):
    """Complaints about characters that a terminal would act on."""
    found = CONTROL.search(text)
    return ["control character %r after %r" % (found[0], text[max(0, found.start() - 20):found.start()])] if found else []
