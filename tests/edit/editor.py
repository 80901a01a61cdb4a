"""The editors as Python functions, by way of the program built from apply.c; what every edit has to keep."""
import json
import subprocess

FORMATS = ("shell bash cmdline cmdline_first bls bls_own_line grubenv refind extlinux limine kernelstub modules "
           "booster").split()
DROPINS = "shell bash array cmdline lines".split()


class Editor:
    def __init__(self, program):
        self.child = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, do, text, words=(), **more):
        request = {"do": do, "text": text.hex(), "words": list(words), **more}
        self.child.stdin.write(json.dumps(request) + "\n")
        self.child.stdin.flush()
        answer = json.loads(self.child.stdout.readline())
        answer["text"] = bytes.fromhex(answer["text"])
        return answer

    def close(self):
        self.child.stdin.close()
        return self.child.wait()


def kernel_words(value):
    """(the kernel's words, what begins with --): white space outside of double quotes separates."""
    words, word, quoted, rest = [], b"", False, value
    place = 0
    for at, c in enumerate(value + b" "):
        c = bytes([c])
        if c in b" \t\n\v\f\r\xa0" and not quoted:
            if word.replace(b'"', b"") == b"--":
                return words, value[place:]
            if word:
                words.append(word)
            word, place = b"", at + 1
        else:
            word += c
            quoted ^= c == b'"'
    return words, b""


def is_insertion(before, after):
    """Whether one run of bytes was put in, and nothing else changed."""
    head = 0
    while head < len(before) and head < len(after) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < len(before) - head and before[len(before) - 1 - tail] == after[len(after) - 1 - tail]:
        tail += 1
    return head + tail == len(before)


def round_trip(editor, text, words, place, fixed_size=False):
    """Adds, adds again, removes, removes again. (answer of the first, complaints)"""
    first = editor.ask("add", text, words, **place)
    if first["result"]:
        return first, []
    after, complaints = first["text"], []
    if fixed_size:
        if len(after) != len(text):
            complaints.append("the size changed")
    elif not is_insertion(text, after):
        complaints.append("more than one place changed")
    again = editor.ask("add", after, words, **place)
    if again["result"] or again["text"] != after or again["added"]:
        complaints.append("adding again changed something: %s" % again)
    back = editor.ask("remove", after, first["added"], **place) if first["added"] else {"result": 0, "text": after}
    if back["result"] or back["text"] != text:
        complaints.append("removing does not give the bytes from before: %s" % back)
    if first["added"]:
        still = editor.ask("remove", back["text"], first["added"], **place)
        if still["result"] or still["text"] != text:
            complaints.append("removing again changed something: %s" % still)
    return first, complaints
