"""The city's apps: who asks for what, why, how often, under which words and at which price per leaked person.

Invented names; registration numbers of the form real ones have. One app is asked for three uses at a time, most
for one. Each purpose allows the fields its app asks for, because the service refuses any excess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REDIRECT = "http://127.0.0.1:9/callback"
"""Where apps let people's answers go. Nobody listens there: the demo's browser hands the address over itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One recipient: `uses` is how many uses it asks for at once, `owed` what a leak costs it per person (CNY)."""

    key: str
    name: str
    purpose: str
    fields: tuple[str, ...]
    uses: int
    retention: str
    owed: str
    words_en: str
    words_zh: str

    def registration(self, number: int, jwks: Mapping[str, Any]) -> dict[str, Any]:
        """The document for `perusal recipient add`."""
        return {
            "legal_name": self.name,
            "contact": f"privacy@{self.key}.example",
            "registration_no": f"91310000MA1DEMO{number:03d}",
            "redirect_uris": [REDIRECT],
            "jwks": jwks,
            "notices": [
                {"purpose": self.purpose, "version": 1, "lang": lang, "text": words, "method": method}
                for lang, words, method in (
                    (
                        "en",
                        self.words_en,
                        "Received over an encrypted line, kept encrypted, read by our staff.",
                    ),
                    ("zh-CN", self.words_zh, "通过加密通道接收，加密存储，由我方工作人员查阅。"),
                )
            ],
            "terms": [
                {
                    "version": 1,
                    "text": f"If what you gave us leaks from us, we owe you {self.owed} CNY. "
                    f"如您提供的信息由我方泄露，我方向您支付 {self.owed} 元。",
                    "per_record": self.owed,
                    "currency": "CNY",
                    "cap": f"{float(self.owed) * 10:.2f}",
                }
            ],
        }


def _app(key: str, name: str, purpose: str, fields: str, uses: int, owed: str, en: str, zh: str) -> App:
    return App(
        key=key,
        name=name,
        purpose=purpose,
        fields=tuple(sorted(fields.split())),
        uses=uses,
        retention="P30D" if uses == 1 else "P90D",
        owed=owed,
        words_en=en,
        words_zh=zh,
    )


APPS: tuple[App, ...] = (
    _app("swift-parcel", "迅达快递有限公司", "delivery", "name phone", 1, "300.00",
         "We write your name and number on one parcel.", "我们把您的姓名和电话写在一个包裹上。"),
    _app("green-basket", "绿篮子生鲜有限公司", "delivery", "name phone", 3, "300.00",
         "We deliver three boxes of vegetables.", "我们为您配送三次蔬菜。"),
    _app("cloud-cinema", "云上影院有限公司", "account", "email name phone", 1, "200.00",
         "We open your ticket account.", "我们为您开立购票账户。"),
    _app("harbour-bank", "Harbour Savings Bank Ltd", "identity_check", "name phone resident_id", 1, "1000.00",
         "We check that you are you before we open a savings book.", "开立存折前，我们核验您的身份。"),
    _app("corner-pharmacy", "街角大药房有限公司", "health_care", "name phone resident_id", 1, "1500.00",
         "We register you for one prescription.", "我们为您登记一张处方。"),
    _app("lake-hotel", "Lakeside Hotels Ltd", "identity_check", "name resident_id", 1, "800.00",
         "We register one stay, as the law asks.", "我们依法登记您的一次入住。"),
    _app("quick-loan", "便捷小额贷款有限公司", "credit_check", "name phone resident_id", 1, "2000.00",
         "We look up your credit standing once.", "我们查询一次您的信用状况。"),
    _app("job-bridge", "职桥招聘有限公司", "hiring", "email name phone", 1, "500.00",
         "We pass one application on to ourselves only, and answer you.", "我们只处理您的一份求职申请并答复您。"),
    _app("night-arcade", "夜光网吧有限公司", "age_check", "name resident_id", 1, "600.00",
         "We check that you are old enough tonight.", "我们核验您今晚是否达到年龄要求。"),
    _app("ring-care", "Ringwell Repairs Ltd", "customer_care", "email name phone", 3, "250.00",
         "We call and write to you about one repair, three times at most.", "就一次维修，我们最多联系您三次。"),
    _app("shield-pay", "盾付支付有限公司", "fraud_prevention", "email name phone", 1, "700.00",
         "We make sure that nobody pays in your name.", "我们防止他人以您的名义付款。"),
    _app("tea-club", "茶友会有限公司", "marketing", "email name", 1, "150.00",
         "We send you one catalogue of teas.", "我们给您寄一份茶叶目录。"),
    _app("metro-wallet", "都市钱包有限公司", "payment", "email name phone", 1, "400.00",
         "We take one payment.", "我们处理您的一笔付款。"),
    _app("night-clinic", "Nightingale Clinic Ltd", "health_care", "name phone resident_id", 1, "1500.00",
         "We register one visit to a doctor.", "我们为您登记一次就诊。"),
)  # fmt: skip

LEAKER = 2
"""Place of the app that lets its file out: an account app, so that the file holds names, numbers and mail."""
