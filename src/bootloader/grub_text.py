"""Turns the script of GRUB's entries into C: usage grub_text.py SCRIPT OUTPUT. It is a part of the program, which puts it in
place with its settings filled in."""
import pathlib
import sys


def main():
    script, output = map(pathlib.Path, sys.argv[1:])
    text = script.read_text(encoding="ascii")
    lines = text.replace("\\", "\\\\").replace('"', '\\"').split("\n")[:-1]
    literal = "\n".join('\t"%s\\n"' % line for line in lines)
    output.write_text('#include "bootloader/grub.h"\n\nconst char grub_script[] =\n%s;\n' % literal, encoding="ascii")


main()
