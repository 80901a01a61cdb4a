#!/usr/bin/python3
"""Holds the editors of shell files against real shells: before and after an edit dash, bash and busybox source the
file, and every variable is what it was, but ours, which has the new words in addition. One TAP test per kind of file.

usage: shell.py APPLY      APPLY: the program built from apply.c
"""
import os
import shutil
import sys

import editor
import shells
import variants

SOUP = int(os.environ.get("SOUP", "1000"))  # files; SEED= makes others
NAME = "GRUB_CMDLINE_LINUX_DEFAULT"


def place(kind, name, names=False, create=False):
    return {"format": editor.FORMATS.index(kind), "name": name, "names": names, "create": create}


def differing(before, after, ours):
    if (before is None) != (after is None):
        return ["the file ends early in one of them"]
    before, after = before or {}, after or {}
    return ["%s is %s, was %s" % (v.decode(), after.get(v), before.get(v)) for v in sorted(set(before) | set(after))
            if v != ours and before.get(v) != after.get(v)]


def judge_words(before, after, added):
    """The kernel's words are those from before and then the new ones; what is behind -- stays."""
    had, rest = editor.kernel_words(before or b"")
    has, rest_after = editor.kernel_words(after or b"")
    added = [word.encode() for word in added]
    if has != had + added or rest.strip() != rest_after.strip():
        return ["words %s %s, expected %s %s" % (has, rest_after, had + added, rest)]
    return []


def judge_array(before, after, added):
    attributes, had = shells.elements(before or b"-a\035")
    attributes_after, has = shells.elements(after or b"")
    expected = list(had.values()) + [word.encode() for word in added]
    if attributes != attributes_after or list(has.values()) != expected or any(has[k] != had[k] for k in had):
        return ["elements %s %s, expected %s" % (attributes_after, has, expected)]
    return []


def judge_bash_string(before, after, added):
    return judge_words(shells.elements(before)[1].get(b"0", b"") if before else b"",
                       shells.elements(after)[1].get(b"0", b"") if after else b"", added)


def judge_names(before, after, added):
    """A list, or what was a text and may become one: all words of it."""
    had, has = (b" ".join(shells.elements(value or b"")[1].values()).split() for value in (before, after))
    expected = had + [word.encode() for word in added]
    return [] if has == expected else ["words %s, expected %s" % (has, expected)]


def judge_element(before, after, added):
    """Of a list with keys that of `default`, as Limine's tools have it."""
    had, has = (shells.elements(value or b"")[1] for value in (before, after))
    if {k: v for k, v in had.items() if k != b"default"} != {k: v for k, v in has.items() if k != b"default"}:
        return ["other elements changed: %s, were %s" % (has, had)]
    return judge_words(had.get(b"default", b""), has.get(b"default", b""), added)


def edits(tool, cases, where, which, judge):
    """Complaints about all of `cases` [(text, words)], which all have to be edited."""
    done, complaints = [], []
    for text, words in cases:
        answer, found = editor.round_trip(tool, text, words, where)
        if answer["result"]:
            complaints.append("%r: refused: %s" % (text, answer["error"]))
            continue
        complaints += ["%r: %s" % (text, sentence) for sentence in found]
        done.append((text, answer))
    before = shells.run_all(which, [text for text, _ in done])
    after = shells.run_all(which, [answer["text"] for _, answer in done])
    ours = where["name"].split("[")[0].encode()
    for shell in which:
        seen = 0
        for (text, answer), was, now in zip(done, before[shell], after[shell]):
            seen += was is not None and ours in now
            found = differing(was, now, ours)
            found += judge((was or {}).get(ours), (now or {}).get(ours), answer["added"])
            complaints += ["%s: %r -> %r: %s" % (shell, text, answer["text"], sentence) for sentence in found]
        if seen < len(done):
            complaints.append("%s: read only %d of %d files" % (shell, seen, len(done)))
    return complaints, len(done)


def edits_of_soup(tool, cases, where, which, judge):
    """Complaints about those that are edited, which is some, but far from all. A file that the shell itself stops at is
    of no interest."""
    done, complaints = [], []
    for text, words in cases:
        answer, found = editor.round_trip(tool, text, words, where)
        complaints += ["%r: %s" % (text, sentence) for sentence in found]
        if answer["result"] == 0:
            done.append((text, answer))
    before = shells.run_all(which, [text for text, _ in done])
    after = shells.run_all(which, [answer["text"] for _, answer in done])
    ours, judged = where["name"].encode(), 0
    for shell in which:
        for (text, answer), was, now in zip(done, before[shell], after[shell]):
            judged += was is not None
            found = differing(was, now, ours)
            if was is not None and now is not None:
                found += judge(was.get(ours), now.get(ours), answer["added"])
            complaints += ["%s: %r -> %r: %s" % (shell, text, answer["text"], sentence) for sentence in found]
    if judged < len(cases) * len(which) // 20:
        complaints.append("only %d of %d were edited" % (judged // len(which), len(cases)))
    return complaints, judged // len(which)


def refusals(tool, cases, where):
    complaints = []
    for text, reason in cases:
        text = variants.whole([text], where["name"])
        answer = tool.ask("add", text, ["iommu=pt"], **where)
        reason = reason.replace(" V", " " + where["name"])
        if answer["result"] == 0 or reason not in answer["error"]:
            complaints.append("%r: %s %r, expected: %s" % (text, answer["result"], answer["error"], reason))
    return complaints, len(cases)


def presence(tool, where):
    """What stands there is not written again, in whatever spelling the kernel takes for the same."""
    complaints = []
    for value, words, added in (
            ('"iommu=pt"', ["iommu=pt"], []), ('"vfio_pci.ids=1:2"', ["vfio-pci.ids=1:2"], []),
            ("'vfio-pci.ids=\"1:2\"'", ["vfio_pci.ids=1:2"], []), ("'\"iommu=pt\"'", ["iommu=pt"], []),
            ('"iommu=pt2"', ["iommu=pt"], ["iommu=pt"]), ('"a=x_y"', ["a=x-y"], ["a=x-y"]), ('"quiet -- iommu=pt"', ["iommu=pt"], ["iommu=pt"]),
            ('"b a"', ["a", "b", "c"], ["c"]), ('"hugepages=4"', ["hugepagesz=1G", "hugepages=4"], ["hugepagesz=1G", "hugepages=4"]),
            ('"hugepagesz=1G hugepages=4"', ["hugepagesz=1G", "hugepages=4", "hugepagesz=2M", "hugepages=4"], ["hugepagesz=2M", "hugepages=4"]),
            ('"x"', ["a", "a", "b"], ["a", "b"])):
        text = ("%s=%s\n" % (where["name"], value)).encode()
        answer, found = editor.round_trip(tool, text, words, where)
        complaints += ["%r: %s" % (text, sentence) for sentence in found]
        if answer["result"] or answer["added"] != added:
            complaints.append("%r %s: added %s, expected %s (%s)" % (text, words, answer["added"], added, answer["error"]))
    return complaints, 11


def dropins(tool):
    """The files of our own, sourced behind a user's."""
    complaints, words = [], ["intel_iommu=on", "iommu=pt"]
    for kind, user, which, expected in (
            ("shell", b'V="quiet"\n', shells.SHELLS, b"quiet intel_iommu=on iommu=pt"),
            ("shell", b"", shells.SHELLS, b" intel_iommu=on iommu=pt"),
            ("bash", b'V=" a "\n', shells.BASH_ONLY, b" a  intel_iommu=on iommu=pt "),
            ("array", b"V=(a)\n", shells.BASH_ONLY, [b"a", b"intel_iommu=on", b"iommu=pt"])):
        made = tool.ask("dropin", b"", words, format=editor.DROPINS.index(kind), name="V")
        for shell, found in shells.run_all(which, [user + made["text"]]).items():
            value = (found[0] or {}).get(b"V")
            if which is shells.BASH_ONLY:
                value = list(shells.elements(value)[1].values())
                value = value if kind == "array" else value[0]
            if value != expected:
                complaints.append("%s, %s: %r is %r, expected %r" % (kind, shell, made["text"], value, expected))
    return complaints, 8


def main():
    tool = editor.Editor(sys.argv[1])
    missing = [shell for shell in ("dash", "bash", "busybox") if not shutil.which(shell)]
    if missing:
        print("1..0 # SKIP there is no %s" % ", ".join(missing))
        return
    seed = int(os.environ.get("SEED", "6"))
    sh, bash = place("shell", NAME), place("bash", NAME)
    arrays = place("bash", "MODULES", names=True)
    kernel, modules = variants.WORDS, variants.MODULES
    many = list(variants.generated(variants.ASSIGNMENTS, NAME, kernel, 300, 1))
    in_bash = list(variants.generated(variants.ASSIGNMENTS + variants.BASH_ASSIGNMENTS, NAME, kernel, 150, 2))
    lists = list(variants.generated(variants.ARRAYS, "MODULES", modules, 150, 3))
    keyed = place("bash", "KERNEL_CMDLINE[default]")
    elements = [(text.encode(), kernel[1]) for text in variants.ELEMENTS]
    crlf = [(variants.whole([a + "\n# x\n"], NAME, crlf=True), kernel[1]) for a in
            ('V="quiet"', "V='quiet'", "X=1\nV=quiet", 'V=""', "V=")]
    fresh = [(variants.whole([b, e], NAME), kernel[1]) for b in variants.BEFORE if "V=early" not in b for e in ("", "X=1", "# x")]
    results = [
        ("assignments of a POSIX shell", edits(tool, many, sh, shells.SHELLS, judge_words)),
        ("assignments of bash", edits(tool, in_bash, bash, shells.BASH_ONLY, judge_bash_string)),
        ("lists of bash", edits(tool, lists, arrays, shells.BASH_ONLY, judge_array)),
        ("elements of a list with keys", edits(tool, elements, {**keyed, "create": True}, shells.BASH_ONLY, judge_element)),
        ("lines that end in CR LF", edits(tool, crlf, sh, shells.SHELLS, judge_words)),
        ("a variable that is not set", edits(tool, fresh, {**sh, "create": True}, shells.SHELLS, judge_words)),
        ("what a POSIX shell's file is refused for", refusals(tool, variants.REFUSED, sh)),
        ("what bash's file is refused for", refusals(tool, variants.BASH_REFUSED, bash)),
        ("what an element is refused for", refusals(tool, variants.ELEMENTS_REFUSED, keyed)),
        ("soup for a POSIX shell", edits_of_soup(tool, list(variants.soup(variants.SOUP, SOUP, seed)), place("shell", "V"), shells.SHELLS,
                                                 judge_words)),
        ("soup for bash", edits_of_soup(tool, list(variants.soup(variants.BASH_SOUP, SOUP, seed + 1)), place("bash", "V"), shells.BASH_ONLY,
                                        judge_bash_string)),
        ("soup of lists", edits_of_soup(tool, list(variants.soup(variants.BASH_SOUP, SOUP, seed + 2)), place("bash", "V", names=True),
                                        shells.BASH_ONLY, judge_names)),
        ("words that stand there", presence(tool, sh)),
        ("files of our own", dropins(tool)),
    ]
    failed = bool(tool.close())
    print("1..%d" % len(results))
    for number, (name, (complaints, n)) in enumerate(results, 1):
        print("%s %d - %s: %d files" % ("not ok" if complaints else "ok", number, name, n))
        for complaint in complaints[:40]:
            print("# " + complaint)
        failed |= bool(complaints)
    sys.exit(failed)


if __name__ == "__main__":
    main()
