"""The picture of a proof: the entry's hash at the bottom, its neighbours beside the way up, the signed root at the top.

Sizes are in the picture's own units, which the style sheet scales. The same is on the page as a table.
"""

from dataclasses import dataclass

from api.i18n import Catalogue
from consent.ledger.bundles.explain import Explanation, Node

_WIDTH, _HIGH, _ROW, _EDGE = 460, 44, 80, 2
_SIDE, _MIDDLE = 140, 160
_CENTRE = _WIDTH // 2
_SHOWN = 8
"""How many hexadecimal digits of a hash the picture has room for."""


@dataclass(frozen=True, slots=True)
class Box:
    """A labelled box; `kind` is its class in the style sheet."""

    kind: str
    x: int
    y: int
    width: int
    label: str
    hash: str

    @property
    def middle(self) -> int:
        return self.x + self.width // 2


@dataclass(frozen=True, slots=True)
class Line:
    """From the top of one box to the bottom of the one above."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything the template draws."""

    width: int
    height: int
    high: int
    title: str
    text: str
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def drawing(found: Explanation, texts: Catalogue) -> Drawing:
    """The way of one entry; its top box stands for the signature."""
    count = len(found.steps)
    height = _ROW * (count + 1) + _HIGH + 2 * _EDGE

    def level(number: int) -> int:
        return height - _EDGE - _HIGH - _ROW * number

    boxes = [_middle("leaf" if count else "leaf root", found.leaf, level(0))]
    lines: list[Line] = []
    for number, step in enumerate(found.steps):
        x = _EDGE if step.left else _WIDTH - _EDGE - _SIDE
        beside = Box("beside", x, level(number), _SIDE, _label(step.beside), _short(step.beside.hash))
        above = _middle("root" if number == count - 1 else "path", step.above, level(number + 1))
        lines += [_up(boxes[-1], above), _up(beside, above)]
        boxes += [beside, above]
    signed = Box(
        "signed", _CENTRE - _MIDDLE // 2, level(count + 1), _MIDDLE, texts.text("proof.signed_box"), ""
    )
    lines.append(_up(boxes[-1], signed))
    return Drawing(
        _WIDTH,
        height,
        _HIGH,
        texts.text("proof.drawing_title", index=found.proven.index),
        texts.text("proof.drawing_text", count=count),
        (*boxes, signed),
        tuple(lines),
    )


def _middle(kind: str, node: Node, y: int) -> Box:
    return Box(kind, _CENTRE - _MIDDLE // 2, y, _MIDDLE, _label(node), _short(node.hash))


def _up(below: Box, above: Box) -> Line:
    return Line(below.middle, below.y, above.middle, above.y + _HIGH)


def _label(node: Node) -> str:
    return str(node.first) if node.first == node.last else f"{node.first}–{node.last}"  # noqa: RUF001


def _short(digest: bytes) -> str:
    return f"{digest.hex()[:_SHOWN]}…"
