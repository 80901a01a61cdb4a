"""What the readers of fixtures share: words with values, sizes, the byte notation, and the complaint."""
import os
import re

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Mistake(Exception):
    """The fixture says something that makes no sense."""


def unescape(text):
    return re.sub(r"\\(x[0-9a-f]{2}|\\)",
                  lambda m: "\\" if m[1] == "\\" else os.fsdecode(bytes.fromhex(m[1][1:])), text)


def options(words, known):
    result = dict(known)
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in known:
            raise Mistake("there is no option %s" % word)
        result[name] = unescape(value)
    return result


def plain(text):
    """Bytes of a size: 16G"""
    match = re.fullmatch(r"(\d+)([KMGT]?)", text)
    if not match:
        raise Mistake("%s is no size" % text)
    return int(match[1]) * UNITS[match[2]]
