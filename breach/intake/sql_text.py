"""The grammar of rows in SQL text: tuples of INSERT statements, lines of COPY blocks, and the heads that begin them.

One grammar reads what MySQL, PostgreSQL, SQL Server, SQLite and Oracle write. They differ in one thing that cannot be
reconciled: whether a backslash inside '…' is an escape (MySQL) or a character (all others, except in E'…'); that is
`Flavour`. Every repetition is possessive, so that no text makes a match take more than linear time.
"""

import re
from enum import StrEnum


class Flavour(StrEnum):
    """What a backslash in a quoted text is."""

    ESCAPES = "escapes"
    LITERAL = "literal"


_ESCAPED = r"[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+"
_DOUBLED = r"[^']*+(?:''[^']*+)*+"
_NAME = r"(?:`[^`]{1,128}+`|\"[^\"]{1,128}+\"|\[[^\]]{1,128}+\]|[\w$\#@-]{1,128}+)"
_TABLE = rf"{_NAME}(?:\s*+\.\s*+{_NAME}){{0,3}}+"
_GAP = r"(?:\s++|/\*(?:[^*]|\*(?!/)){0,10000}+\*/|--[^\n]*+\n)*+"
_CAST = r"(?:\s*+::\s*+[\w\ \[\]\"]++(?:\(\d++\))?+)?+"

HEAD = re.compile(
    rf"""\b(?:INSERT|REPLACE)\s++(?:(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE|OR\s++[A-Z]++)\s++)*+(?:INTO\s++)?+
         (?P<table>{_TABLE})\s*+(?:\([^()']{{0,100000}}+\)\s*+)?+(?:OVERRIDING\s++\w++\s++VALUE\s*+)?+VALUES?{_GAP}(?=\()
       | ^COPY\s++(?P<copied>{_TABLE})\s*+(?:\([^()]{{0,100000}}+\)\s*+)?+FROM\s++STDIN\b[^;\n]*+;[^\S\n]*+\n
    """,
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
"""What begins rows: group `table` before tuples, group `copied` before lines."""

KEYWORD = re.compile(r"\b(?:INSERT|REPLACE|COPY)\b", re.IGNORECASE)
AFTER = re.compile(
    r"(?:\s*+ON\s++(?:DUPLICATE|CONFLICT)[^;]{0,5000}+(?=;))?+[^\S\n]*+(?:;[^\S\n]*+)?+\n?", re.IGNORECASE
)
"""What may follow the last tuple of a statement, up to the end of its line."""

AGAIN = re.compile(r"\)\s*+,\s*+(?=\()|\n(?=[^\S\n]*+\()|;[^\S\n]*+\n")
"""Where reading may begin again after a tuple that is broken."""

_HEX = re.compile(r"0x((?:[0-9A-Fa-f]{2})+)")
_LITERAL = re.compile(r"'((?:[^'\\]|\\.|'')*+)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)|''", re.DOTALL)
_MEANING = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "0": "", "Z": ""}
_COPY_ESCAPE = re.compile(r"\\(.)")
_COPY_MEANING = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", "N": ""}


class Grammar:
    """The tuples of one flavour. `tuple_` matches a whole tuple (group 1) and the comma after it (group 2)."""

    def __init__(self, flavour: Flavour) -> None:
        self._escapes = flavour is Flavour.ESCAPES
        body = _ESCAPED if self._escapes else _DOUBLED
        quoted = rf"(?:[eE]'{_ESCAPED}'|'{body}')"
        double = r'"[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+"' if self._escapes else r'"[^"]*+(?:""[^"]*+)*+"'
        plain = rf"(?:[^'\"()]++|{quoted}|{double})"
        inner = rf"(?:{plain}|\((?:{plain}|\({plain}*+\))*+\))*+"
        called = rf"(?:[A-Za-z_][\w.]*+\s*+\({inner}\)|ARRAY\s*+\[(?:[^'\]]++|{quoted})*+\])"
        bare = r"[^\s'\"(),;]++(?:[^\S\n]++[^\s'\"(),;]++)*+"
        text = rf"(?:(?:[NXBnxb]|_\w{{1,20}}+\s*+)?+{quoted}|{double})"
        item = rf"(?:{text}|{called}|{bare})"
        # The plain items come first: nine cells in ten are a quoted text or a number with nothing after it.
        cell = rf"\s*+(?:{item}(?:\s*+(?:\|\||\+)\s*+{item})*+{_CAST})?+\s*+"
        self.tuple_ = re.compile(rf"(\({cell}(?:,{cell})*+\))(?:{_GAP}(,){_GAP})?+", re.DOTALL)
        self._cells = re.compile(
            rf"\s*+(?:(?:([NXBEnxbe]|_\w{{1,20}}+\s*+)?+'({body})'{_CAST}(?=\s*+[,)])|({cell}))\s*+[,)])",
            re.DOTALL,
        )

    def cells(self, text: str, start: int, end: int) -> list[str]:
        """The cells between two positions, the first behind the opening bracket; cells not ended are left out."""
        found = self._cells.findall(text, start, end)
        return [
            body
            if body and not prefix and "\\" not in body and "''" not in body
            else self._meant(prefix, body, other)
            for prefix, body, other in found
        ]

    def _meant(self, prefix: str, body: str, other: str) -> str:
        other = other.strip()
        if other:
            return self._computed(other)
        if prefix in {"X", "x"}:
            return _from_hex(body)
        return self._unquoted(body, escapes=self._escapes or prefix in {"E", "e"})

    def _computed(self, text: str) -> str:
        if text.upper() in {"NULL", "DEFAULT"}:
            return ""
        if text[:1] == '"':
            return self._unquoted(text[1:-1].replace('""', '"'), escapes=self._escapes)
        if text[:2] == "0x":
            return _from_hex(text[2:])
        literals = _LITERAL.findall(text)
        if literals:
            return "".join(self._unquoted(one, escapes=self._escapes) for one in literals)
        return text.split("::", 1)[0]

    @staticmethod
    def _unquoted(body: str, *, escapes: bool) -> str:
        if not escapes:
            return body.replace("''", "'")
        return _ESCAPE.sub(lambda m: "'" if m[1] is None else _MEANING.get(m[1], m[1]), body)


def _from_hex(digits: str) -> str:
    """The text that hexadecimal digits write, or the digits where it is none."""
    found = _HEX.fullmatch("0x" + digits)
    if found is None:
        return digits
    try:
        text = bytes.fromhex(found[1]).decode()
    except UnicodeDecodeError:
        return "0x" + digits
    return text if text.isprintable() else "0x" + digits


def copied_cells(line: str) -> list[str]:
    """The cells of one line of a COPY block in text form; NULL is an empty cell."""
    cells = line.split("\t")
    if "\\" not in line:
        return cells
    return [
        _COPY_ESCAPE.sub(lambda m: _COPY_MEANING.get(m[1], m[1]), cell) if "\\" in cell else cell
        for cell in cells
    ]
