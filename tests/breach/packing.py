"""Containers written by hand: workbooks and archives as they lie about, and as an enemy would make them."""

import base64
import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib

_SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

# An xls of two sheets, written once by a spreadsheet library: telephone numbers as numbers, addresses, numbers as text.
OLD_WORKBOOK = zlib.decompress(
    base64.b85decode(
        "c-rk)O=uHA6#izD%};I9O-+SXD4}50TBJ!lDA;Z-Xit{vMUjFg?H;6QQi6hdv08H!1W$^WLNC2kz4(97n+Kty2SE@L_2x-X@"
        "X%&`^L96;F@**+SlMrxH?!|&=jXk7JG-x!!-e_#okdh(5FV7wAbb@(K_%$iXdt<1%BE8XsF*G`6@meBq))}umREl1L+S4#6x"
        "{Q^APRh>GL9LHW-~^#ff(j7B!wKqfbdf6DY!!=gbp588`BA<TbbTv-DgaPm~)-!0O=OQDJ<)wz5DGrKB;uGEJRe`A=|uXP7L"
        "jMDdYI^4Poi3IFvh^O#hpLE^jjyK%N^hGDa?$E+9fKT)=lT3Vd_+>hq|}Z!BMc_&?V2{WbVE6)!Lg^Nf&zn5Xm_@mdZ}%A3!"
        "sb(30w!CTYEL5uVKL&k;V^i0~=JCU8<LSdUY5Q``F^%JBxwyroP#qo8;@g|w$IVWgqazYF5lxCunXyta8_lrhZe`WFOo1>{Q"
        "{WNoC`8{C0Eq2K1!Ne75LB=7Lc$iAvUZ#7PUgf85=XNL42t_&7J!9>5<H#KATw`eu^^;({)pu63cTqe4<=CUH{3m@kwU<VUm"
        "m*8=^m%mCicXTfyynm+`o!&95|4GK7It3wz_jDH91~D9d+etDN^FJ4o>f?q#e+|R!>efG`7?)YL=78Z+XTusqP(ioMyX+=*f"
        "v_(#`1(*<w2zl52ONRzh7vSKNY5%)t{b<b+){x(0Ygp?^SCE*6>vLs#-%~4b|}sYI(+m3l}b2xNza3@euY&T%Kg)*-o|3hkp"
        "CN&MK9X`<vvy#c^cmI!B+ShmoN=hl_Q^&o-#Sd6w9qjq|@y;so`c!xU0Hj;Xrim(KU1ay}b2)c)KSs<;1AJ>&e#{r?1FO9*N"
    )
)


def zipped(members, method=zipfile.ZIP_DEFLATED, names=None):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for at, data in enumerate(members):
            archive.writestr(zipfile.ZipInfo(names[at] if names else f"{at}.csv"), data, method)
    return out.getvalue()


def encrypted(members):
    """A zip that says of every member that it is encrypted."""
    raw = bytearray(zipped(members, zipfile.ZIP_STORED))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.find(signature)
        while at >= 0:
            raw[at + flags] |= 1
            at = raw.find(signature, at + 4)
    return bytes(raw)


def tarred(members, mode="w", names=None):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for at, data in enumerate(members):
            info = tarfile.TarInfo(names[at] if names else f"{at}.csv")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return out.getvalue()


def sevenzipped(members, method="lzma2", damage=False):
    """A solid 7z of one folder, with a plain directory."""
    data = b"".join(members)
    if method == "copy":
        packed, coder = data, b"\x01\x00"
    elif method == "aes":
        packed, coder = data, b"\x24\x06\xf1\x07\x01\x01\x00"
    elif method == "bzip2":
        packed, coder = bz2.compress(data), b"\x03\x04\x02\x02"
    elif method == "deflate":
        deflater = zlib.compressobj(wbits=-15)
        packed, coder = deflater.compress(data) + deflater.flush(), b"\x03\x04\x01\x08"
    elif method == "lzma":
        chain = {"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}
        packed = lzma.compress(data, lzma.FORMAT_RAW, filters=[chain])
        coder = b"\x23\x03\x01\x01\x05" + bytes([93]) + (1 << 16).to_bytes(4, "little")
    else:
        chain = {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}
        packed = lzma.compress(data, lzma.FORMAT_RAW, filters=[chain])
        coder = b"\x21\x21\x01\x08"
    crcs = b"".join((zlib.crc32(one) ^ damage).to_bytes(4, "little") for one in members)
    sizes = b"".join(_number(len(one)) for one in members[:-1])
    streams = (
        b"\x06" + _number(0) + _number(1) + b"\x09" + _number(len(packed)) + b"\x00"
        b"\x07\x0b\x01\x00\x01" + coder + b"\x0c" + _number(len(data)) + b"\x00"
        b"\x08\x0d"
        + _number(len(members))
        + (b"\x09" + sizes if sizes else b"")
        + b"\x0a\x01"
        + crcs
        + b"\x00\x00"
    )
    directory = b"\x01\x04" + streams + b"\x00"
    start = struct.pack("<QQI", len(packed), len(directory), zlib.crc32(directory))
    return (
        b"7z\xbc\xaf\x27\x1c\x00\x04" + zlib.crc32(start).to_bytes(4, "little") + start + packed + directory
    )


def _number(value):
    return b"\xff" + value.to_bytes(8, "little") if value > 0x7F else bytes([value])


def workbook(sheets):
    """An xlsx: texts inline, floats and ints as numbers, `=…` as a formula with the value after it, as it was stored."""
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r" Type="{_OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_SHEETS}" xmlns:r="{_OFFICE}"><sheets>'
        + "".join(f'<sheet name="s{n}" sheetId="{n + 1}" r:id="r{n}"/>' for n in range(len(sheets)))
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}">'
        + "".join(
            f'<Relationship Id="r{n}" Type="{_OFFICE}/worksheet" Target="worksheets/s{n}.xml"/>'
            for n in range(len(sheets))
        )
        + "</Relationships>",
    }
    for n, rows in enumerate(sheets):
        lines = "".join(f"<row r='{at}'>{''.join(map(_cell, row))}</row>" for at, row in enumerate(rows, 1))
        parts[f"xl/worksheets/s{n}.xml"] = (
            f'<worksheet xmlns="{_SHEETS}"><sheetData>{lines}</sheetData></worksheet>'
        )
    return zipped([text.encode() for text in parts.values()], names=list(parts))


def _cell(value):
    if isinstance(value, tuple):
        return f'<c t="str"><f>{value[0]}</f><v>{value[1]}</v></c>'
    if isinstance(value, int | float):
        return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>' if value else "<c/>"


def nested(data, depth):
    for _ in range(depth):
        data = gzip.compress(data, mtime=0)
    return data


def bomb(size):
    """A zip in a zip of zeros."""
    return zipped([zipped([bytes(size)])])
