"""Made-up people with all kinds of values: as likely to share a family name, a prefix or a street as real ones."""

import random

from vault.fields.resident_id import check_character

PREFIXES = [f"1{second}{third}" for second in "3456789" for third in range(10)][:52]
FAMILIES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰涛明超秀霞平刚桂英华玉兰建国文辉力"
REGIONS = ("110105", "310115", "440305", "330106", "510107", "420111")
ROADS = ("科技园路", "建国路", "人民路", "中山路", "解放路")
CITIES = ("北京市朝阳区", "上海市浦东新区", "广东省深圳市南山区", "浙江省杭州市西湖区")
PLATES = "京沪粤浙苏川"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def mobile(rng: random.Random) -> str:
    return f"{rng.choice(PREFIXES)}{rng.randrange(10**8):08d}"


def resident_id(rng: random.Random) -> str:
    birth = f"{rng.randrange(1950, 2010)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}"
    digits = f"{rng.choice(REGIONS)}{birth}{rng.randrange(1000):03d}"
    return digits + check_character(digits)


def email(rng: random.Random) -> str:
    local = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=rng.randrange(2, 12)))
    return f"{local}@{rng.choice(('qq.com', '163.com', 'gmail.com', 'example.cn'))}"


def name(rng: random.Random) -> str:
    family = "欧阳" if rng.random() < 0.05 else rng.choice(FAMILIES)
    return family + "".join(rng.choices(GIVEN, k=rng.choice((1, 2, 2))))


def plate(rng: random.Random) -> str:
    tail = "".join(rng.choices(LETTERS.replace("I", "").replace("O", "") + "0123456789", k=5))
    return f"{rng.choice(PLATES)}{rng.choice('ABCDE')}{tail}"


def address(rng: random.Random) -> str:
    place = f"{rng.choice(CITIES)}{rng.choice(ROADS)}{rng.randrange(1, 200)}号"
    return f"{place}{rng.randrange(1, 30)}栋{rng.randrange(101, 2000)}室"


def person(rng: random.Random) -> dict[str, str]:
    number = resident_id(rng)
    return {
        "phone": mobile(rng),
        "email": email(rng),
        "resident_id": number,
        "name": name(rng),
        "passport": f"E{rng.choice(LETTERS.replace('I', '').replace('O', ''))}{rng.randrange(10**7):07d}",
        "bank_card": f"{rng.choice(('622202', '621700', '622848'))}{rng.randrange(10**13):013d}",
        "address": address(rng),
        "birth_date": f"{number[6:10]}-{number[10:12]}-{number[12:14]}",
        "plate": plate(rng),
    }


def people(count: int, seed: int = 7) -> list[dict[str, str]]:
    """`count` people of whom no two share a key value."""
    rng = random.Random(seed)
    made: dict[tuple[str, str], dict[str, str]] = {}
    seen: set[str] = set()
    while len(made) < count:
        one = person(rng)
        keys = {one["phone"], one["email"], one["resident_id"]}
        if not keys & seen:
            seen |= keys
            made[one["phone"], one["email"]] = one
    return list(made.values())
