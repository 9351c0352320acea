"""Turns a shell script's text into its syntax tree."""

from __future__ import annotations

import re

from meshtui.sim.shell.lexer import NAME, Lexer
from meshtui.sim.shell.syntax import (
    AndOr,
    Case,
    Command,
    For,
    Function,
    Group,
    If,
    Literal,
    Pipeline,
    Redirect,
    Script,
    Simple,
    SyntaxFault,
    While,
    Word,
)

_CLOSERS = ("then", "else", "elif", "fi", "do", "done", "esac", "}")
_PLAIN = re.compile(r"[^\s;&|<>()'\"\\$`]+(?=[\s;&|<>()]|$)")
_REDIRECTS = (">>", ">&", "<&", ">", "<")


def parse(text: str) -> Script:
    """The tree of `text`. Raises SyntaxFault."""
    lexer = Lexer(text, _script)
    script = _script(lexer, "")
    if lexer.peek():
        raise SyntaxFault(f"{lexer.peek()!r} unexpected")
    return script


def _script(lexer: Lexer, closer: str) -> Script:
    """Commands up to `closer` (a bracket), a closing keyword or the end; what closes is left standing."""
    items: list[AndOr] = []
    while True:
        _newlines(lexer)
        if not lexer.peek() or (closer and lexer.peek(len(closer)) == closer) or lexer.peek(2) == ";;":
            break
        if _keyword(lexer) in _CLOSERS:
            break
        item = _and_or(lexer)
        lexer.blanks()
        if lexer.peek(2) != "&&" and lexer.accept("&"):
            item = AndOr(item.first, item.rest, background=True)
        elif not (_ended(lexer) or _keyword(lexer) in _CLOSERS):
            raise SyntaxFault(f"{lexer.peek()!r} unexpected")
        items.append(item)
    return Script(tuple(items))


def _ended(lexer: Lexer) -> bool:
    """Whether a command may end here; steps over the semicolon that ends it."""
    return lexer.peek(2) == ";;" or lexer.accept(";") or lexer.peek() in ("\n", ")", "")


def _newlines(lexer: Lexer) -> None:
    lexer.blanks()
    while lexer.accept("\n"):
        lexer.blanks()


def _keyword(lexer: Lexer) -> str:
    """The plain word that stands here, without stepping over it."""
    match = _PLAIN.match(lexer.text, lexer.at)
    return match.group() if match else ""


def _take(lexer: Lexer, keyword: str) -> None:
    _newlines(lexer)
    if _keyword(lexer) != keyword:
        raise SyntaxFault(f"expecting {keyword!r}")
    lexer.at += len(keyword)


def _and_or(lexer: Lexer) -> AndOr:
    first = _pipeline(lexer)
    rest: list[tuple[str, Pipeline]] = []
    while True:
        lexer.blanks()
        operator = lexer.peek(2)
        if operator not in ("&&", "||"):
            return AndOr(first, tuple(rest))
        lexer.at += 2
        _newlines(lexer)
        rest.append((operator, _pipeline(lexer)))


def _pipeline(lexer: Lexer) -> Pipeline:
    lexer.blanks()
    negate = False
    while _keyword(lexer) == "!":
        negate = not negate
        lexer.at += 1
        lexer.blanks()
    commands = [_command(lexer)]
    while True:
        lexer.blanks()
        if lexer.peek(2) == "||" or not lexer.accept("|"):
            return Pipeline(tuple(commands), negate)
        _newlines(lexer)
        commands.append(_command(lexer))


def _command(lexer: Lexer) -> Command:
    lexer.blanks()
    if lexer.accept("("):
        body = _script(lexer, ")")
        lexer.expect(")")
        return Group(body, True, _redirects(lexer))
    keyword = _keyword(lexer)
    if keyword == "{":
        lexer.at += 1
        body = _script(lexer, "")
        _take(lexer, "}")
        return Group(body, False, _redirects(lexer))
    if keyword in _COMPOUND:
        lexer.at += len(keyword)
        return _COMPOUND[keyword](lexer)
    if NAME.fullmatch(keyword):
        start = lexer.at
        lexer.at += len(keyword)
        lexer.blanks()
        if lexer.accept("("):
            lexer.blanks()
            lexer.expect(")")
            _newlines(lexer)
            return Function(keyword, _command(lexer))
        lexer.at = start
    return _simple(lexer)


def _for(lexer: Lexer) -> Command:
    lexer.blanks()
    name = _keyword(lexer)
    if not NAME.fullmatch(name):
        raise SyntaxFault("bad for loop variable")
    lexer.at += len(name)
    _newlines(lexer)
    words: tuple[Word, ...] | None = None
    if _keyword(lexer) == "in":
        lexer.at += 2
        words = _words(lexer)
    lexer.blanks()
    lexer.accept(";")
    return For(name, words, _do(lexer), _redirects(lexer))


def _words(lexer: Lexer) -> tuple[Word, ...]:
    words = []
    lexer.blanks()
    while word := lexer.word():
        words.append(word)
        lexer.blanks()
    return tuple(words)


def _do(lexer: Lexer) -> Script:
    _take(lexer, "do")
    body = _script(lexer, "")
    _take(lexer, "done")
    return body


def _while(lexer: Lexer) -> Command:
    condition = _script(lexer, "")
    return While(condition, _do(lexer), False, _redirects(lexer))


def _until(lexer: Lexer) -> Command:
    condition = _script(lexer, "")
    return While(condition, _do(lexer), True, _redirects(lexer))


def _if(lexer: Lexer) -> Command:
    branches = []
    otherwise = None
    while True:
        condition = _script(lexer, "")
        _take(lexer, "then")
        branches.append((condition, _script(lexer, "")))
        if _keyword(lexer) != "elif":
            break
        lexer.at += 4
    if _keyword(lexer) == "else":
        lexer.at += 4
        otherwise = _script(lexer, "")
    _take(lexer, "fi")
    return If(tuple(branches), otherwise, _redirects(lexer))


def _case(lexer: Lexer) -> Command:
    lexer.blanks()
    word = lexer.word()
    if word is None:
        raise SyntaxFault("expecting a word after 'case'")
    _take(lexer, "in")
    arms = []
    _newlines(lexer)
    while _keyword(lexer) != "esac":
        arms.append(_arm(lexer))
        _newlines(lexer)
    lexer.at += 4
    return Case(word, tuple(arms), _redirects(lexer))


def _arm(lexer: Lexer) -> tuple[tuple[Word, ...], Script]:
    lexer.accept("(")
    patterns = []
    while True:
        lexer.blanks()
        pattern = lexer.word()
        if pattern is None:
            raise SyntaxFault("expecting a pattern")
        patterns.append(pattern)
        lexer.blanks()
        if not lexer.accept("|"):
            break
    lexer.expect(")")
    body = _script(lexer, "")
    _newlines(lexer)
    lexer.accept(";;")
    return tuple(patterns), body


_COMPOUND = {"for": _for, "while": _while, "until": _until, "if": _if, "case": _case}


def _redirects(lexer: Lexer) -> tuple[Redirect, ...]:
    found = []
    while redirect := _redirect(lexer):
        found.append(redirect)
    return tuple(found)


def _redirect(lexer: Lexer) -> Redirect | None:
    lexer.blanks()
    start = lexer.at
    while lexer.peek().isdigit():
        lexer.at += 1
    digits = lexer.text[start : lexer.at]
    for op in _REDIRECTS:
        if lexer.accept(op):
            break
    else:
        lexer.at = start
        return None
    if op == "<" and lexer.peek() == "<":
        raise SyntaxFault("here-documents are not supported")
    lexer.blanks()
    target = lexer.word()
    if target is None:
        raise SyntaxFault("expecting a file after redirection")
    return Redirect(int(digits) if digits else int(op[0] == ">"), op, target)


def _simple(lexer: Lexer) -> Command:
    assignments: list[tuple[str, Word]] = []
    words: list[Word] = []
    redirects: list[Redirect] = []
    while True:
        if redirect := _redirect(lexer):
            redirects.append(redirect)
            continue
        word = lexer.word()
        if word is None:
            break
        assignment = None if words else _assignment(word)
        if assignment:
            assignments.append(assignment)
        else:
            words.append(word)
    if not (assignments or words or redirects):
        raise SyntaxFault(f"{lexer.peek() or 'end of file'!r} unexpected")
    return Simple(tuple(assignments), tuple(words), tuple(redirects))


def _assignment(word: Word) -> tuple[str, Word] | None:
    first = word.parts[0]
    if not isinstance(first, Literal) or first.quoted:
        return None
    name, equals, value = first.text.partition("=")
    if not equals or not NAME.fullmatch(name):
        return None
    rest = (Literal(value), *word.parts[1:]) if value else word.parts[1:]
    return name, Word(rest)
