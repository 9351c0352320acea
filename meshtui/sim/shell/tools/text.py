"""Text programs of simulated containers: cat, head, tail, wc, grep, tr, sort, uniq, cut, seq, tee, basename."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshtui.sim.shell.process import NoSuchFile, Shell

_CLASSES = {
    "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "lower": "abcdefghijklmnopqrstuvwxyz",
    "digit": "0123456789",
    "space": " \t\n\r\v\f",
    "alpha": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "cntrl": "".join(map(chr, range(32))) + "\x7f",
}
_CLASSES["alnum"] = _CLASSES["alpha"] + _CLASSES["digit"]
SEQ_LIMIT = 10_000_000


def split_options(words: list[str], with_value: str) -> tuple[dict[str, str], list[str]]:
    """Short options (letter → value, "" for a switch) and what is left; `with_value` names those that take one."""
    options: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in with_value:
                options[letter] = letters or (rest.pop(0) if rest else "")
                break
            options[letter] = ""
    return options, rest


async def _inputs(shell: Shell, paths: list[str], name: str) -> tuple[bytes, int]:
    """All of the named files, or of standard input."""
    status = 0
    chunks = []
    for path in paths or ["-"]:
        if path == "-":
            chunks.append(await shell.read_all())
            continue
        try:
            file = shell.open(path, write=False)
        except NoSuchFile:
            await shell.err(f"{name}: {path}: No such file or directory\n")
            status = 1
            continue
        while chunk := await file.read(65536):
            chunks.append(chunk)
    return b"".join(chunks), status


async def cat(shell: Shell, argv: list[str]) -> int:
    """Copy files, or standard input as it comes."""
    paths = [word for word in argv[1:] if word not in ("-u", "-v")]
    if paths not in ([], ["-"]):
        data, status = await _inputs(shell, paths, "cat")
        await shell.out(data)
        return status
    while chunk := await shell.read():
        await shell.out(chunk)
    return 0


async def head(shell: Shell, argv: list[str]) -> int:
    """The first lines (-n) or bytes (-c), passed on as they come; what follows stays unread (bytes)."""
    words = [f"-n{word[1:]}" if re.fullmatch(r"-\d+", word) else word for word in argv[1:]]
    options, paths = split_options(words, "nc")
    if paths and paths != ["-"]:
        data, status = await _inputs(shell, paths, "head")
        lines = data.splitlines(keepends=True)
        wanted = data[: int(options["c"])] if "c" in options else b"".join(lines[: int(options.get("n", 10))])
        await shell.out(wanted)
        return status
    if "c" in options:
        left = int(options["c"])
        while left > 0 and (chunk := await shell.read(left)):
            await shell.out(chunk)
            left -= len(chunk)
        return 0
    lines_left = int(options.get("n", 10))
    while lines_left > 0 and (chunk := await shell.read(4096)):
        taken = b"".join(chunk.splitlines(keepends=True)[:lines_left]) if chunk.count(b"\n") >= lines_left else chunk
        lines_left -= taken.count(b"\n")
        await shell.out(taken)
    return 0


async def tail(shell: Shell, argv: list[str]) -> int:
    """The last lines (-n) or bytes (-c)."""
    words = [f"-n{word[1:]}" if re.fullmatch(r"-\d+", word) else word for word in argv[1:]]
    options, paths = split_options(words, "nc")
    data, status = await _inputs(shell, paths, "tail")
    if "c" in options:
        count = int(options["c"])
        await shell.out(data[-count:] if count else b"")
        return status
    lines = data.splitlines(keepends=True)
    wanted = options.get("n", "10")
    start = int(wanted) - 1 if wanted.startswith("+") else max(0, len(lines) - int(wanted))
    await shell.out(b"".join(lines[start:]))
    return status


async def wc(shell: Shell, argv: list[str]) -> int:
    """Count lines, words and bytes."""
    options, paths = split_options(argv[1:], "")
    data, status = await _inputs(shell, paths, "wc")
    counts = {"l": data.count(b"\n"), "w": len(data.split()), "c": len(data)}
    chosen = [str(counts[letter]) for letter in "lwc" if letter in options or not options]
    await shell.out(" ".join(chosen) + "\n")
    return status


async def grep(shell: Shell, argv: list[str]) -> int:
    """Lines that match: -q -v -i -c -o -F -E -n."""
    options, rest = split_options(argv[1:], "em")
    pattern = options.get("e") or (rest.pop(0) if rest else "")
    data, _ = await _inputs(shell, rest, "grep")
    regex = re.compile(_basic(pattern, options), re.IGNORECASE if "i" in options else 0)
    lines = data.decode(errors="surrogateescape").splitlines()
    hits = [(n, line) for n, line in enumerate(lines, 1) if bool(regex.search(line)) != ("v" in options)]
    if "q" not in options:
        await shell.out(_grepped(hits, regex, options))
    return 0 if hits else 1


def _grepped(hits: list[tuple[int, str]], regex: re.Pattern[str], options: dict[str, str]) -> str:
    if "c" in options:
        return f"{len(hits)}\n"
    if "o" in options:
        return "".join(f"{match.group()}\n" for _, line in hits for match in regex.finditer(line))
    return "".join((f"{n}:" if "n" in options else "") + f"{line}\n" for n, line in hits)


def _basic(pattern: str, options: dict[str, str]) -> str:
    """A basic regular expression as Python writes it; with -E as it is, with -F as plain text."""
    if "F" in options:
        return re.escape(pattern)
    if "E" in options:
        return pattern
    return re.sub(r"\\([(){}|+?])|([(){}|+?])", lambda m: m.group(1) or "\\" + m.group(2), pattern)


def _set(text: str) -> list[str]:
    text = re.sub(r"\[:(\w+):\]", lambda m: _CLASSES.get(m.group(1), ""), text)
    text = re.sub(r"\\(\d{1,3})", lambda m: chr(int(m.group(1), 8)), text)
    text = text.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r").replace("\\\\", "\\")
    found: list[str] = []
    at = 0
    while at < len(text):
        if at + 2 < len(text) and text[at + 1] == "-" and text[at] <= text[at + 2]:
            found += map(chr, range(ord(text[at]), ord(text[at + 2]) + 1))
            at += 3
        else:
            found.append(text[at])
            at += 1
    return found


async def tr(shell: Shell, argv: list[str]) -> int:
    """Translate, delete (-d) or squeeze (-s) characters."""
    options, sets = split_options(argv[1:], "")
    first = _set(sets[0]) if sets else []
    second = _set(sets[1]) if len(sets) > 1 else []
    text = (await shell.read_all()).decode("latin-1")
    if "d" in options:
        keep = set(first) if "c" in options else None
        text = "".join(c for c in text if (c in keep if keep is not None else c not in first))
    elif second:
        padded = second + [second[-1]] * (len(first) - len(second))
        text = text.translate({ord(a): b for a, b in zip(first, padded, strict=False)})
    if "s" in options:
        squeezed = re.escape("".join(second or first))
        text = re.sub(f"([{squeezed}])\\1+", r"\1", text)
    await shell.out(text.encode("latin-1"))
    return 0


async def sort(shell: Shell, argv: list[str]) -> int:
    """Sort lines: -n -r -u."""
    options, paths = split_options(argv[1:], "tk")
    data, status = await _inputs(shell, paths, "sort")
    lines: list[str] = data.decode(errors="surrogateescape").splitlines()
    if "u" in options:
        lines = list(dict.fromkeys(lines))
    lines.sort(key=_numeric if "n" in options else lambda line: (0.0, line), reverse="r" in options)
    await shell.out("".join(f"{line}\n" for line in lines))
    return status


def _numeric(line: str) -> tuple[float, str]:
    match = re.match(r"\s*-?\d+(\.\d+)?", line)
    return (float(match.group()) if match else 0.0, line)


async def uniq(shell: Shell, argv: list[str]) -> int:
    """Neighbouring equal lines once; -c counts them."""
    options, paths = split_options(argv[1:], "")
    data, status = await _inputs(shell, paths, "uniq")
    for count, line in _runs(data.decode(errors="surrogateescape").splitlines()):
        await shell.out((f"{count:7d} " if "c" in options else "") + f"{line}\n")
    return status


def _runs(lines: list[str]) -> Iterator[tuple[int, str]]:
    count = 0
    for index, line in enumerate(lines):
        count += 1
        if index + 1 == len(lines) or lines[index + 1] != line:
            yield count, line
            count = 0


async def cut(shell: Shell, argv: list[str]) -> int:
    """Fields (-d -f) or characters (-c) of each line."""
    options, paths = split_options(argv[1:], "dfc")
    data, status = await _inputs(shell, paths, "cut")
    wanted = _set(re.sub(r"[^\d-]", "", options.get("f") or options.get("c") or "1"))
    numbers = [int(number) - 1 for number in wanted if number.isdigit()]
    for line in data.decode(errors="surrogateescape").splitlines():
        pieces = list(line) if "c" in options else line.split(options.get("d") or "\t")
        glue = "" if "c" in options else options.get("d") or "\t"
        await shell.out(glue.join(pieces[n] for n in numbers if n < len(pieces)) + "\n")
    return status


async def seq(shell: Shell, argv: list[str]) -> int:
    """Numbers from FIRST by STEP to LAST."""
    words = [word for word in argv[1:] if word != "-w"]
    try:
        numbers = [int(word) for word in words]
    except ValueError:
        await shell.err(f"seq: invalid floating point argument: {words}\n")
        return 1
    if not 1 <= len(numbers) <= 3:
        await shell.err("seq: missing operand\n")
        return 1
    first = numbers[0] if len(numbers) > 1 else 1
    step = numbers[1] if len(numbers) == 3 else 1
    if step == 0 or abs(numbers[-1] - first) > SEQ_LIMIT:
        await shell.err("seq: invalid increment\n")
        return 1
    last = numbers[-1] + (1 if step > 0 else -1)
    await shell.out("".join(f"{number}\n" for number in range(first, last, step)))
    return 0


async def tee(shell: Shell, argv: list[str]) -> int:
    """Copy standard input to files and on."""
    files = [shell.open(path, write=True) for path in argv[1:] if not path.startswith("-")]
    while chunk := await shell.read():
        for file in files:
            await file.write(chunk)
        await shell.out(chunk)
    return 0


async def basename(shell: Shell, argv: list[str]) -> int:
    """The last part of a path."""
    name = argv[1].rstrip("/").rsplit("/", 1)[-1] if len(argv) > 1 else ""
    await shell.out(name.removesuffix(argv[2]) + "\n" if len(argv) > 2 else name + "\n")
    return 0


TOOLS = {
    "cat": cat, "head": head, "tail": tail, "wc": wc, "grep": grep, "tr": tr, "sort": sort, "uniq": uniq,
    "cut": cut, "seq": seq, "tee": tee, "basename": basename,
}  # fmt: skip
