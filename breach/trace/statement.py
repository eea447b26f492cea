"""The sentences of a trace, in English and Chinese: what was compared, on which assumptions, with which figures.

An e-value is the weight of what was found, given two stories; it says nothing about how likely a story is, which
is for whoever decides, with everything else they know. No sentence here may be read as a chance of guilt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from breach.trace.attribute import Attribution, Finding, Outcome, Rules
from breach.trace.copies import Copies
from breach.trace.dating import Dated
from breach.trace.evidence import Unreceived


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the sentences need beside the ranking: names by recipient number, test fields, counts of people, and of
    recipients of whose aliases any was found, how many were found and how many issued; the same of planted
    persons, and of those planted with nobody.
    """

    names: Sequence[str]
    fields: Sequence[str]
    people_found: int
    dark: int
    dark_found: int
    masked: Mapping[str, Any]
    dated: Mapping[int, Dated]
    repost: Mapping[str, Any] | None
    aliases: Mapping[int, tuple[int, int]]
    linked: Mapping[str, Any] | None = None
    planted: Mapping[int, tuple[int, int]]
    planted_dark: tuple[int, int]
    unreceived: Sequence[Unreceived] = ()
    copies: Copies


_EN: Mapping[str, str] = {
    "named": "What was found is at least e^{strict:.1f} times better explained if {name} leaked than by any story in which {name} did not, whoever else may have leaked.",
    "set": "At least one of {names} leaked, by the same standard. The ledger cannot tell them apart: nothing found was delivered to one and not to another. None of them is named.",
    "repost": "This file is a repost: {share:.1%} of its values are in the older file {of}. Whoever had that file can have published this one, so it accuses nobody anew, and its figures must not be added to those of the older trace.",
    "dated": "If {name} leaked, its copy was taken between {low} and {high} with 90 %, the middle being {median} (UTC). Of {rows} values found that it was ever sent, it held {fitting} then as they were found.",
    "aliases": "{found} of the {issued} aliases that were given to {name} alone are in the file. Nobody who was not given one can know it, save whoever holds our key for aliases; that none was guessed is part of the figure.",
    "marks": "{read} marks were read in values about {people} people: variations without a meaning, which differ from recipient to recipient.",
    "marks_of": "Of the marks read that {name} was served, {agreeing} of {held} show its own form; chance would give {expected:.1f}.",
    "planted": "{found} of the {planted} persons who do not exist and were planted with {name} alone are in the file. Only {name} and our own store have them; of those that only our store has, {dark_found} of {dark} are in it.",
    "planted_dark": "{dark_found} of the {dark} persons who do not exist and were never given to anybody are in the file. Only our own store has them.",
    "own_store": "People whose values were never disclosed to anybody are in the file: {dark_found} of {dark}. That is more than an ordinary outside source explains (declared limits: {outside_rate:.2%} of them, and {outside_share:.0%} of its rows about people of ours). Look at our own store first.",
    "own_values": "Values that nobody was ever given are in the file, of more people than an ordinary outside source knows (declared limits: {outside_rate:.2%} of them, and {outside_share:.0%} of its rows about people of ours) and than any {collectors} recipients serve that may have collected the same. Look at our own store first.",
    "copied": "If our own store was copied, the copy was taken between {low} and {high} with 90 %, the middle being {median} (UTC). Of {rows} values found, {fitting} were the current ones then.",
    "backup": "The backup of {made_at} (UTC), with the data of that moment beside it, held {fitting} of the {values} values found as they were found. It explains the versions found e^{ln_e:.1f} times as well as a copy of our store at a moment nobody knows. {made} backups were made before the file came in.",
    "nobody": "No recipient can be named, and no set of recipients either. That clears nobody.",
    "else": "Somewhere else, a source this ledger knows nothing of, is always a possible origin and the reference for the figures. {unexplained} of {people_found} people found are explained by no recipient.",
    "store": "Our own store is always a possible origin: ln e-value {own_store:.1f}, from {dark_found} of {dark} people never disclosed.",
    "never": "{found} people are in the file with their {field}, which nobody was ever given; of at most {people} such people.",
    "later": "{found} people are in the file with a later {field} than anybody was given; of at most {people} people whose {field} has changed.",
    "values": "Values that nobody was given weigh ln e = {own_values:.1f} for our own store, against a source outside that knows no more of our people than was declared, together with up to {collectors} recipients that had collected such values themselves of whomever they serve. What these can explain counts for nothing. The mean with the figure above, ln e = {own_total:.1f}, is compared with the line.",
    "masked": "{rows} rows show only parts of values. {rows_agreed} of them fit exactly one person, by two or more independent parts; that is weaker than a whole value. Put together at random from two rows each, {controls_agreed} of {controls} rows fitted somebody as well.",
    "masked_counted": "They are counted: every figure is the mean of one with them and one without. {people_only_masked} people are shown by such rows alone.",
    "masked_not_counted": "Chance may explain too many of them, so they count neither for nor against anybody.",
    "masked_alone": "{rows} rows show only parts of values, and none of them fits exactly one person by two independent parts. They give candidates only and count neither for nor against anybody.",
    "linked": "{rows} rows by which nobody was found show a name and something more. They were compared by blind codes with people whose data is written otherwise, and {like} of them are like somebody, {people} people in all. Being alike is no match: these people are candidates, and count neither for nor against anybody.",
    "error": "By this rule at most {eps:g} of all traces name a recipient, or a set, without a leaker in it. The line is ln e = {threshold:.2f}; it was fixed before the file was read.",
    "weight": "The figures weigh what was found against stories; how likely a story is in itself is for whoever decides, with everything else they know.",
}
_ZH: Mapping[str, str] = {
    "named": "与任何“{name}没有泄露”的情形（不论还有谁泄露）相比，“{name}泄露”对所发现内容的解释力至少为其 e^{strict:.1f} 倍。",
    "set": "按同一标准，{names} 中至少有一方泄露。账本无法区分它们：所发现的内容没有只交给其中一方的。因此不指名任何一方。",
    "repost": "本文件为重复发布：其中 {share:.1%} 的值已见于更早的文件 {of}。凡持有该文件者均可能发布本文件，因此本文件不作新的指认，其数值也不得与先前追溯的数值相加。",
    "dated": "如果是{name}泄露，其副本取自 {low} 至 {high} 之间的可能性为 90 %，中位时刻为 {median}（UTC）。在曾发送给它的 {rows} 个所发现的值中，该时刻它所持有的有 {fitting} 个与所发现的一致。",
    "aliases": "只提供给{name}的 {issued} 个别名中，有 {found} 个出现在文件中。除持有我方别名密钥者外，未得到别名的人无从知晓；凭空猜中的可能性已计入数值。",
    "marks": "在关于 {people} 人的值中读出 {read} 个标记：标记是不改变含义、因接收方而异的书写差异。",
    "marks_of": "在所读出且曾提供给{name}的 {held} 个标记中，有 {agreeing} 个与其自身的写法一致；偶然一致的期望值为 {expected:.1f}。",
    "planted": "只安插于{name}的 {planted} 个虚构人员中，有 {found} 人出现在文件中。只有{name}和我方自己的存储持有这些人员；而只有我方存储持有的 {dark} 个虚构人员中，有 {dark_found} 人出现在文件中。",
    "planted_dark": "从未提供给任何人的 {dark} 个虚构人员中，有 {dark_found} 人出现在文件中。只有我方自己的存储持有他们。",
    "own_store": "文件中出现了从未向任何人披露过的人员：{dark} 人中有 {dark_found} 人，超出普通外部来源所能解释的范围（预先声明的上限：此类人员的 {outside_rate:.2%}，以及文件中涉及我方人员的行不超过 {outside_share:.0%}）。应首先检查我方自己的存储。",
    "own_values": "文件中出现了从未提供给任何人的值，所涉人数既超出普通外部来源所能知晓的范围（预先声明的上限：此类人员的 {outside_rate:.2%}，以及文件中涉及我方人员的行不超过 {outside_share:.0%}），也超出任意 {collectors} 个接收方自行收集所能涵盖的范围。应首先检查我方自己的存储。",
    "copied": "如果是我方存储被复制，副本取自 {low} 至 {high} 之间的可能性为 90 %，中位时刻为 {median}（UTC）。在所发现的 {rows} 个值中，有 {fitting} 个是该时刻的现行值。",
    "backup": "{made_at}（UTC）所作的备份连同当时的数据，与所发现内容一致的值有 {fitting} 个（共发现 {values} 个）。与取自未知时刻的我方存储副本相比，它对所发现版本的解释力为其 e^{ln_e:.1f} 倍。文件到来之前共作过 {made} 次备份。",
    "nobody": "无法指名任何接收方，也无法指出任何一组接收方。这并不表示任何一方是清白的。",
    "else": "“其他来源”（本账本之外的来源）始终是可能的出处，也是各项数值的参照。所发现的 {people_found} 人中，有 {unexplained} 人不能由任何接收方解释。",
    "store": "“我方自己的存储”始终是可能的出处：ln e 值 {own_store:.1f}，依据为 {dark} 名从未披露人员中的 {dark_found} 人。",
    "never": "文件中有 {found} 人的 {field} 从未提供给任何人；此类人员至多 {people} 人。",
    "later": "文件中有 {found} 人的 {field} 晚于任何人所获得的版本；该项有过变更的人员至多 {people} 人。",
    "values": "这些从未提供给任何人的值支持“我方自己的存储”的 ln e 值为 {own_values:.1f}；与之相比的情形是：对我方人员的掌握不超过所声明上限的外部来源，再加上至多 {collectors} 个接收方就其服务对象自行收集的同类内容。后者所能解释的部分不计入。与界线比较的是该值与上述数值的平均，即 ln e = {own_total:.1f}。",
    "masked": "有 {rows} 行只显示部分值。其中 {rows_agreed} 行凭两个及以上相互独立的部分恰好只符合一人；其证明力弱于完整的值。将每两行随机拼成一行作为对照，{controls} 行中也有 {controls_agreed} 行符合某人。",
    "masked_counted": "这些行已计入：每个数值均为计入与不计入这些行两种结果的平均。仅由此类行显示的人员有 {people_only_masked} 人。",
    "masked_not_counted": "偶然符合的比例过高，不能忽略，因此这些行既不对任何一方不利，也不对任何一方有利。",
    "masked_alone": "有 {rows} 行只显示部分值，没有一行凭两个相互独立的部分恰好只符合一人。这些行只给出候选人，既不对任何一方不利，也不对任何一方有利。",
    "linked": "有 {rows} 行未能找到任何人，但显示了姓名及其他内容。已用盲码将其与写法不同的人员资料比较，其中 {like} 行与某人相似，共涉及 {people} 人。相似并不等于匹配：这些人只是候选人，既不对任何一方不利，也不对任何一方有利。",
    "error": "依此规则，在全部追溯中，指名的接收方或一组接收方里并无泄露者的情形，所占比例不超过 {eps:g}。界线为 ln e = {threshold:.2f}，在读取文件之前已确定。",
    "weight": "这些数值衡量的是所发现内容对各种情形的支持程度；某种情形本身有多可信，由裁决者结合其他全部情况判断。",
}

_ASSUMPTIONS: Sequence[tuple[str, str]] = (
    (
        "People are compared on {fields}; a recipient is able to have leaked a person when the ledger shows that it received exactly the versions found, before the file came in.",
        "按 {fields} 比对人员；只有当账本显示接收方在文件到来之前收到的正是所发现的版本时，才认为其可能泄露该人员。",
    ),
    (
        "Each source leaks the people it holds with one fraction of its own, each person independently. A leak of one city or one month breaks this, and then weakens or shifts the figures.",
        "每个来源以其自身的一个比例泄露其持有的人员，各人相互独立。若只泄露某一城市或某一时段，则不符合此假设，数值会减弱或偏移。",
    ),
    (
        "Values known outside for other reasons are as frequent among people disclosed as among people never disclosed ({dark} controls, {dark_found} found; upper limit {limit:.3g} at level {level:g}).",
        "因其他原因在外部为人所知的比例，在已披露人员与从未披露人员中相同（对照 {dark} 人，发现 {dark_found} 人；上限 {limit:.3g}，水平 {level:g}）。",
    ),
    (
        "A row comes whole from one source: two files joined row by row by somebody else are not considered. Sources that leaked separately into one file are.",
        "每一行完整地来自同一来源：不考虑他人将两个文件逐行拼接的情形；多个来源分别泄露而汇入同一文件的情形已考虑在内。",
    ),
    (
        "The test of each recipient runs against every combination of all other recipients, our store and outside sources, each with any fraction (a strict bound, not an approximation). What recipients pass on among each other outside the ledger is not seen.",
        "对每个接收方的检验，均与所有其他接收方、我方存储及外部来源以任意比例构成的全部组合相比较（为严格的界，而非近似）。接收方之间在账本之外的转交不可见。",
    ),
    (
        "Digests (md5, sha1, sha256) of phone numbers, e-mail addresses and resident IDs count like the values themselves: each was compared with the digest of a stored value. Salted digests and digests of other kinds can be compared with nothing; they were only counted.",
        "手机号、邮箱地址和身份证号的摘要值（md5、sha1、sha256）与原值同等计入：每个摘要值均已与所存值的摘要比对。加盐摘要及其他种类的摘要无从比对，仅作计数。",
    ),
    (
        "Whom a masked row fits by chance is as often somebody a recipient received as anybody else. The controls, put together from the file's own rows, show how often chance does it; rows count only while that explains at most a tenth of those that agree. A masked value alone is never a match: each of the m people it fits weighs 1/m, beside the figures and not in them.",
        "掩码行偶然符合的人，属于某一接收方所收到人员的机会与其他人相同。由文件自身各行拼成的对照显示偶然符合的频率；只有当偶然至多能解释相符行的十分之一时，这些行才计入。单独一个掩码值从不视为匹配：它所符合的 m 人每人权重为 1/m，仅列于数值之旁，不计入数值。",
    ),
    (
        "The moment of a leak is that of one copy, of which a share of 0.1 to 10 % of the rows may be stale or damaged; every moment between the first delivery and the arrival of the file was as likely beforehand. A recipient that collected a file over months has no such moment.",
        "泄露时刻指单一副本的取得时刻，其中 0.1 % 至 10 % 的行可能陈旧或受损；事先认为从首次交付到文件到来之间的各时刻机会相同。若接收方在数月内陆续收集该文件，则不存在这样的单一时刻。",
    ),
    (
        "Marks count only for whom the ledger shows were served them, under keys that it committed to beforehand; whoever made the file is taken not to have known these keys. A mark that was cleaned away counts for nothing. So do names that only one recipient has for a person count, taken not to be guessed. Names of people alone were recognised and not matched.",
        "标记只对账本显示曾获提供该标记的接收方计入，其密钥事先已在账本中作出承诺；假定文件制作者不知道这些密钥。已被清除的标记不计入。仅某一接收方所用的人员代号亦计入，假定其无法被猜出。仅有人名时只识别，不匹配。",
    ),
    (
        "A copy of our own store takes persons planted with a recipient and persons planted with nobody alike; neither sort can be told from real people by whoever leaks.",
        "若泄露的是我方存储的副本，则安插于某接收方的虚构人员与未提供给任何人的虚构人员被带出的机会相同；泄露者无法将二者与真实人员区分。",
    ),
    (
        "An alias is known to its recipient, to its person and to whoever holds our key for aliases: that the person did not spread it and that the key was kept is assumed. Every value in the file that looks like an alias counts as one attempt to guess.",
        "知道一个别名的只有其接收方、其本人以及持有我方别名密钥者：此处假定本人未将其传播，密钥也未外泄。文件中每个形似别名的值都计为一次猜测。",
    ),
)


def statement(result: Attribution, facts: Facts, rules: Rules) -> dict[str, list[str]]:
    """The findings in words, by language."""
    return {
        "en": _sentences(_EN, result, facts, rules, " / "),
        "zh-CN": _sentences(_ZH, result, facts, rules, "、"),
    }


def assumptions(result: Attribution, facts: Facts, rules: Rules) -> dict[str, list[str]]:
    """What the findings rest on, by language."""
    values = {
        "fields": ", ".join(facts.fields) or "-",
        "dark": facts.dark,
        "dark_found": facts.dark_found,
        "limit": result.outside_limit,
        "level": rules.level,
    }
    return {
        "en": [english.format(**values) for english, _ in _ASSUMPTIONS],
        "zh-CN": [chinese.format(**values) for _, chinese in _ASSUMPTIONS],
    }


def _sentences(
    words: Mapping[str, str], result: Attribution, facts: Facts, rules: Rules, joint: str
) -> list[str]:
    named = [finding for finding in result.findings if finding.named]
    said = [] if facts.repost is None else [words["repost"].format(**facts.repost)]
    said += [words["named"].format(name=facts.names[f.recipient], strict=f.ln_e_total) for f in named]
    said += _of_marks(words, result, facts, named)
    said += [words["set"].format(names=joint.join(facts.names[k] for k in one)) for one in result.sets]
    said += [
        words["aliases"].format(name=facts.names[k], found=found, issued=issued)
        for k, (found, issued) in sorted(facts.aliases.items())
    ]
    dark_found, dark = facts.planted_dark
    said += [
        words["planted"].format(
            name=facts.names[k], found=found, planted=planted, dark=dark, dark_found=dark_found
        )
        for k, (found, planted) in sorted(facts.planted.items())
    ]
    if dark_found:
        said.append(words["planted_dark"].format(dark=dark, dark_found=dark_found))
    said += [_of_dating(words, facts, k) for k in sorted(facts.dated)]
    counts = {"dark": facts.dark, "dark_found": facts.dark_found}
    if result.own_total >= result.threshold:
        limits = {"outside_rate": rules.outside_rate, "outside_share": rules.outside_share}
        first = "own_store" if result.own_store >= result.own_values else "own_values"
        said.append(words[first].format(collectors=rules.collectors, **limits, **counts))
        said += _of_copies(words, facts.copies)
    if result.outcome is Outcome.NOT_ATTRIBUTED:
        said.append(words["nobody"])
    said.append(words["else"].format(unexplained=result.explained_by_nobody, people_found=facts.people_found))
    said.append(words["store"].format(own_store=result.own_store, **counts))
    said += _of_values(words, facts.unreceived, result, rules)
    said += _of_masked(words, facts.masked)
    said += _of_linked(words, facts.linked)
    said.append(words["error"].format(eps=rules.eps, threshold=result.threshold))
    return [*said, words["weight"]]


def _of_dating(words: Mapping[str, str], facts: Facts, k: int) -> str:
    dated = facts.dated[k]
    times = {name: _minute(getattr(dated, name)) for name in ("low", "median", "high")}
    return words["dated"].format(name=facts.names[k], rows=dated.rows, fitting=dated.fitting, **times)


def _of_copies(words: Mapping[str, str], copies: Copies) -> list[str]:
    said = []
    if copies.dated is not None:
        times = {name: _minute(getattr(copies.dated, name)) for name in ("low", "median", "high")}
        said.append(words["copied"].format(rows=copies.dated.rows, fitting=copies.dated.fitting, **times))
    if copies.backups:
        best = copies.backups[0]
        counts = {"values": copies.values, "made": copies.made, "fitting": best.fitting}
        said.append(words["backup"].format(made_at=_minute(best.at), ln_e=best.ln_e, **counts))
    return said


def _of_marks(
    words: Mapping[str, str], result: Attribution, facts: Facts, named: Sequence[Finding]
) -> list[str]:
    read = result.marks
    if read is None:
        return []
    of_named = [
        words["marks_of"].format(
            name=facts.names[f.recipient],
            held=read.held[f.recipient],
            agreeing=read.agreeing[f.recipient],
            expected=read.expected[f.recipient],
        )
        for f in named
        if f.ln_e_marks is not None
    ]
    return [words["marks"].format(read=read.positions, people=read.leaked_rows), *of_named]


def _of_values(
    words: Mapping[str, str], unreceived: Sequence[Unreceived], result: Attribution, rules: Rules
) -> list[str]:
    said = []
    for one in unreceived:
        sorts = (("never", one.never_found, one.never), ("later", one.later_found, one.later))
        said += [
            words[sort].format(field=one.field, found=found, people=people)
            for sort, found, people in sorts
            if found
        ]
    figures = {"own_values": result.own_values, "own_total": result.own_total, "collectors": rules.collectors}
    return [*said, words["values"].format(**figures)] if said else []


def _minute(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _of_linked(words: Mapping[str, str], linked: Mapping[str, Any] | None) -> list[str]:
    if not linked or not linked["rows"]:
        return []
    candidates = linked["candidates"]
    like = sum(count for size, count in candidates.items() if size not in {"none", "too_many"})
    return [words["linked"].format(rows=linked["rows"], like=like, people=linked["people"])]


def _of_masked(words: Mapping[str, str], masked: Mapping[str, Any]) -> list[str]:
    if not masked["rows"]:
        return []
    if not masked["rows_agreed"]:
        return [words["masked_alone"].format(**masked)]
    then = "masked_counted" if masked["counted"] else "masked_not_counted"
    return [words["masked"].format(**masked), words[then].format(**masked)]
