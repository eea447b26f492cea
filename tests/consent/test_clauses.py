"""Clauses nobody can agree to: found with their words, through every disguise, and not where they are denied."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.demo.apps import APPS
from consent.clauses import Clause, Finding, findings


@pytest.mark.parametrize(
    ("text", "clause", "words"),
    [
        ("You agree to use for any purpose we see fit.", Clause.BLANKET, "any purpose"),
        ("We handle all of your personal data.", Clause.BLANKET, "all of your personal data"),
        ("Used in such ways as we see fit.", Clause.BLANKET, "as we see fit"),
        ("您同意我方将信息用于任何目的。", Clause.BLANKET, "任何目的"),
        ("本授权为一揽子授权。", Clause.BLANKET, "一揽子授权"),
        ("By logging in you agree to this.", Clause.IMPLIED, "By logging in you agree"),
        ("You are deemed to have consented.", Clause.IMPLIED, "deemed to have consented"),
        ("We send offers unless you opt out.", Clause.IMPLIED, "unless you opt out"),
        ("登录即表示您同意本协议。", Clause.IMPLIED, "登录即表示您同意"),
        ("选项默认勾选。", Clause.IMPLIED, "默认勾选"),
        ("This consent is irrevocable.", Clause.IRREVOCABLE, "irrevocable"),
        ("Consent cannot be withdrawn.", Clause.IRREVOCABLE, "cannot be withdrawn"),
        ("You waive your right to revoke it.", Clause.IRREVOCABLE, "waive your right to revoke"),
        ("该授权不可撤销。", Clause.IRREVOCABLE, "不可撤销"),
        ("您授予永久性授权。", Clause.IRREVOCABLE, "永久性授权"),
        ("We may share it with any third party.", Clause.PASSED_ON, "any third party"),
        ("The licence is sublicensable.", Clause.PASSED_ON, "sublicensable"),
        ("We pass it to our trusted partners.", Clause.PASSED_ON, "our trusted partners"),
        ("我方有权转授权。", Clause.PASSED_ON, "转授权"),
        ("我们会将信息共享给合作伙伴。", Clause.PASSED_ON, "共享给合作伙伴"),
        ("We are not liable for leaks.", Clause.NO_LIABILITY, "not liable"),
        ("The company disclaims any liability.", Clause.NO_LIABILITY, "disclaims any liability"),
        ("You use this at your own risk.", Clause.NO_LIABILITY, "at your own risk"),
        ("You waive any claims.", Clause.NO_LIABILITY, "waive any claims"),
        ("如信息泄露,我方不承担任何责任。", Clause.NO_LIABILITY, "不承担任何责任"),
        ("我方不对泄露承担责任。", Clause.NO_LIABILITY, "不对泄露承担责任"),
        ("由此产生的损失,我方概不负责。", Clause.NO_LIABILITY, "概不负责"),
        ("本公司对您不承担任何责任。", Clause.NO_LIABILITY, "不承担任何责任"),
        ("平台向用户不承担任何责任。", Clause.NO_LIABILITY, "不承担任何责任"),
        ("本授权不可以被撤回。", Clause.IRREVOCABLE, "不可以被撤回"),
        ("授权一经作出不予撤回。", Clause.IRREVOCABLE, "不予撤回"),
        ("If you do not object we use your data for any purpose.", Clause.BLANKET, "any purpose"),
        ("We do not need a reason to pass it to any third party.", Clause.PASSED_ON, "any third party"),
        ("我方可不经通知将您的数据用于任何目的。", Clause.BLANKET, "任何目的"),
        ("用途包括但不局限于任何目的。", Clause.BLANKET, "任何目的"),
        ("您的信息可用于其他用途。", Clause.BLANKET, "其他用途"),
        ("We may use it for other purposes.", Clause.BLANKET, "for other purposes"),
        ("This consent can't be undone.", Clause.IRREVOCABLE, "consent can't be undone"),
        ("This consent can\u2019t be undone.", Clause.IRREVOCABLE, "consent can\u2019t be undone"),
        ("一经同意不可反悔。", Clause.IRREVOCABLE, "不可反悔"),
        ("We keep your data forever.", Clause.IRREVOCABLE, "keep your data forever"),
        ("提供给合作银行及广告商。", Clause.PASSED_ON, "提供给合作银行"),
        ("集团内其他公司可使用。", Clause.PASSED_ON, "集团内其他公司可使用"),
        ("We are liable only for gross negligence.", Clause.NO_LIABILITY, "liable only for gross"),
        ("我方仅在故意或者重大过失时承担责任。", Clause.NO_LIABILITY, "仅在故意或者重大过失时承担"),
        ("我方最高赔偿100元，超出部分您不得主张。", Clause.CAPPED_LOSS, "超出部分您不得主张"),
        (
            "We pay at most 100 CNY even if your proven loss is greater.",
            Clause.CAPPED_LOSS,
            "at most 100 CNY even if your proven loss",
        ),
        ("赔偿总额不超过100元，无论您的实际损失多大。", Clause.CAPPED_LOSS, "赔偿总额不超过"),
        ("无论您的损失多大，我方最多支付100元。", Clause.CAPPED_LOSS, "无论您的损失多大，我方最多"),
        (
            "Whatever your losses, we pay no more than 1 CNY.",
            Clause.CAPPED_LOSS,
            "Whatever your losses, we pay no more than",
        ),
        (
            "Our total liability shall not exceed 100 CNY.",
            Clause.CAPPED_LOSS,
            "total liability shall not exceed",
        ),
        ("You may not claim anything beyond it.", Clause.CAPPED_LOSS, "may not claim anything beyond"),
        ("We may use it for whatever we like.", Clause.BLANKET, "whatever we like"),
        (
            "We may change this at any time without notice.",
            Clause.BLANKET,
            "change this at any time without notice",
        ),
        ("We use it for other purposes, to which you hereby consent.", Clause.BLANKET, "for other purposes"),
        ("用于提升服务质量等目的。", Clause.BLANKET, "等目的"),
        ("You accept by opening this parcel.", Clause.IMPLIED, "You accept by opening"),
        ("You can never withdraw.", Clause.IRREVOCABLE, "You can never withdraw"),
        ("Your consent is permanent.", Clause.IRREVOCABLE, "consent is permanent"),
        ("一经授权，永不撤回。", Clause.IRREVOCABLE, "永不撤回"),
        ("We may disclose your data to third parties.", Clause.PASSED_ON, "third parties"),
        ("We share it with third parties, and you consent to it.", Clause.PASSED_ON, "third parties"),
        ("We may share your data with anyone.", Clause.PASSED_ON, "share your data with anyone"),
        ("We may sell your data.", Clause.PASSED_ON, "sell your data"),
        ("The right is sub licensable.", Clause.PASSED_ON, "sub licensable"),
        ("我们可能向第三方提供您的信息。", Clause.PASSED_ON, "第三方"),
        ("未经您同意也可与任何人共享。", Clause.PASSED_ON, "任何人"),
        ("Liability is hereby excluded.", Clause.NO_LIABILITY, "Liability is hereby excluded"),
        (
            "Under no circumstances will compensation be paid.",
            Clause.NO_LIABILITY,
            "no circumstances will compensation",
        ),
        ("You agree not to sue us.", Clause.NO_LIABILITY, "agree not to sue"),
        ("因此造成的损失由您自行承担。", Clause.NO_LIABILITY, "损失由您自行承担"),
        ("您放弃索赔权利。", Clause.NO_LIABILITY, "放弃索赔"),
        ("By ticking this box you consent to marketing.", Clause.IMPLIED, "By ticking this box you consent"),
        ("A ticked box counts as consent to offers.", Clause.IMPLIED, "ticked box counts as consent"),
        ("勾选本框即表示您同意接收营销信息。", Clause.IMPLIED, "勾选本框即表示您同意"),
        ("本公司拥有最终解释权。", Clause.BLANKET, "最终解释权"),
        ("最終解釋權歸本公司所有。", Clause.BLANKET, "最終解釋權"),
        ("活动解释权归我方。", Clause.BLANKET, "解释权归我方"),
        (
            "We reserve the right of final interpretation.",
            Clause.BLANKET,
            "reserve the right of final interpretation",
        ),
        ("You grant a royalty-free, worldwide licence.", Clause.BLANKET, "royalty-free, worldwide licence"),
        ("You give us a right, worldwide, to use it.", Clause.BLANKET, "give us a right, worldwide"),
        ("您授予我方全球范围内免费的使用权。", Clause.BLANKET, "全球范围内免费的使用权"),
        ("您不得追究本公司责任。", Clause.NO_LIABILITY, "您不得追究"),
        ("我們不會為此負責。", Clause.NO_LIABILITY, "不會為此負責"),
        ("本公司不承擔任何責任。", Clause.NO_LIABILITY, "不承擔任何責任"),
        ("赔偿不超过10元。", Clause.CAPPED_LOSS, "赔偿不超过"),
        (
            "Our total responsibility is limited to 10 CNY.",
            Clause.CAPPED_LOSS,
            "total responsibility is limited to",
        ),
    ],
)
def test_a_clause_is_found_with_its_words(text: str, clause: Clause, words: str) -> None:
    assert Finding(clause, words) in findings(text)


@pytest.mark.parametrize(
    "text",
    [
        "We are liable for every leak.",
        "If your data leaks from us, we pay 500 yuan to you.",
        "You may withdraw at any time.",
        "You are not liable for anything.",
        "We use it for this delivery and not for any other purpose.",
        "We never share it with any third party.",
        "Your grant is non-transferable.",
        "如您的信息由我方泄露,我方承担赔偿责任。",
        "您可以随时撤回同意。如果您不撤回,到期自动失效。",
        "您不承担任何责任。",
        "我们不会将您的信息提供给任何第三方。",
        "仅用于本次配送,不用于任何其他目的。",
        "仅用于本次配送，不用于其他用途。",
        "如需用于其他目的，我们将另行征得您的同意。",
        "For other purposes we ask you again and take your consent.",
        "A withdrawal cannot be undone.",
        "The agreed sum is 500 CNY for one leak and at most 5,000 CNY for several.",
        "We pay 500 CNY for a leak, whatever your loss, and more where you can prove more.",
        "约定赔偿金额以5000元为限，不影响您就实际损失另行主张。",
        "您能证明的损失超过约定金额的部分，我方照样赔偿。",
        "Your liability is limited to nothing.",
        "We pass it to third parties only after you have given your consent.",
        "We do not sell your data, and share it with nobody.",
        "Our liability is not excluded.",
        "You may withdraw without any restriction, and need not ask for compensation.",
        "You waive nothing and may claim your whole loss.",
        "If you never withdraw, it ends by itself.",
        "我们不向第三方提供，也不与任何人共享。",
        "取得您的单独同意后向第三方提供。",
        "您不放弃索赔权利，可以向我方追究责任。",
        "一次泄露赔偿300元，最高3000元。",
        "Nothing is ticked for you; a ticked box shares that one field.",
        "We deliver worldwide, and every right of yours stays yours.",
        "You need not tick anything. Checking your order takes a minute.",
        "您可以勾选愿意提供的选填信息。",
        "对条款有两种以上解释的，按有利于您的解释。",
        "我们免费为您送货，并将免费提供查询。",
        "Plan A B C costs nothing; ask for form U.S.A. or 1 2 3.",
        "We do not take a worldwide licence.",
        "Your rights hold worldwide, and writing to us is free of royalties.",
    ],
)
def test_what_denies_a_clause_or_says_the_contrary_is_none(text: str) -> None:
    assert findings(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Not only for delivery but for any purpose.",
        "We never spam. We use it for any purpose.",
        "不仅用于配送,还用于任何目的。",
        "我们不会打扰您;信息用于任何目的。",
    ],
)
def test_a_denial_of_something_else_does_not_cover_a_clause(text: str) -> None:
    assert [one.clause for one in findings(text)] == [Clause.BLANKET]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("IRREVOCABLE", "IRREVOCABLE"),
        ("irrevocable", "irrevocable"),
        ("irrevo\u200bcable", "irrevo\u200bcable"),
        ("\u0456rrevocable", "\u0456rrevocable"),
        ("cannot\n  be\twithdrawn", "cannot\n  be\twithdrawn"),
        ("不 可\n撤 销", "不 可\n撤 销"),
        ("i r r e v o c a b l e", "i r r e v o c a b l e"),
        ("I.R.R.E.V.O.C.A.B.L.E", "I.R.R.E.V.O.C.A.B.L.E"),
        ("c a n n o t  b e  w i t h d r a w n", "c a n n o t  b e  w i t h d r a w n"),
        ("不-可-撤-销", "不-可-撤-销"),
        ("ɪʀʀᴇᴠᴏᴄᴀʙʟᴇ", "ɪʀʀᴇᴠᴏᴄᴀʙʟᴇ"),
    ],
)
def test_disguises_do_not_hide_a_clause_and_its_words_are_quoted_as_they_stand(text: str, words: str) -> None:
    assert findings(text) == (Finding(Clause.IRREVOCABLE, words),)


def test_every_clause_of_a_text_is_named_in_its_order() -> None:
    text = "This consent is irrevocable. We use it for any purpose. We accept no liability."
    assert [one.clause for one in findings(text)] == [
        Clause.IRREVOCABLE,
        Clause.BLANKET,
        Clause.NO_LIABILITY,
    ]


@given(st.text())
def test_the_words_found_stand_in_the_text(text: str) -> None:
    whole = f"{text} irrevocable {text}"
    assert all(one.words in whole for one in findings(whole))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.text())
def test_no_text_around_a_clause_of_its_own_sentence_hides_it(before: str, after: str) -> None:
    found = findings(f"{before}. This is irrevocable. {after}")
    assert Clause.IRREVOCABLE in {one.clause for one in found}


def test_the_notices_and_terms_of_the_demonstration_are_fair() -> None:
    packs = [app.registration(1, {}) for app in APPS]
    texts = [one["text"] for pack in packs for one in (*pack["notices"], *pack["terms"])]
    assert [text for text in texts if findings(text)] == []
