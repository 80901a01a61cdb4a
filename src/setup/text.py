"""Turns the files that run the early helper, as they were configured, into C: usage text.py OUTPUT HELPER PROGRAM FILE...
They are a part of the program, which puts them in place."""
import pathlib
import sys


def literal(text):
    lines = text.replace("\\", "\\\\").replace('"', '\\"').split("\n")[:-1]
    return "\n".join('\t\t"%s\\n"' % line for line in lines)


def main():
    output, helper, program, *names = sys.argv[1:]
    with open(output, "w", encoding="utf-8") as out:
        out.write('#include "setup/internal.h"\n\n')
        out.write('const char setup_helper[] = "%s";\n' % helper.lstrip("/"))
        out.write('const char setup_program[] = "%s";\n\n' % program.lstrip("/"))
        out.write("const struct setup_text setup_texts[] = {\n")
        for path in map(pathlib.Path, names):
            text = path.read_text(encoding="utf-8")
            assert text.endswith("\n"), path
            out.write('\t{\n\t\t"%s",\n%s,\n\t},\n' % (path.name, literal(text)))
        out.write("\t{ NULL, NULL },\n};\n")


main()
