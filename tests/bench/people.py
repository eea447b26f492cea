"""Made-up people for the benchmarks: nine values each, all valid, all different, the same for the same number."""

from consent.people.keeping import NewPerson
from vault.fields.resident_id import check_character

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂兰建国志红"
_REGIONS = ("110105", "310104", "440304", "330106", "510107", "320102", "420106", "610113")
_PLATES = "京沪粤浙川苏鄂陕"
_CITIES = ("北京市朝阳区", "上海市徐汇区", "广东省深圳市福田区", "浙江省杭州市西湖区")
FIELDS = (
    "name",
    "phone",
    "email",
    "resident_id",
    "passport",
    "bank_card",
    "address",
    "birth_date",
    "plate",
)


def person(number: int) -> NewPerson:
    """Person `number`, 0 to 9,999,999."""
    return NewPerson(values_of(number))


def values_of(number: int) -> dict[str, str]:
    """The nine values of person `number`, each under its field code."""
    mixed = number * 7_919 % 9_999_991
    day = number % 28 + 1
    month = number // 28 % 12 + 1
    year = 1950 + number // 336 % 55
    at = number % len(_REGIONS)
    digits = f"{_REGIONS[at]}{year}{month:02}{day:02}{number // 18_480 % 1000:03}"
    return {
        "name": _SURNAMES[number % 20] + _GIVEN[number // 20 % 28] + _GIVEN[number // 560 % 28],
        "phone": f"1{(38, 39, 50, 86)[number % 4]}{number:08}",
        "email": f"u{mixed:07}.{number}@mail{number % 50}.example",
        "resident_id": digits + check_character(digits),
        "passport": f"E{number:08}",
        "bank_card": _luhn(f"622202{number:012}"),
        "address": f"{_CITIES[number % 4]}建国路{number % 900 + 1}号{number % 30 + 1}栋{number % 12 + 1}单元{number % 40 + 1}0{number % 4 + 1}室",
        "birth_date": f"{year}-{month:02}-{day:02}",
        "plate": f"{_PLATES[at]}{chr(65 + number // 100_000 % 8)}{number % 100_000:05}",
    }


def _luhn(digits: str) -> str:
    total = 0
    for at, character in enumerate(reversed(digits)):
        doubled = int(character) * (2 - at % 2)
        total += doubled - 9 * (doubled > 9)
    return f"{digits}{-total % 10}"
