"""What the rules share: finding files and telling code, strings and comments of C apart."""
import os
import re

SKIPPED_FOLDERS = re.compile(r"\.git|build.*|__pycache__|\..*cache")
TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def files(top, folders, endings=("",)):
    """Paths below `top`, sorted; `folders` are names below it, "" for all."""
    found = []
    for folder in folders:
        for directory, below, names in os.walk(os.path.join(top, folder)):
            below[:] = [name for name in below if not SKIPPED_FOLDERS.fullmatch(name)]
            found += [os.path.relpath(os.path.join(directory, name), top) for name in names if name.endswith(endings)]
    return sorted(found)


def c_files(top):
    return files(top, ("src", "tests", "man"), (".c", ".h"))


def read(top, path):
    with open(os.path.join(top, path), encoding="utf-8", errors="replace", newline="") as f:
        return f.read()


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def code(text):
    """`text` with comments and the insides of strings blanked; lines and columns stay."""
    def replace(match):
        token = match[0]
        return _blank(token) if token[0] == "/" else token[0] + _blank(token[1:-1]) + token[-1]
    return TOKEN.sub(replace, text)


def strings(text):
    """(line number, content) of every string literal."""
    return [(text.count("\n", 0, m.start()) + 1, m[0][1:-1]) for m in TOKEN.finditer(text) if m[0][0] == '"']


def included(text):
    """(line number, name) of every #include "name"."""
    return [(number, match[1]) for number, line in enumerate(text.splitlines(), 1)
            if (match := re.match(r'\s*#\s*include\s*"([^"]*)"', line))]


def stale(path, allowed, needed):
    """Complaints about exceptions for `path` (keys of `allowed`: a path, or a tuple that begins with it) not in `needed`."""
    for key in allowed:
        if (key if isinstance(key, str) else key[0]) == path and key not in needed:
            yield "%s:1: needs no exception any more: %s" % (path, allowed[key])


def is_shell(top, path):
    if path.endswith(".sh"):
        return True
    if "." in os.path.basename(path):
        return False
    with open(os.path.join(top, path), "rb") as f:
        return re.match(rb"#!\s*/bin/(env )?(ba|da)?sh\b", f.readline()) is not None
