"""Rule: shellcheck has nothing to say about any shell script."""
import subprocess

import source

FOLDERS = ("src", "tests", ".ci", "completion", "docs")


def complaints(top):
    scripts = [path for path in source.files(top, FOLDERS)
               if source.is_shell(top, path) and not path.startswith("completion/")]
    if scripts:
        found = subprocess.run(["shellcheck", "-f", "gcc", "-x", "-P", "SCRIPTDIR", *scripts], cwd=top, capture_output=True, text=True, check=False)
        yield from (found.stdout + found.stderr).splitlines()
