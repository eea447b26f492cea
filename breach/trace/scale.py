"""Words for the weight of evidence, and the two propositions that each weight compares (tracing.md §2.7).

The scale is that of the forensic institutes (ENFSI guideline for evaluative reporting, 2015). A ratio is stated
no higher than is declared here. It weighs what was found under two propositions, and says nothing about how
likely either of them is.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

MOST_STATED: Final = 1e4
"""The highest ratio put into words, declared and not measured: simulations of some 10^4 innocents cannot carry more."""

_WORDS: Final[Sequence[tuple[float, str, str]]] = (
    (1e6, "extremely strong support", "极强支持"),
    (1e4, "very strong support", "非常强的支持"),
    (1e3, "strong support", "较强支持"),
    (1e2, "moderately strong support", "中等偏强的支持"),
    (10.0, "moderate support", "中等支持"),
    (2.0, "weak support", "弱支持"),
    (0.0, "no support", "不支持"),
)


def support(ln_ratio: float) -> dict[str, Any]:
    """The stated ratio (capped), whether it was capped, and the words for it by language."""
    stated = math.exp(min(ln_ratio, math.log(MOST_STATED)))
    _, english, chinese = next(line for line in _WORDS if stated >= line[0] * (1 - 1e-12))
    return {
        "ratio": float(f"{stated:.2g}"),
        "capped": ln_ratio > math.log(MOST_STATED),
        "words": {"en": english, "zh-CN": chinese},
    }


def propositions(names: Mapping[str, str]) -> list[dict[str, Any]]:
    """What is compared for each recipient (legal name by id) that a strict figure was computed for, and for the store."""
    return [
        *(
            {
                "recipient": recipient,
                "en": [
                    f"{name} let its copy out, alone or with others.",
                    f"{name} did not; any other recipients, our own store and outside sources did, in whatever parts.",
                ],
                "zh-CN": [
                    f"{name}泄露了其副本，无论单独还是与他方一起。",
                    f"{name}没有泄露；其他任何接收方、我方自己的存储和外部来源以任意比例泄露。",
                ],
            }
            for recipient, name in names.items()
        ),
        {
            "recipient": None,
            "en": [
                "Our own store was copied.",
                "An outside source, which knows no more of our people than was declared, holds what was never disclosed, together with what few recipients collected themselves of those they serve.",
            ],
            "zh-CN": [
                "我方自己的存储被复制。",
                "从未披露的内容来自对我方人员的掌握不超过所声明上限的外部来源，以及少数接收方就其服务对象自行收集的内容。",
            ],
        },
    ]
