"""The wordings by which clauses nobody can agree to are known, in English and Chinese (`clauses` searches for them).

They are written for texts as `clauses` reads them: lower case, half width, simplified characters, single spaces
and none between Chinese characters. `denied` is what stands before a wording in a sentence that says the
contrary.
"""

import re
from enum import StrEnum
from typing import Final, NamedTuple


class Clause(StrEnum):
    BLANKET = "blanket consent"
    IMPLIED = "implied consent"
    IRREVOCABLE = "irrevocable consent"
    PASSED_ON = "freely passed on"
    NO_LIABILITY = "excludes liability"
    CAPPED_LOSS = "limits proven loss"


class Wording(NamedTuple):
    """What says a clause, and what makes it none where the sentence up to there ends with it."""

    clause: Clause
    found: re.Pattern[str]
    denied: re.Pattern[str]


_THIRD = r"(?:third part(?:y|ies)|affiliates?|partners?|subsidiar(?:y|ies)|compan(?:y|ies))"
_THIRD_ZH = (
    r"(?:第三方|关联(?:公司|企业|方)|合作(?:方|伙伴|机构|银行|商户|商家|单位|企业|公司|平台)|子公司|他人"
    r"|广告(?:商|主|公司)|经销商|数据(?:商|公司))"
)
_ASKED_ANEW = (
    r"(?![^.;]{0,60}\b(?:we (?:will |shall )?ask|only (?:with|after|if|when)|(?:new|separate|further|another|own) "
    r"(?:consent|permission|approval))\b)"
)
"""That the person is asked first: a word of consent alone ("to which you hereby consent") asks nobody."""
_ASKED_ANEW_ZH = r"(?![^。;]{0,20}(?:征得?|取得|获得|另行请)[^。;]{0,8}(?:同意|授权))"
_MOST = r"\b(?:at most|(?:no|not) more than|limited to|up to|a maximum|not exceed|capped at)\b"
_MOST_ZH = r"(?:不超过|最高|最多|上限|为限)"
_WHATEVER = r"\b(?:regardless|irrespective|whatever|however|even (?:if|when|where|though))\b"
_WHATEVER_ZH = r"(?:无论|不论|不管|即使|哪怕)"

# Only where it governs the verb: "do not object" and "need not" deny nothing that follows.
_NOT = (
    r"(?:\b(?:not|never|no|nor|neither|without (?:your|a|any) (?:consent|grant|approval))\b|n't\b)"
    r"(?! only| just| limited| merely| object| need| hesitate| require| have| opt| refuse)[^,,]{0,60}$"
)
_NOT_ZH = r"(?:不会|不得|绝不|从不|不将|不再|不向|不与|不给|不用于|不把|禁止)(?!仅|但|只|限|局限|经|需|必)[^,,]{0,16}$"
_DENIAL = f"{_NOT}|{_NOT_ZH}"

_CLAUSES: Final = (
    (
        Clause.BLANKET,
        _DENIAL,
        (
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
            r"\b(?:whatever|however|any ?way|anything) (?:we|the company) (?:like|want|wish|please|choose|need)(?:s|es)?\b",
            r"\bus(?:e|es|ed|ing)\b[^.;]{0,40}\b(?:in any (?:way|manner)|without (?:any )?(?:limit|limits|limitation|restriction|restrictions))\b",
            r"\b(?:change|amend|modify|update)\b[^.;]{0,40}\bwithout (?:prior |further |any )?notice\b",
            r"(?:各种|其[他它]任何|不特定的?)(?:目的|用途|需要)|等(?:其[他它])?(?:目的|用途)",
            r"(?:随意|任意|自由)(?:使用|处理|利用)",
            # Who alone says what a text means has whatever it likes; a licence for everywhere and nothing names no purpose.
            r"(?:最终|最后|唯一)(?:的)?解释权|解释权[^。;,]{0,4}(?:归|属于?)(?:我方|我们|本公司|本平台|平台|商家)",
            r"\b(?:right (?:of|to)|reserves?)[^.;]{0,20}\b(?:final|sole|exclusive) interpretation\b|\binterpret\w*\b[^.;]{0,30}\bsole discretion\b",
            (
                r"\b(?:royalty[ -]free|world-?wide),?(?: (?!and|or|every|each|all|your)\w[\w-]*,?){0,3} (?:licen[cs]e|right|permission)s?\b"
                r"|\b(?:grants?|gives?) (?:us|the company)\b[^.;]{0,60}\b(?:royalty[ -]free|world-?wide)\b"
            ),
            r"(?:免费|免许可费|免版税|无偿|全球)(?:范围)?(?:内)?(?:、|,)?的?(?:永久|全球|非独家|免费|免许可费|无偿|、|,|的|性|范围|内)*(?:使用权|许可|授权|使用许可)",
            r"(?:修改|变更|调整|更新)[^。;]{0,20}(?:无需|无须|不另行?|不再)(?:另行|事先)?通知",
        ),
    ),
    (
        Clause.IMPLIED,
        _DENIAL,
        (
            (
                r"\bby (?:using|continuing|registering|logging|signing|browsing|accessing|visiting|clicking|downloading|"
                r"opening|receiving|ordering|purchasing|installing|submitting)\b"
                r"[^.;]{0,60}\b(?:agree|consent|accept|authori[sz]e)"
            ),
            r"\bdeemed (?:to )?(?:be |have |your )*(?:agreed|consent(?:ed)?|accept(?:ed|ance)|authori[sz]ed)",
            (
                r"\b(?:continued use|silence|inactivity)[^.;]{0,40}\b(?:constitutes?|means?|is|shall be)[^.;]{0,20}"
                r"\b(?:consent|acceptance|agreement)"
            ),
            # A box ticked elsewhere is no act of consent to this; it is given on a page that says what is shared, or not at all.
            (
                r"\b(?:by )?(?:ticking|checking|marking)\b[^.;]{0,60}\b(?:agree|consents?|accepts?|acceptance|authori[sz]es?|"
                r"agreement)\b|\b(?:tick|check)(?:ed)? (?:box|mark)\b[^.;]{0,30}\b(?:is|means?|counts?|constitutes?|amounts?)\b"
                r"[^.;]{0,20}\b(?:consent|acceptance|agreement)\b"
            ),
            r"勾选[^。;]{0,20}(?:即|就|视为|视同|表示|意味着|代表|等于)[^。;]{0,16}(?:同意|授权|接受)",
            r"\bunless you (?:object|opt out|opt-out|tell us otherwise)\b",
            r"\bpre-?(?:ticked|checked|selected)\b",
            (
                r"(?:登录|登陆|注册|使用|访问|点击|下载|浏览)[^。;]{0,20}(?:即|视为|视同|表示|意味着|代表)[^。;]{0,10}"
                r"(?:同意|授权|接受)"
            ),
            r"(?:视为|视同|推定)(?:您|用户)?(?:已经?|均)?(?:同意|授权|接受)",
            r"默认(?:同意|授权|勾选|接受)|预先?勾选|除非您(?:明确|书面)?(?:反对|拒绝|提出异议)",
            r"\byou (?:hereby )?(?:agree|consent|accept)\b[^.;]{0,40}\bby (?:using|continuing|registering|logging|opening|receiving|ordering)\b",
        ),
    ),
    (
        Clause.IRREVOCABLE,
        r"\b(?:not|never|nor)(?! only)\b[^,]{0,20}$|(?:并非|不是|绝非)[^,,]{0,6}$",
        (
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
            (
                r"\byou (?:can|may|shall|will|must|could) (?:never|not|no longer)(?: later| ever| be able to)* (?:withdraw|revoke|cancel|"
                r"undo|retract|take back)\b|\b(?:can|may|shall) never be (?:withdrawn|revoked|cancell?ed|undone)\b"
            ),
            r"\b(?:consent|permission|authori[sz]ation|approval)\b[^.;]{0,12}\b(?:is|are|shall be|remains?) (?:final|permanent|everlasting)\b",
            r"\b(?:until|till) the end of time\b",
            r"永不(?:可|得|能)?(?:撤回|撤销|收回|取消)|(?:同意|授权)[^。;,]{0,8}不(?:可|得|能)(?:再)?(?:更改|变更|解除|终止)",
            r"\b(?:keep|keeps|kept|retain|retains|retained|store|stores|stored)\b[^.;]{0,40}\b(?:forever|for ever|indefinitely)\b",
            r"(?:不(?:可以?|得|能|许|允许|予)|无法)(?:再|被|予以|随意|单方){0,2}(?:撤回|撤销|收回|取消|反悔)|放弃(?:任何)?撤(?:回|销)",
            r"(?:永久|终身|无限期)(?:性|地|的)?(?:授权|有效|同意|使用|许可|保存|保留)",
        ),
    ),
    (
        Clause.PASSED_ON,
        rf"{_DENIAL}|(?<![未不无需须])(?:经|征得|取得|获得)[^,,]{{0,10}}(?:同意|授权)后?[^,,]{{0,8}}$",
        (
            r"\bsub[- ]?licen[sc](?:e|es|ed|able|ing|ees?)\b|(?<!non-)(?<!non )\btransferable\b",
            rf"\b(?:any|other|our|its|selected|unnamed) (?:(?:and|or|other|selected|trusted|business) )*{_THIRD}\b",
            r"\bwhomever we (?:choose|select)\b",
            rf"(?:(?<=\bto )|(?<=\bwith )|(?<=\bby ))(?:\w+ )?third[- ]part(?:y|ies)\b{_ASKED_ANEW}",
            r"\b(?:shar|giv|sell|disclos|pass|transfer|provid|hand|licen[sc]|show)\w*\b[^.;]{0,40}\b(?:to|with) (?:anyone|anybody|whoever|everyone|everybody|others)\b",
            r"\b(?:sell|sells|rent|rents|trade|trades)\b(?: \w+){0,3} (?:data|information|details)\b",
            r"\b(?:assign|assigns|license|licence) (?:it|them|this (?:consent|permission)|your (?:data|information|consent))\b",
            r"(?:转|再|分)(?:授权|许可)|可(?:自由)?转让",
            rf"(?<=[向与和同给])(?:有关|相关|任何|其[他它]|不特定的?)?(?:第三(?:方|者|人)|任何(?:人|单位|机构|企业|个人)|他人){_ASKED_ANEW_ZH}",
            r"(?:出售|售卖|贩卖|转卖)(?:您的?|用户的?)?(?:个人)?(?:信息|数据|资料)",
            rf"(?:任何|其他|其它|不特定的?|我方的?|我们的){_THIRD_ZH}",
            rf"(?:提供|共享|分享|披露|转让|出售|透露)给?(?:予|与)?(?:我方|我们)?的?{_THIRD_ZH}",
            r"集团(?:内|旗下|下属)?的?(?:其他|其它|各)(?:公司|成员|企业)[^。;]{0,4}(?:使用|共享|查看|访问)",
        ),
    ),
    (
        Clause.NO_LIABILITY,
        # Whom the sentence frees is the question here: the person may well be free of all liability.
        r"\byou (?:are|will be|shall be|bear|have|do|will|shall)(?: \w+)? ?$|(?<![对向与给就为])(?:您|用户|消费者)$",
        (
            r"\b(?:no|not|never|without|disclaims?|excludes?|waives?)\b[^.;]{0,40}\bliab(?:le|ility|ilities)\b(?: whatsoever)?",
            r"\b(?:no|not|never|disclaims?)\b[^.;]{0,24}\bresponsib(?:le|ility)\b",
            r"不承担[^。;]{0,12}责任|免除[^。;]{0,12}责任|概不负责|不负(?:任何)?[^。;]{0,8}责任",
            r"不(?:会|将)?(?:对|就|为)[^。;]{0,20}(?:(?:承担|负)[^。;]{0,8}责任|负责)",
            r"不(?:予|进行|作|做)?(?:任何)?赔偿|免责",
            r"\b(?:zero|nil) (?:liability|responsibility)\b",
            r"\bliabilit(?:y|ies)\b[^.;]{0,20}\b(?:is|are|shall be) (?:(?!not\b)\w+ )?(?:excluded|disclaimed|waived|denied)\b",
            r"\b(?:no|never|(?<!need )not)\b[^.;]{0,30}\bcompensat\w+",
            r"\bliable (?:only|solely|just) (?:for|in|where|when)\b[^.;]{0,20}\b(?:gross|intent|intentional|wil?lful)\b",
            r"(?:仅|只)[^。;]{0,8}(?:故意|重大过失)[^。;]{0,12}(?:承担|负|赔偿)",
        ),
    ),
    (
        # What the person gives up or takes upon themselves.
        Clause.NO_LIABILITY,
        rf"{_DENIAL}|不$",
        (
            r"\bholds? (?:us |the company )?harmless\b|\bat (?:your|their) own risk\b",
            r"\byou (?:shall|will|agree to|must) indemnify\b|\bwaives? (?:any|all|your) (?:claims?|rights? to sue)\b",
            r"\bno claims?\b[^.;]{0,20}\bagainst (?:us|the company)\b|\b(?:agree|promise)s? not to (?:sue|claim)\b",
            r"责任自负|自行承担[^。;]{0,10}(?:风险|损失|责任|后果)",
            r"(?:损失|风险|后果|责任)[^。;,]{0,6}由?(?:您|用户|消费者)(?:自行|自己|本人)(?:承担|负担|负责)",
            r"放弃[^。;]{0,8}(?:索赔|追究|起诉|诉讼)|(?:您|用户|消费者)(?:均|都)?(?:不得|无权)(?:向[^。;]{0,6})?(?:追究|索赔|起诉)",
        ),
    ),
    (
        Clause.CAPPED_LOSS,
        # A cap on what was agreed is none on what is lost; and the person's own liability may well have one.
        r"\bagreed\b[^,]{0,30}$|\byour $|约定(?:的|之)?$|(?:您|用户|消费者)的?$",
        (
            rf"{_MOST}[^.;]{{0,60}}{_WHATEVER}[^.;]{{0,40}}\b(?:loss|losses|damages?)\b",
            rf"{_WHATEVER}[^.;]{{0,40}}\b(?:loss|losses|damages?)\b[^.;]{{0,60}}{_MOST}",
            r"\b(?:(?:total|aggregate|maximum|entire|overall) )?(?:liability|responsibility)\b[^.;]{0,40}\b(?:limited to|capped|not exceed|no more than)\b",
            (
                r"\b(?:may not|cannot|can not|can't|must not|shall not|not entitled to) (?:claim|demand|recover)\b"
                r"[^.;]{0,40}\b(?:more|beyond|above|further|excess|exceed\w*)\b"
            ),
            rf"{_MOST_ZH}[^。;]{{0,30}}{_WHATEVER_ZH}[^。;]{{0,16}}损失",
            rf"{_WHATEVER_ZH}[^。;]{{0,16}}损失[^。;]{{0,24}}{_MOST_ZH}",
            r"(?:超出|超过|高于)[^。;]{0,12}(?:部分|损失)[^。;]{0,12}(?:不得|无权|不(?:再|予|作)|放弃)[^。;]{0,4}(?:主张|要求|请求|索赔|赔)",
            r"赔偿(?:总额|责任|金额)[^。;]{0,6}(?:不超过|以[^。;]{0,20}为限|上限)",
            r"赔偿(?:额)?(?:均|都|一律)?不(?:得|会)?超过",
        ),
    ),
)

WORDINGS: Final = tuple(
    Wording(clause, re.compile("|".join(words)), re.compile(denied)) for clause, denied, words in _CLAUSES
)
