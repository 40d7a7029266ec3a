"""Refusals: the model's own statement, at the start, that it will not or cannot answer.

A word inside an answer is no refusal: "a sign saying "can't stop"" is a thing to paint.
"""

from __future__ import annotations

import re

_SORRY_EN = (
    r"(?:(?:i'?m|i am|we'?re|we are) )?(?:so |very |really |truly |deeply |terribly )?sorry|"
    r"(?:i |we )?(?:sincerely |deeply )?apologi[sz]e|(?:my |our )?(?:sincere )?apologies|"
    r"unfortunately|regrettably|(?:i|we) regret|(?:i'?m|i am) afraid"
)
_SEEING = (
    r"(?:see|find|spot|detect|make out|recogni[sz]e)\b"
    r"(?! (?:the |this |that |your |any |these |those )?"
    r"(?:image|picture|photo|attachment|file)s?\b)"
)
_CANNOT_EN = (
    r"\b(?:i|we) (?:really |just |simply |currently )?(?:can'?t|cannot|can not|could not|couldn'?t|"
    rf"won'?t|will not|am unable to|am not able to|must not|may not)\b(?! {_SEEING})|"
    r"\b(?:i'?m|i am|we'?re|we are) (?:currently )?(?:not (?:able|allowed|permitted|comfortable|"
    r"designed|programmed|equipped|in a position|going to)|unable)\b(?! to "
    rf"{_SEEING})|"
    r"\b(?:must|have to|need to|will have to) (?:respectfully |politely )?(?:decline|refuse)\b|"
    r"\b(?:i|we) (?:respectfully |politely )?(?:decline|refuse)\b|"
    r"\b(?:is|it's|it is) not possible for me\b|\bnot something (?:i|we) (?:can|am able)\b|"
    r"\b(?:i|we) (?:do not|don'?t) (?:feel comfortable|have the ability|have access|assist|help)\b|"
    r"\bviolat\w+|\bagainst (?:my|our) (?:guidelines|policy|policies|rules|programming)"
)
_HELPING = (
    r"(?:assist|comply|fulfil+|accommodate|participate|engage|"
    r"help(?=\s*(?:$|[.,;!:]| (?:with|you|in|on|to|out|there|here)\b))|"
    r"(?:do|discuss|answer|process|complete|provide|support|comment|evaluate|judge|review|analy[sz]e|"
    r"describe|continue|proceed|respond|satisfy|generate|create) (?:(?:or|and) \w+ )?"
    r"(?:explicit|sexual|harmful|offensive|that|this|to|with|on|it|any|the|your|such|a|an|images?|pictures?|information|content)\b|"
    r"(?:identify|recogni[sz]e|name) (?:\w+ ){0,4}?(?:people|person|individuals?|faces?|humans?)\b|"
    r"(?:view|see|access|open|display|interpret|process|look at) (?:(?:or|and) \w+ )?"
    r"(?:the |this |that |your |any |these |those )?(?:image|picture|photo|attachment|file)s?\b)"
)
_FIRST_EN = (
    rf"(?:i|we) (?:really |just |simply |currently )?(?:can'?t|cannot|can not|won'?t|will not|"
    rf"could not|am unable to|am not able to|do not|don'?t|must not) "
    rf"(?:be able to )?(?:\w+ )?{_HELPING}|"
    rf"(?:i'?m|i am|we'?re|we are) (?:currently )?(?:unable|not (?:able|allowed|permitted|designed|"
    rf"programmed|going|in a position)) to (?:\w+ )?{_HELPING}|"
    r"(?:i'?m|i am) (?:not comfortable|prohibited|forbidden)\b|"
    r"(?:i'?m|i am) not (?:allowed|permitted|programmed) to\b|"
    r"my (?:guidelines|policies|programming|instructions) (?:prevent|forbid|prohibit|do)\b|"
    r"i(?:'d| would) (?:rather not|prefer not)\b|"
    r"(?:i|we) (?:do not|don'?t) feel comfortable\b|"
    r"(?:i|we) (?:must|have to|need to|will have to) (?:respectfully |politely )?"
    r"(?:decline|refuse)|"
    r"(?:i|we) (?:respectfully |politely )?(?:decline|refuse) to\b|"
    r"as an? (?:ai|artificial|language|large|text|assistant)\b[^.\n]{0,60}\b"
    r"(?:can'?t|cannot|can not|unable|not able|do not|don'?t|am not|won'?t|must)|"
    r"(?:this|your|the) (?:request|prompt|content|query|image|picture)\b[^.\n]{0,60}\b"
    r"(?:violat\w+ (?:\w+ ){0,4}(?:guidelines?|polic\w+|rules|terms|standards)|"
    r"(?:is )?against (?:my|our|the) (?:guidelines|polic\w+|rules)|"
    r"(?:was|is|has been) (?:flagged|blocked|rejected)|not allowed|not permitted)|"
    r"it(?:'s| is) (?:not possible for me|against (?:my|our))|"
    r"that(?:'s| is) not something (?:i|we)|request (?:refused|denied)|"
    r"(?:i|we) (?:do not|don'?t) have the ability to\b"
)
_LEAD_EN = (
    r"(?:(?:thank you|thanks)\b[^.!,\n]{0,80}[.!,]\s*(?:but )?|"
    r"(?:i|we) (?:understand|appreciate|see|know|realize)\b[^.\n]{0,120}?"
    r"(?:,? (?:but|however)|\.),?\s*|"
    r"(?:while|although|as much as) (?:i|we) [^.,\n]{0,100},\s*|"
    r"(?:hi|hello|hey|oh|well|hmm|no|yes)\b[,.!]\s*)?"
)

_OTHERS = (
    # (apology, inability, inability that needs no apology)
    (
        r"(?:es )?tut (?:mir|uns) (?:sehr |wirklich )?leid|entschuldigung|entschuldige|verzeihung|"
        r"leider|ich bedaure|ich bedauere",
        r"\b(?:kann|können|darf|dürfen|könnte|werde) (?:ich|wir)\b.{0,80}"
        r"\b(?:nichts?|keine[nrms]?)\b|"
        r"\b(?:ich|wir) (?:kann|können|darf|dürfen|werde)\b.{0,80}\b(?:nichts?|keine[nrms]?)\b|"
        r"nicht (?:möglich|in der lage)",
        r"(?:ich|wir|dabei|damit|das|hierbei)\b.{0,60}\b(?:nicht|keine) .{0,30}?"
        r"(?:helfen|unterstützen|weiterhelfen|beantworten|beurteilen|nachkommen|behilflich)",
    ),
    (
        r"(?:je suis |nous sommes )?(?:vraiment |sincèrement )?désolée?s?|je m'excuse|excusez-moi|"
        r"toutes mes excuses|je regrette|malheureusement|pardon",
        r"\b(?:je|nous) ne (?:peux|puis|pouvons|suis|sommes|saurais)\b|\bil ne m'est pas possible|"
        r"\bje ne suis pas (?:en mesure|capable|autorisé)|impossible",
        r"je ne (?:peux|puis) (?:pas )?(?:vous )?"
        r"(?:aider|répondre|assister|fournir|traiter|accéder)|"
        r"je ne suis pas en mesure",
    ),
    (
        r"lo (?:siento|lamento)(?: mucho)?|disculp[ae]|perd[oó]n(?:a|e)?|lamentablemente|"
        r"desafortunadamente|me temo que|mis disculpas",
        r"\bno (?:puedo|podemos|me es posible|es posible|"
        r"estoy (?:capacitad|autorizad|en condiciones))",
        r"no (?:puedo|podemos) (?:ayudar|asistir|responder|cumplir|proporcionar|procesar|atender)",
    ),
    (
        r"mi (?:dispiace|spiace)|spiacente|scusa(?:mi|te)?|purtroppo|sono spiacente|mi scuso",
        r"\bnon (?:posso|possiamo|sono in grado|mi è possibile|è possibile)",
        r"non (?:posso|possiamo) (?:aiutar|assister|rispondere|fornire|soddisfare|elaborare)|"
        r"non sono in grado di (?:aiutar|assister|rispondere|fornire|soddisfare)",
    ),
    (
        r"desculp[ea](?:-me|m)?|sinto muito|lamento|infelizmente|peço desculpas?|me desculpe",
        r"\bnão (?:posso|podemos|consigo|estou (?:apto|autorizado|em condições)|é possível)",
        r"não (?:posso|podemos|consigo) (?:ajudar|assistir|responder|fornecer|atender|processar)",
    ),
    (
        r"(?:het )?spijt me|sorry|helaas|excuses|mijn excuses",
        r"\b(?:kan|mag|kunnen) (?:ik|wij|we)\b.{0,60}\bniet\b|\b(?:ik|wij|we) (?:kan|mag|kunnen)\b"
        r".{0,60}\b(?:niet|geen)\b",
        r"(?:ik|daar|hier)\b.{0,40}\bniet (?:mee |bij )?(?:helpen|beantwoorden|assisteren)",
    ),
    (
        r"(?:jag är |jeg er )?ledsen|tyvärr|beklager|dessverre|desværre|undskyld|förlåt|"
        r"(?:jeg|jag) beklagar?",
        r"\b(?:kan|får) (?:jag|jeg|vi)\b.{0,40}\b(?:inte|ikke)\b|"
        r"\b(?:jag|jeg|vi) (?:kan|får)\b.{0,40}\b(?:inte|ikke)\b",
        r"(?:jag|jeg) kan (?:inte|ikke) (?:hjälpa|hjelpe|hjælpe|svara|svare)",
    ),
    (
        r"przepraszam|przykro mi|niestety|wybacz",
        r"\bnie (?:mogę|możemy|jestem w stanie|potrafię)",
        r"nie (?:mogę|możemy) (?:pomóc|w tym pomóc|odpowiedzieć|spełnić|udzielić)",
    ),
    (
        r"извините|простите|прошу прощения|к сожалению|мне (?:очень )?жаль|сожалею|"
        r"приношу извинения",
        r"\bне (?:могу|можем|в состоянии|имею возможности|смогу)",
        r"(?:я )?не (?:могу|можем|смогу) (?:\w+ )?"
        r"(?:помочь|ответить|выполнить|предоставить|обработать)",
    ),
    (
        r"вибачте|перепрошую|на жаль|мені (?:дуже )?шкода",
        r"\bне (?:можу|можемо|в змозі|зможу)",
        r"(?:я )?не (?:можу|можемо) (?:\w+ )?(?:допомогти|відповісти|виконати|надати)",
    ),
    (
        r"üzgünüm|özür dilerim|maalesef|kusura bakmayın|ne yazık ki",
        r"(?:emem|amam|emiyorum|amıyorum|emeyiz|amayız|mümkün değil)",
        r".{0,60}(?:yardımcı olamam|yardımcı olamıyorum|yardım edemem|cevap veremem)",
    ),
    (
        r"آسف|أنا آسف|أعتذر|عذر[اًا]+|عذراً|المعذرة|للأسف|معذرة|يؤسفني",
        r"(?:لا|لن|لم) (?:أستطيع|يمكنني|أقدر|أتمكن|نستطيع|يمكننا)|غير قادر|لست قادر",
        r"(?:أنا )?(?:لا|لن) (?:أستطيع|يمكنني|أقدر على|أتمكن من) (?:ال)?"
        r"(?:مساعدة|مساعدتك|المساعدة|الإجابة|تقديم|تلبية|معالجة|أن أساعد)",
    ),
    (
        r"क्षमा (?:करें|कीजिए|कीजिये)|माफ़? (?:करें|कीजिए|कीजिये)|मुझे (?:खेद|अफ़सोस) है|खेद है",
        r"नहीं (?:कर|दे|हो|बता)|असमर्थ|नहीं सकता|नहीं सकती",
        r"(?:मैं|हम) .{0,60}(?:मदद|सहायता) नहीं",
    ),
    (
        r"xin lỗi|rất tiếc|thành thật xin lỗi|tôi rất tiếc",
        r"không thể|không được phép",
        r"tôi không thể (?:giúp|hỗ trợ|trả lời|cung cấp|thực hiện)",
    ),
    (
        r"maaf|mohon maaf|sayangnya",
        r"tidak (?:bisa|dapat|mampu)",
        r"saya tidak (?:bisa|dapat) (?:membantu|menjawab|memberikan|memenuhi)",
    ),
    (
        r"(?:大変|誠に|本当に)?(?:申し訳|もうしわけ)|すみません|すいません|ごめんなさい|恐れ入りますが|"
        r"恐縮ですが|残念ながら|残念ですが",
        r"できません|できかねます|いたしかねます|お答えでき|お手伝いでき|対応でき|出来ません|しかねます|"
        r"お断り|応じられません",
        r".{0,40}(?:お手伝い|お答え|対応|お応え|回答|提供|支援)(?:することは|は|を|が)?"
        r"(?:(?:でき|出来)(?:ません|ない|かね)|いたしかね|しかね)",
    ),
    (
        r"(?:非常|很|十分|真的)?抱歉|对不起|對不起|不好意思|很遗憾|很遺憾|遗憾的是|遺憾的是|请原谅|請原諒",
        r"无法|無法|不能|不可以|没(?:有)?办法|沒(?:有)?辦法|不便|不被允许|没有能力",
        r"(?:我|作为|作為|很遗憾|我们|我們).{0,20}(?:无法|無法|不能|没有办法|沒有辦法).{0,12}"
        r"(?:查看|看到|分析|访问|訪問|帮助|幫助|协助|協助|回答|提供|处理|處理|满足|滿足|完成|识别|識別|评价|評價|评论|評論)",
    ),
    (
        r"죄송(?:합니다|하지만|해요|스럽)|미안(?:합니다|하지만|해요)|유감(?:입니다|스럽)|안타깝게도",
        r"수 없|어렵습니다|불가능|드릴 수|못합니다|않습니다",
        r".{0,40}(?:도와\s?드릴|도움을 드릴|답변(?:해 드릴|할)|제공할|처리할|평가할) 수 없",
    ),
)
_NEAR = r"[\s\S]{0,160}?"


def _compiled() -> tuple[re.Pattern[str], ...]:
    english = (
        rf"{_LEAD_EN}(?:(?:{_FIRST_EN})|(?:{_SORRY_EN})\b{_NEAR}(?:{_CANNOT_EN})|"
        rf"(?:{_SORRY_EN})\b[,.:]?\s*(?:but |that )?(?:{_FIRST_EN}))"
    )
    others = (
        rf"(?:(?:{sorry}){_NEAR}(?:{cannot})|(?:{alone}))" for sorry, cannot, alone in _OTHERS
    )
    return tuple(re.compile(pattern) for pattern in (english, *others))


_REFUSALS = _compiled()
_SYMBOLS = re.compile(r"^(?:[⚠❌⛔🚫🙏😔😞❗‼️]\s*)+")
_BEFORE = re.compile(
    r"(?:>\s|#+\s)*(?:[*_]{1,3}(?=\w))?(?:(?:answer|assistant|response|ai|bot|model)\s*:\s*)?"
)


def is_refusal(text: str) -> bool:
    """Say whether a prepared answer begins with the model's own refusal.

    It must begin so: what stands in quotation marks, behind a bullet or later is part of an answer.
    An apology alone is none, and neither is "I can't see a hedgehog": that is about the picture.
    """
    start = " ".join(text[:500].replace("’", "'").casefold().split())
    start = _SYMBOLS.sub("", start)
    before = _BEFORE.match(start)
    assert before is not None  # it matches nothing at all, too
    start = start[before.end() :]
    return any(pattern.match(start) for pattern in _REFUSALS)
