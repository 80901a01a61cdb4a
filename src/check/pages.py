"""Turns the pages of the checks, docs/checks/*.md, into C: usage pages.py OUTPUT PAGE... They are a part of the program,
so that `explain` answers on a machine where nothing else of it is installed."""
import pathlib
import sys


def literal(text):
    lines = text.replace("\\", "\\\\").replace('"', '\\"').splitlines()
    return "\n".join('\t\t"%s\\n"' % line for line in lines)


def main():
    output, *pages = sys.argv[1:]
    with open(output, "w", encoding="utf-8") as out:
        out.write('#include "check/check.h"\n\n#include <stddef.h>\n\nconst struct check_page check_pages[] = {\n')
        for page in map(pathlib.Path, pages):
            out.write('\t{\n\t\t"%s",\n%s,\n\t},\n' % (page.stem, literal(page.read_text(encoding="utf-8"))))
        out.write("\t{ NULL, NULL },\n};\n")


main()
