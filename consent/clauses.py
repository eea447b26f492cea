"""Clauses nobody can agree to, found in the texts of notices and liability terms, with the words that say so.

`findings(text) -> tuple[Finding, ...]`, in the order of the text; empty for a text without any known wording. What
is looked for, and why it cannot stand:

| clause             | law                                                                            |
|--------------------|--------------------------------------------------------------------------------|
| blanket            | consent is to one purpose and named fields (PIPL 6, 14; Regulation 2024 art. 23) |
| implied            | consent is an act of its own, not use, log-in or silence (PIPL 14)             |
| irrevocable        | consent can be taken back at any time (PIPL 15)                                |
| passed on          | each further recipient needs consent of its own (PIPL 23)                      |
| excludes liability | who handles data answers for it (PIPL 69; Civil Code 497, 506)                 |
| limits proven loss | a cap is on the agreed sum alone; proven loss stays (PIPL 69; Civil Code 506)    |

Words are found through spaces, line ends, invisible characters, full-width forms and look-alike letters. A clause
that denies what it names ("not for any other purpose") is none. The check reads for known wordings in English
and Chinese: a clean result is not legal advice.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Clause(StrEnum):
    BLANKET = "blanket consent"
    IMPLIED = "implied consent"
    IRREVOCABLE = "irrevocable consent"
    PASSED_ON = "freely passed on"
    NO_LIABILITY = "excludes liability"
    CAPPED_LOSS = "limits proven loss"


@dataclass(frozen=True, slots=True)
class Finding:
    """A clause and its words, as the text has them."""

    clause: Clause
    words: str


def findings(text: str) -> tuple[Finding, ...]:
    """Every clause of `text` that cannot be agreed to, in its order."""
    plain, places = _plain(text)
    found = sorted((start, end, clause) for clause in Clause for start, end in _matches(clause, plain))
    return tuple(Finding(clause, text[places[start] : places[end - 1] + 1]) for start, end, clause in found)


def _matches(clause: Clause, plain: str) -> Iterator[tuple[int, int]]:
    for found in _PATTERNS[clause].finditer(plain):
        before = _SENTENCE_END.split(plain[max(0, found.start() - _REACH) : found.start()])[-1]
        if not _DENIED[clause].search(before):
            yield found.span()


def _plain(text: str) -> tuple[str, list[int]]:
    """The text as it reads, in lower case, and for each of its characters the place it has in `text`."""
    plain: list[str] = []
    places: list[int] = []
    for at, raw in enumerate(text):
        for char in unicodedata.normalize("NFKC", raw).lower():
            if unicodedata.category(char) in {"Cf", "Mn"}:
                continue
            shown = " " if char.isspace() else _LOOK_ALIKE.get(char, char)
            if shown == " " and (not plain or plain[-1] == " " or _HAN.match(plain[-1])):
                continue
            if _HAN.match(shown) and plain and plain[-1] == " ":
                plain.pop()
                places.pop()
            plain.append(shown)
            places.append(at)
    return "".join(plain), places


_HAN = re.compile(r"[\u3400-\u9fff]")
_LOOK_ALIKE: Final[Mapping[str, str]] = dict(
    zip("аеорсухіјѕһԁԛԝкмнтвαορνι\u2019\u02bc", "aeopcyxijshdqwkmhtbaopvi''", strict=True)
)
"""Cyrillic and Greek letters that look like Latin ones, and the apostrophes that look like ours."""

_REACH: Final = 200
"""How far before a clause what denies it may stand, in characters."""

_SENTENCE_END = re.compile(r"[.;!?。;!?]")

_THIRD = r"(?:third part(?:y|ies)|affiliates?|partners?|subsidiar(?:y|ies)|compan(?:y|ies))"
_THIRD_ZH = (
    r"(?:第三方|关联(?:公司|企业|方)|合作(?:方|伙伴|机构|银行|商户|商家|单位|企业|公司|平台)|子公司|他人"
    r"|广告(?:商|主|公司)|经销商|数据(?:商|公司))"
)
_ASKED_ANEW = r"(?![^.;]{0,60}\b(?:ask|asks|consent|permission|approv\w+)\b)"
_ASKED_ANEW_ZH = r"(?![^。;]{0,20}(?:另行|重新|再次|事先|单独)[^。;]{0,8}(?:同意|授权))"
_MOST = r"\b(?:at most|(?:no|not) more than|limited to|up to|a maximum|not exceed|capped at)\b"
_MOST_ZH = r"(?:不超过|最高|最多|上限|为限)"
_WHATEVER = r"\b(?:regardless|irrespective|whatever|however|even (?:if|when|where|though))\b"
_WHATEVER_ZH = r"(?:无论|不论|不管|即使|哪怕)"

_PATTERNS: Final[Mapping[Clause, re.Pattern[str]]] = {
    clause: re.compile("|".join(words))
    for clause, words in {
        Clause.BLANKET: (
            r"\b(?:any|all|every|whatever)(?: and all| other| lawful| legal| business| commercial| future)* purposes?\b",
            r"\ball (?:of )?(?:your )?(?:personal )?(?:data|information)\b",
            r"\bany (?:personal )?(?:data|information) (?:about|of|on) you\b",
            r"\bas (?:we|the company) (?:see|sees|think|thinks) fit\b",
            r"\bpurposes? (?:that )?(?:we|the company) (?:may )?(?:later )?(?:decide|determine|choose|deem)s?\b",
            rf"\bfor other purposes\b{_ASKED_ANEW}",
            rf"(?<=用于|用作)其[他它]的?(?:目的|用途|业务){_ASKED_ANEW_ZH}",
            r"(?:任何|一切|所有|全部)(?:其他|合法|商业|业务)*的?(?:目的|用途|使用方式)",
            r"(?:全部|所有|一切|任何)(?:的)?个人(?:信息|数据|资料)",
            r"(?:一揽子|概括性?|一次性全部|笼统)(?:的)?(?:授权|同意)",
            r"(?:我方|本公司|平台)认为(?:合适|适当|必要)的?(?:任何)?(?:目的|用途|方式)",
        ),
        Clause.IMPLIED: (
            (
                r"\bby (?:using|continuing|registering|logging|signing|browsing|accessing|visiting|clicking|downloading)\b"
                r"[^.;]{0,60}\b(?:agree|consent|accept|authori[sz]e)"
            ),
            r"\bdeemed (?:to )?(?:be |have |your )*(?:agreed|consent(?:ed)?|accept(?:ed|ance)|authori[sz]ed)",
            (
                r"\b(?:continued use|silence|inactivity)[^.;]{0,40}\b(?:constitutes?|means?|is|shall be)[^.;]{0,20}"
                r"\b(?:consent|acceptance|agreement)"
            ),
            r"\bunless you (?:object|opt out|opt-out|tell us otherwise)\b",
            r"\bpre-?(?:ticked|checked|selected)\b",
            (
                r"(?:登录|登陆|注册|使用|访问|点击|下载|浏览)[^。;]{0,20}(?:即|视为|视同|表示|意味着|代表)[^。;]{0,10}"
                r"(?:同意|授权|接受)"
            ),
            r"(?:视为|视同|推定)(?:您|用户)?(?:已经?|均)?(?:同意|授权|接受)",
            r"默认(?:同意|授权|勾选|接受)|预先?勾选|除非您(?:明确|书面)?(?:反对|拒绝|提出异议)",
        ),
        Clause.IRREVOCABLE: (
            r"\birrevocabl[ey]\b|\bin perpetuity\b|\bperpetual(?:ly)?\b",
            (
                r"\b(?:cannot|can not|can't|may not|must not|shall not)(?: later| ever)? (?:be )?"
                r"(?:withdraw|withdrawn|revoke|revoked|taken back|take back)\b"
            ),
            r"\b(?:waives?|gives? up|renounces?) (?:the|your|any|all) rights? to (?:withdraw|revoke)",
            (
                r"\b(?:consent|permission|authori[sz]ation|approval|agreement)(?: \w+){0,3} (?:cannot|can not|can't|may not|"
                r"must not|shall not)(?: ever| later)? be (?:undone|reversed|cancell?ed)\b"
            ),
            r"\bfor an (?:unlimited|indefinite) (?:time|period|term)\b",
            r"\b(?:keep|keeps|kept|retain|retains|retained|store|stores|stored)\b[^.;]{0,40}\b(?:forever|for ever|indefinitely)\b",
            r"(?:不(?:可以?|得|能|许|允许|予)|无法)(?:再|被|予以|随意|单方){0,2}(?:撤回|撤销|收回|取消|反悔)|放弃(?:任何)?撤(?:回|销)",
            r"(?:永久|终身|无限期)(?:性|地|的)?(?:授权|有效|同意|使用|许可|保存|保留)",
        ),
        Clause.PASSED_ON: (
            r"\bsub-?licen[sc](?:e|es|ed|able|ing|ees?)\b|(?<!non-)(?<!non )\btransferable\b",
            rf"\b(?:any|other|our|its|selected|unnamed) (?:(?:and|or|other|selected|trusted|business) )*{_THIRD}\b",
            r"\bwhomever we (?:choose|select)\b",
            r"(?:转|再|分)(?:授权|许可)|可(?:自由)?转让",
            rf"(?:任何|其他|其它|不特定的?|我方的?|我们的){_THIRD_ZH}",
            rf"(?:提供|共享|分享|披露|转让|出售|透露)给?(?:予|与)?(?:我方|我们)?的?{_THIRD_ZH}",
            r"集团(?:内|旗下|下属)?的?(?:其他|其它|各)(?:公司|成员|企业)[^。;]{0,4}(?:使用|共享|查看|访问)",
        ),
        Clause.NO_LIABILITY: (
            r"\b(?:no|not|never|without|disclaims?|excludes?|waives?)\b[^.;]{0,40}\bliab(?:le|ility|ilities)\b(?: whatsoever)?",
            r"\b(?:no|not|never|disclaims?)\b[^.;]{0,24}\bresponsib(?:le|ility)\b",
            r"\bholds? (?:us |the company )?harmless\b|\bat (?:your|their) own risk\b",
            r"\byou (?:shall|will|agree to|must) indemnify\b|\bwaives? (?:any|all|your) (?:claims?|rights? to sue)\b",
            r"不承担[^。;]{0,12}责任|免除[^。;]{0,12}责任|概不负责|不负(?:任何)?[^。;]{0,8}责任|责任自负",
            r"不(?:对|就|为)[^。;]{0,20}(?:承担|负)[^。;]{0,8}责任",
            r"自行承担[^。;]{0,10}(?:风险|损失|责任|后果)|不(?:予|进行|作|做)?(?:任何)?赔偿",
            r"放弃[^。;]{0,8}(?:索赔|追究|起诉|诉讼)|免责",
            r"\bliable (?:only|solely|just) (?:for|in|where|when)\b[^.;]{0,20}\b(?:gross|intent|intentional|wil?lful)\b",
            r"(?:仅|只)[^。;]{0,8}(?:故意|重大过失)[^。;]{0,12}(?:承担|负|赔偿)",
        ),
        Clause.CAPPED_LOSS: (
            rf"{_MOST}[^.;]{{0,60}}{_WHATEVER}[^.;]{{0,40}}\b(?:loss|losses|damages?)\b",
            rf"{_WHATEVER}[^.;]{{0,40}}\b(?:loss|losses|damages?)\b[^.;]{{0,60}}{_MOST}",
            r"\b(?:(?:total|aggregate|maximum|entire|overall) )?liability\b[^.;]{0,40}\b(?:limited to|capped|not exceed|no more than)\b",
            (
                r"\b(?:may not|cannot|can not|can't|must not|shall not|not entitled to) (?:claim|demand|recover)\b"
                r"[^.;]{0,40}\b(?:more|beyond|above|further|excess|exceed\w*)\b"
            ),
            rf"{_MOST_ZH}[^。;]{{0,30}}{_WHATEVER_ZH}[^。;]{{0,16}}损失",
            rf"{_WHATEVER_ZH}[^。;]{{0,16}}损失[^。;]{{0,24}}{_MOST_ZH}",
            r"(?:超出|超过|高于)[^。;]{0,12}(?:部分|损失)[^。;]{0,12}(?:不得|无权|不(?:再|予|作)|放弃)[^。;]{0,4}(?:主张|要求|请求|索赔|赔)",
            r"赔偿(?:总额|责任|金额)[^。;]{0,6}(?:不超过|以[^。;]{0,20}为限|上限)",
        ),
    }.items()
}

# Only where it governs the verb: "do not object" and "need not" deny nothing that follows.
_NOT = (
    r"(?:\b(?:not|never|no|nor|neither|without (?:your|a|any) (?:consent|grant|approval))\b|n't\b)"
    r"(?! only| just| limited| merely| object| need| hesitate| require| have| opt| refuse)[^,,]{0,60}$"
)
_NOT_ZH = r"(?:不会|不得|绝不|从不|不将|不再|不向|不用于|不把|禁止)(?!仅|但|只|限|局限|经|需|必)[^,,]{0,16}$"
_DENIAL = re.compile(f"{_NOT}|{_NOT_ZH}")
_DENIED: Final[Mapping[Clause, re.Pattern[str]]] = {
    Clause.BLANKET: _DENIAL,
    Clause.IMPLIED: _DENIAL,
    Clause.IRREVOCABLE: re.compile(
        r"\b(?:not|never|nor)(?! only)\b[^,]{0,20}$|(?:并非|不是|绝非)[^,,]{0,6}$"
    ),
    Clause.PASSED_ON: _DENIAL,
    # Whom the sentence frees is the question here: the person may well be free of all liability.
    Clause.NO_LIABILITY: re.compile(
        r"\byou (?:are|will be|shall be|bear|have|do|will|shall)(?: \w+)? ?$|(?<![对向与给就为])(?:您|用户|消费者)$"
    ),
    # A cap on what was agreed is none on what is lost; and the person's own liability may well have one.
    Clause.CAPPED_LOSS: re.compile(r"\bagreed\b[^,]{0,30}$|\byour $|约定(?:的|之)?$|(?:您|用户|消费者)的?$"),
}
