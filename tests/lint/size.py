"""Rule: a C file has at most 500 lines and a function at most 60. What needs more is two things."""
import source

FILE_LINES, FUNCTION_LINES = 500, 60

# file, or (file, function): why it may be longer
LONG = {}


def functions(text):
    """(line number of the name, name, lines between the braces): kernel style has both braces in the first column."""
    name, name_line, begin = "", 0, 0
    for number, line in enumerate(source.code(text).splitlines(), 1):
        if line.startswith("{"):
            begin = number
        elif line.startswith("}") and begin:
            yield name_line, name, number - begin - 1
            begin = 0
        elif not begin and "(" in line and (line[:1].isalpha() or line[:1] == "_"):
            name, name_line = line.split("(")[0].split()[-1].lstrip("*"), number


def complaints(top):
    for path in source.c_files(top):
        text = source.read(top, path)
        lines = text.count("\n")
        long = {path} if lines > FILE_LINES else set()
        long |= {(path, name) for _, name, length in functions(text) if length > FUNCTION_LINES}
        yield from source.stale(path, LONG, long)
        if lines > FILE_LINES and path not in LONG:
            yield "%s:1: %d lines, more than %d" % (path, lines, FILE_LINES)
        for line, name, length in functions(text):
            if length > FUNCTION_LINES and (path, name) not in LONG:
                yield "%s:%d: %s() has %d lines, more than %d" % (path, line, name, length, FUNCTION_LINES)
