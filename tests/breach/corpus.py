"""The corpus: files as they lie about and as an enemy would make them, each with the truth that is planted in it.

`python -m tests.breach.corpus FOLDER` writes them all. A file either gives every identifier that was planted,
with every line accounted for, or is refused with its code. `damaged`: the identifiers that damage may cost,
which then has to be counted. Nobody's data: numbers and names are made from a count.
"""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.breach import packing

COUNT = 60


@dataclass(frozen=True)
class File:
    """`planted`: identifiers to be found; `code`: what the file is refused as instead; `counted`: account that must
    not be empty.
    """

    name: str
    raw: bytes
    planted: frozenset[str] = frozenset()
    code: str | None = None
    counted: str | None = None


def name(n: int) -> str:
    return "王李张刘陈"[n % 5] + "伟芳娜敏静"[n // 5 % 5]


def phone(n: int) -> str:
    return f"138{n:08d}"


def mail(n: int) -> str:
    return f"reader{n}@example.com"


PEOPLE = [(name(n), phone(n), mail(n)) for n in range(COUNT)]
ALL = frozenset(value for _, *values in PEOPLE for value in values)
MAILS = frozenset(mail(n) for n in range(COUNT))
PHONES = frozenset(phone(n) for n in range(COUNT))


def joined(separator: str, end: str = "\n") -> str:
    return "".join(separator.join(one) + end for one in PEOPLE)


def quoted(**how: object) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n", **how).writerows(PEOPLE)  # type: ignore[arg-type]
    return out.getvalue()


def tuples(write: Callable[[str], str] = lambda text: f"'{text}'", between: str = ",") -> str:
    return between.join(f"({n},{','.join(map(write, one))},NULL)" for n, one in enumerate(PEOPLE))


def documents() -> list[dict[str, object]]:
    return [
        {
            "_id": {"$oid": f"{n:024x}"},
            "name": name(n),
            "contact": {"phone": int(phone(n)), "mail": mail(n)},
            "n": None,
        }
        for n in range(COUNT)
    ]


def files() -> Iterator[File]:
    """Every file of the corpus."""
    yield from _delimited()
    yield from _sql()
    yield from _json()
    yield from _lists()
    yield from _containers()
    yield from _refused()


def _delimited() -> Iterator[File]:
    plain = joined(",")
    yield File("plain.csv", plain.encode(), ALL)
    yield File("gb18030.csv", ("姓名,手机,邮箱\n" + plain).encode("gb18030"), ALL)
    yield File("big5.tsv", joined("\t").replace("王", "陳").translate({0x5F20: "張", 0x5218: "劉", 0x9648: "陳"}).replace("伟", "偉").replace("静", "靜").encode("big5", "replace"), ALL)  # fmt: skip
    yield File("utf16.csv", plain.encode("utf-16"), ALL)
    yield File("utf16-unmarked.csv", plain.encode("utf-16-le"), ALL)
    yield File("utf16-big-unmarked.tsv", joined("\t").encode("utf-16-be"), ALL)
    yield File("utf32.csv", plain.encode("utf-32"), ALL)
    yield File("hive.txt", joined("\x01").encode(), ALL)
    notes = "".join(f"# note {n}, of no meaning\n" for n in range(1_500))
    yield File("long-preamble.csv", (notes + plain).encode(), ALL)
    other = "".join(json.dumps({"p": phone(COUNT + n)}) + "\n" for n in range(9))
    yield File(
        "csv-then-json.csv",
        (plain + other).encode(),
        ALL | {phone(COUNT + n) for n in range(9)},
        counted="ragged",
    )
    yield File("dashes.txt", joined("----").encode("gb18030"), ALL)
    yield File("pipes.txt", joined("|").encode(), ALL)
    yield File("quoted.csv", quoted(quoting=csv.QUOTE_ALL).encode("utf-8-sig"), ALL)
    yield File("line-breaks.csv", quoted(quoting=csv.QUOTE_ALL).replace("伟", "伟\n先生").encode(), ALL)
    yield File("stray-quotes.csv", plain.replace("王", '"王').encode(), ALL, counted="mended")
    yield File("ragged.csv", plain.replace("芳", "芳,x,y").encode(), ALL, counted="ragged")
    yield File("nuls.csv", plain.replace("敏", "敏\0").encode(), ALL)
    yield File("old-line-ends.csv", joined(",", "\r").encode(), ALL)
    yield File("mixed-encodings.csv", plain.encode() + plain.encode("gb18030"), ALL, counted="reencoded")
    yield File(
        "long-line.csv",
        plain.encode() + b"x" * 1_500_000 + b"\n" + plain.encode(),
        ALL,
        counted="quarantined",
    )
    yield File("undecodable.csv", plain.encode() + b"\xff\xfe\xff,\x81\n", ALL, counted="quarantined")
    yield File("spreadsheet.csv", plain.replace("138", "'138").encode(), ALL)
    yield File(
        "spaces.csv",
        "".join(f" {a} ; +86 {p[:3]}-{p[3:7]}-{p[7:]} ; {m.upper()} \n" for a, p, m in PEOPLE).encode(),
        ALL,
    )
    floats = "".join(f"{n},1.{phone(n)[1:]}E+10,{mail(n)}\n" for n in range(COUNT))
    yield File("floats.csv", floats.encode(), ALL)
    rounded = "".join(f"{n},1.38E+10,{mail(n)}\n" for n in range(COUNT))
    yield File("rounded.csv", rounded.encode(), MAILS, counted="rounded")
    yield File("one-column.txt", "".join(phone(n) + "\n" for n in range(COUNT)).encode(), PHONES)
    rare = "".join(f"{n},{mail(n)},note\n" for n in range(2_000)) + f"9,x,{phone(7)}\n"
    yield File("rare-column.csv", rare.encode(), frozenset({phone(7), mail(1_999)}))


def _sql() -> Iterator[File]:
    escaped = (
        "-- MySQL dump 10\nCREATE TABLE `u` (\n  `a` int\n);\nINSERT INTO `u` VALUES "
        + tuples()
        + ";\nUNLOCK TABLES;\n"
    )
    yield File("mysql.sql", escaped.encode(), ALL, counted="quarantined")
    yield File("mysql-gbk.sql", escaped.encode("gb18030"), ALL)
    yield File(
        "mysql-hex.sql",
        ("INSERT INTO `u` VALUES " + tuples(lambda t: "0x" + t.encode().hex()) + ";\n").encode(),
        ALL,
    )
    yield File("mysql-quotes.sql", ("INSERT INTO `u` VALUES " + tuples(lambda t: "'" + t.replace("伟", "\\'; DROP (\\\\") + "'") + ";\n").encode(), ALL)  # fmt: skip
    one_each = "".join(
        f"INSERT INTO public.u VALUES ({n}, '{a}', '{p}', '{m}');\n" for n, (a, p, m) in enumerate(PEOPLE)
    )
    yield File("postgres-inserts.sql", one_each.encode(), ALL)
    copy = (
        "SET client_encoding = 'UTF8';\nCOPY public.u (a, b, c) FROM stdin;\n"
        + joined("\t")
        + "\\.\n\nSELECT 1;\n"
    )
    yield File("postgres-copy.sql", copy.encode(), ALL)
    yield File("copy-cut.sql", copy.split("\\.")[0][:-15].encode(), ALL - {mail(COUNT - 1)})
    server = "SET IDENTITY_INSERT [dbo].[u] ON\nGO\n" + "".join(
        f"INSERT [dbo].[u] ([a], [b]) VALUES (N'{a}', N'{p}', N'C:\\', CAST(N'{m}' AS NVarChar(50)))\nGO\n"
        for a, p, m in PEOPLE
    )
    yield File("sqlserver-utf16.sql", server.encode("utf-16"), ALL)
    appended = "".join(f"{phone(COUNT + n)},x\n" for n in range(9))
    yield File(
        "sql-then-list.sql",
        (escaped + appended).encode(),
        ALL | {phone(COUNT + n) for n in range(9)},
        counted="quarantined",
    )
    yield File("begins-inside.sql", (tuples()[30:] + ";\n").encode(), ALL - {phone(0), mail(0)})
    yield File(
        "cut-short.sql",
        escaped.split(";\nUNLOCK")[0][:-20].encode(),
        ALL - {mail(COUNT - 1)},
        counted="damaged",
    )
    yield File("broken-tuple.sql", escaped.replace("(7,'", "(7,'O'Brien").encode(), ALL, counted="damaged")
    yield File(
        "huge-statement.sql",
        ("INSERT INTO `u` VALUES " + tuples(between=",\n" + " " * 30_000) + ";\n").encode(),
        ALL,
    )

    wide = "INSERT INTO `u` VALUES " + ",".join(f"({n},'{'路' * 30_000}','{mail(n)}')" for n in range(COUNT))
    yield File("one-line.sql", (wide + ";\n").encode(), MAILS)


def _json() -> Iterator[File]:
    wide = [{"路": "路" * 30_000, "mail": mail(n)} for n in range(COUNT)]
    yield File("one-line.json", json.dumps(wide, ensure_ascii=False).encode(), MAILS)
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in documents())
    yield File("lines.json", lines.encode(), ALL)
    yield File("array.json", json.dumps(documents()).encode(), ALL)
    yield File("pretty.json", json.dumps(documents(), indent=4, ensure_ascii=False).encode("gb18030"), ALL)
    hits = {
        "took": 3,
        "hits": {"total": COUNT, "hits": [{"_index": "u", "_source": one} for one in documents()]},
    }
    yield File("search.json", json.dumps(hits).encode(), ALL)
    bulk = "".join(f'{{"index":{{"_id":"{n}"}}}}\n{json.dumps(one)}\n' for n, one in enumerate(documents()))
    yield File("bulk.json", bulk.encode(), ALL)
    shell = "".join(
        f'{{ "_id" : ObjectId("{n:024x}"), "p" : NumberLong({p}), "m" : "{m}" }}\n'
        for n, (_, p, m) in enumerate(PEOPLE)
    )
    yield File("shell.json", shell.encode(), ALL)
    yield File("cut.json", lines[:-30].encode(), ALL - {mail(COUNT - 1)}, counted="damaged")
    yield File(
        "broken-lines.json", lines.replace('"n": null', '"n": nul', 5).encode(), ALL, counted="damaged"
    )
    keyed = {phone(n): {"mail": mail(n)} for n in range(COUNT)}
    yield File("keyed.json", json.dumps(keyed).encode(), ALL)
    yield File("table.json", json.dumps({"data": [list(one) for one in PEOPLE]}).encode(), ALL)
    yield File("deep.json", (lines + '{"a":' * 5_000 + "\n" + lines).encode(), ALL, counted="damaged")


def _lists() -> Iterator[File]:
    yield File("combo.txt", "".join(f"{m}:pa:ss{n}\n" for n, (_, _, m) in enumerate(PEOPLE)).encode(), MAILS)
    mixed = "".join(
        (f"{m}:x;y\n", f"{m};p w\n", f"https://site{n}.com:8443/a?b=1:{m}:p:w\n", f"{p}:secret\n{m} pw\n")[
            n % 4
        ]
        for n, (_, p, m) in enumerate(PEOPLE)
    )
    yield File("combo-mixed.txt", mixed.encode(), MAILS)
    log = "".join(
        f"[2024-01-01 10:00:{n % 60:02d}] INFO user {m} called +86 {p} ok\n"
        for n, (_, p, m) in enumerate(PEOPLE)
    )
    yield File("server.log", log.encode(), ALL)
    page = "<html><table>\n" + "".join(
        f"<tr><td>{a}</td><td>{p}</td><td><a href='mailto:{m}'>x</a></td></tr>\n" for a, p, m in PEOPLE
    )
    yield File("page.html", page.encode(), ALL, counted="quarantined")
    yield File(
        "table.md",
        ("| n | p | m |\n|---|---|---|\n" + "".join(f"| {' | '.join(one)} |\n" for one in PEOPLE)).encode(),
        ALL,
    )
    notes = "".join(f"{a}的电话是{p}，邮箱{m}。\n无关的一行\n" for a, p, m in PEOPLE)
    yield File("notes.txt", notes.encode("gb18030"), ALL, counted="quarantined")


def _containers() -> Iterator[File]:
    one, two = joined(",").encode(), tuples().encode()
    statement = b"INSERT INTO `u` VALUES " + two + b";\n"
    rows = [[a, float(p), m] for a, p, m in PEOPLE]
    yield File("book.xlsx", packing.workbook([[["name", "phone", "mail"]], rows]), ALL)
    yield File(
        "mixed.zip",
        packing.zipped([b"readme\n", statement, packing.workbook([rows])]),
        ALL,
        counted="members_refused",
    )
    yield File("climbing.zip", packing.zipped([one], names=["../../../etc/cron.d/x"]), ALL)
    yield File("dump.tar.gz", packing.tarred([one, statement], "w:gz"), ALL, counted="members_refused")
    yield File("dump.7z", packing.sevenzipped([one, statement]), ALL)
    yield File("four-deep.gz", packing.nested(one, 4), ALL)
    yield File("cut.gz", packing.nested(one, 1)[:-8], ALL, counted="members_refused")
    yield File(
        "bomb-inside.zip", packing.zipped([one, packing.bomb(40 << 20)]), ALL, counted="members_refused"
    )
    yield File(
        "half-encrypted.zip", packing.zipped([one, packing.encrypted([two])]), ALL, counted="members_refused"
    )


def _refused() -> Iterator[File]:
    one = joined(",").encode()
    yield File("empty", b"", code="empty_file")
    yield File("blank.csv", b"\n \r\n\t\n", code="empty_file")
    yield File("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(200), code="binary_file")
    yield File("page.pdf", b"%PDF-1.7\n" + one, code="binary_file")
    yield File("shop.csv", b"colour,size\nred,3\nblue,4\n", code="no_identifier_column")
    yield File(
        "schema.sql", b"CREATE TABLE u (a int);\nINSERT INTO u VALUES (1,'x');\n", code="no_identifier_column"
    )
    yield File("settings.json", b'{"debug": true, "port": 8080}', code="no_identifier_column")
    yield File("nothing-decodes", b"\xff\xff\xff,x\n" * 50, code="unreadable_encoding")
    yield File("encrypted.zip", packing.encrypted([one]), code="encrypted_file")
    yield File("encrypted.7z", packing.sevenzipped([one], "aes"), code="encrypted_file")
    yield File("five-deep.gz", packing.nested(one, 5), code="archive_limit")
    yield File("bomb.zip", packing.bomb(40 << 20), code="archive_limit")
    yield File("cut.zip", packing.zipped([one])[:-20], code="damaged_file")
    yield File("cut.xlsx", packing.workbook([[["a"]]])[:-20], code="damaged_file")


def main() -> None:
    """Write the corpus."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for file in files():
        (folder / file.name).write_bytes(file.raw)


if __name__ == "__main__":
    main()
