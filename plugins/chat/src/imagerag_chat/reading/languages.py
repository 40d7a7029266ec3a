"""How people say yes, no, "but" and "nothing is missing": the words that decide an answer.

All are lower case. They are looked for where an answer begins, or where a part of a sentence does,
and as whole words in the languages that write spaces. Refusals are in `refusals`.
"""

from __future__ import annotations

from dataclasses import dataclass


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


@dataclass(frozen=True)
class Language:
    """One language.

    `yes` and `no` decide whatever follows; `soft` words do so only before a punctuation mark or at
    the end, since they have other meanings too ("si", "correct"). `partly` is a no as well, and
    takes back a yes where a part of a sentence begins with it; `but` takes it back anywhere in one,
    `lacking` says that something is not there, `negating` turns that around ("nothing is missing").
    `nothing` are whole answers that list nothing. `spaced` says whether words are written apart.
    """

    code: str
    yes: tuple[str, ...]
    no: tuple[str, ...]
    partly: tuple[str, ...] = ()
    soft_yes: tuple[str, ...] = ()
    soft_no: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    negating: tuple[str, ...] = ()
    nothing: tuple[str, ...] = ()
    spaced: bool = True


LANGUAGES = (
    Language(
        "en",
        yes=_words(
            "yes|yep|yeah|yup|it does match|it matches|full match|fully matches|it's a match|"
            "it is a match|this is a match|perfect match"
        ),
        no=_words(
            "no|nope|nah|not|no match|mismatch|it does not|it doesn't|does not match|"
            "doesn't match|it is not a match|it's not a match"
        ),
        partly=_words(
            "partially|partly|mostly|almost|nearly|somewhat|not quite|not entirely|not fully|"
            "not exactly|not completely|and no|to some extent|for the most part"
        ),
        soft_yes=_words("true|correct|matches|match|it does|absolutely|definitely|certainly|y"),
        soft_no=_words("false|incorrect|partial|n"),
        but=_words(
            "but|however|yet|although|though|except|excepting|unless|aside from|apart from|"
            "other than|unfortunately|save for|with the exception|"
            "only problem|only issue|only difference"
        ),
        lacking=_words(
            "missing|lacks|lacking|absent|wrong|incorrect|incorrectly|isn't|aren't|doesn't|"
            "not visible|not shown|not present|not there"
        ),
        negating=_words("nothing|no|none|not missing|not lacking|without"),
        nothing=_words("nothing|none|n/a|not applicable|not missing anything"),
    ),
    Language(
        "de",
        yes=_words("ja|jawohl"),
        no=_words("nein|nicht"),
        partly=_words("teilweise|fast|größtenteils|nicht ganz|weitgehend|meistens"),
        soft_yes=_words("stimmt|richtig|wahr"),
        soft_no=_words("falsch|nö"),
        but=_words("aber|jedoch|allerdings|außer|bis auf|obwohl|leider|nur"),
        lacking=_words("fehlt|fehlen|fehlend|falsch|nicht zu sehen|nicht vorhanden"),
        negating=_words("nichts|kein|keine|keiner|keines"),
        nothing=_words(
            "nichts|keine|keines|nichts fehlt|es fehlt nichts|fehlt nichts|"
            "keine fehlenden konzepte|alles vorhanden|alles ist vorhanden"
        ),
    ),
    Language(
        "fr",
        yes=_words("oui"),
        no=_words("non|pas"),
        partly=_words("partiellement|presque|pas tout à fait|en partie"),
        soft_yes=_words("vrai|exact|tout à fait"),
        soft_no=_words("faux"),
        but=_words("mais|cependant|toutefois|sauf|hormis|excepté|bien que|à part|malheureusement"),
        lacking=_words("manque|manquent|manquant|absent|absente|n'est pas|ne sont pas"),
        negating=_words("rien|aucun|aucune|ne manque rien"),
        nothing=_words(
            "rien|aucun|aucune|rien ne manque|il ne manque rien|aucun élément manquant|"
            "aucun concept manquant|néant"
        ),
    ),
    Language(
        "es",
        yes=_words("sí"),
        no=_words("no"),
        partly=_words("parcialmente|casi|en parte|no del todo"),
        soft_yes=_words("si|correcto|verdadero|cierto"),
        soft_no=_words("falso|incorrecto"),
        but=_words("pero|sin embargo|excepto|salvo|aunque|no obstante|lamentablemente"),
        lacking=_words("falta|faltan|ausente|ausentes"),
        negating=_words("nada|ningún|ninguna|ninguno|no falta|no faltan"),
        nothing=_words("nada|ninguno|ninguna|no falta nada|nada falta|ningún concepto"),
    ),
    Language(
        "it",
        yes=_words("sì"),
        no=_words("no|non"),
        partly=_words("parzialmente|quasi|in parte|non del tutto"),
        soft_yes=_words("si|esatto|vero|corretto"),
        soft_no=_words("falso"),
        but=_words("ma|però|tuttavia|tranne|eccetto|purtroppo|anche se"),
        lacking=_words("manca|mancano|assente|assenti"),
        negating=_words("niente|nulla|nessun|nessuna|nessuno|non manca|non mancano"),
        nothing=_words("niente|nulla|nessuno|nessuna|non manca nulla|non manca niente"),
    ),
    Language(
        "pt",
        yes=_words("sim"),
        no=_words("não|nao"),
        partly=_words("parcialmente|quase|em parte"),
        soft_yes=_words("verdadeiro|correto"),
        soft_no=_words("falso"),
        but=_words("mas|porém|contudo|exceto|embora|no entanto|infelizmente"),
        lacking=_words("falta|faltam|ausente|ausentes"),
        negating=_words("nada|nenhum|nenhuma|não falta|não faltam"),
        nothing=_words("nada|nenhum|nenhuma|não falta nada|nada falta"),
    ),
    Language(
        "nl",
        yes=_words("ja"),
        no=_words("nee|niet"),
        partly=_words("gedeeltelijk|bijna|deels"),
        soft_yes=_words("klopt|juist"),
        but=_words("maar|echter|behalve|hoewel|helaas"),
        lacking=_words("ontbreekt|ontbreken|mist"),
        negating=_words("niets|geen"),
        nothing=_words("niets|geen|er ontbreekt niets|niets ontbreekt"),
    ),
    Language(
        "scandinavian",
        yes=_words("ja"),
        no=_words("nej|nei|ikke|inte"),
        partly=_words("delvis|nästan|nesten|næsten"),
        but=_words("men|dock|dog|bortsett fra|förutom|undtagen"),
        lacking=_words("saknas|mangler|fattas"),
        negating=_words("inget|ingenting|ingen|intet"),
        nothing=_words("inget|ingenting|ingen|intet|inget saknas|ingenting mangler"),
    ),
    Language(
        "pl",
        yes=_words("tak"),
        no=_words("nie"),
        partly=_words("częściowo|prawie"),
        but=_words("ale|jednak|oprócz|chociaż|niestety"),
        lacking=_words("brakuje|brak"),
        negating=_words("niczego|nic|żadnych"),
        nothing=_words("nic|brak|niczego nie brakuje|niczego"),
    ),
    Language(
        "ru",
        yes=_words("да"),
        no=_words("нет|не"),
        partly=_words("частично|почти|не совсем|отчасти"),
        soft_yes=_words("верно|правильно"),
        soft_no=_words("неверно"),
        but=_words("но|однако|кроме|хотя|за исключением|к сожалению"),
        lacking=_words("отсутствует|отсутствуют|не хватает|нет"),
        negating=_words("ничего|ничто|никаких"),
        nothing=_words("ничего|ничего не отсутствует|ничего не пропущено|всё на месте"),
    ),
    Language(
        "uk",
        yes=_words("так"),
        no=_words("ні|не"),
        partly=_words("частково|майже"),
        but=_words("але|однак|крім|хоча|на жаль"),
        lacking=_words("відсутній|відсутня|відсутні|бракує|немає"),
        negating=_words("нічого|ніщо"),
        nothing=_words("нічого|немає|нічого не бракує"),
    ),
    Language(
        "tr",
        yes=_words("evet"),
        no=_words("hayır|değil"),
        partly=_words("kısmen|neredeyse"),
        but=_words("ama|fakat|ancak|lakin|maalesef"),
        lacking=_words("eksik|yok"),
        negating=_words("hiçbir|hiçbir şey|eksik değil"),
        nothing=_words("yok|hiçbiri|hiçbir şey|eksik yok|hiçbir şey eksik değil"),
    ),
    Language(
        "ar",
        yes=_words("نعم|أجل"),
        no=_words("لا|كلا|ليس|ليست"),
        partly=_words("جزئيا|جزئيًا|تقريبا|تقريبًا"),
        soft_yes=_words("صحيح"),
        soft_no=_words("خطأ"),
        but=_words("لكن|ولكن|باستثناء|إلا|غير أن|للأسف|لكنه|لكنها"),
        lacking=_words("مفقود|مفقودة|ناقص|ناقصة|ينقص|تنقص|ينقصها|تنقصها|غائب"),
        negating=_words("شيء|أي"),
        nothing=_words("لا شيء|لا يوجد|لا يوجد شيء|لا شيء مفقود|لا ينقص شيء"),
    ),
    Language(
        "hi",
        yes=_words("हाँ|हां|जी हाँ|जी हां"),
        no=_words("नहीं|जी नहीं"),
        partly=_words("आंशिक|लगभग"),
        but=_words("लेकिन|परंतु|मगर"),
        lacking=_words("गायब|नहीं"),
        negating=_words("कुछ"),
        nothing=_words("कुछ नहीं|कुछ भी नहीं|कोई नहीं"),
    ),
    Language(
        "vi",
        yes=_words("có|đúng|vâng"),
        no=_words("không|chưa"),
        partly=_words("một phần|gần như"),
        but=_words("nhưng|tuy nhiên|ngoại trừ"),
        lacking=_words("thiếu"),
        negating=_words("không thiếu"),
        nothing=_words("không có gì|không thiếu gì"),
    ),
    Language(
        "id",
        yes=_words("ya|iya"),
        no=_words("tidak|bukan|belum"),
        partly=_words("sebagian|hampir"),
        but=_words("tetapi|tapi|namun|kecuali"),
        lacking=_words("hilang|kurang|tidak ada"),
        negating=_words("tidak ada yang"),
        nothing=_words("tidak ada|tidak ada yang hilang|tidak ada yang kurang"),
    ),
    Language(
        "ja",
        yes=_words("はい、そうです|はいそうです|はい一致|一致しています|一致します|合っています"),
        no=_words(
            "いいえ|いえ|違います|ちがいます|一致しません|一致していません|合っていません|不一致"
        ),
        partly=_words("部分的|ほぼ|ほとんど|一部"),
        soft_yes=_words("はい|ええ|うん|そうです|一致"),
        soft_no=_words("いや|ううん"),
        but=_words("ただし|しかし|でも|けれど|けど|だが|ですが|残念ながら"),
        lacking=_words("欠けて|足りません|足りない|不足|いません|ありません|がない|見当たりません"),
        negating=_words("何も|不足はありません|欠けているものはありません|問題はありません"),
        nothing=_words(
            "なし|無し|ありません|特になし|特にありません|何もありません|何も欠けていません|"
            "不足はありません|欠けているものはありません|ない"
        ),
        spaced=False,
    ),
    Language(
        "zh",
        yes=_words("是的|符合|匹配|相符|一致|對的|对的|完全符合|完全匹配"),
        no=_words("不|否|没有|沒有|并非|並非|未"),
        partly=_words("部分|基本|大部分|差不多|不完全"),
        soft_yes=_words("是|对|對|正确|正確|嗯"),
        soft_no=_words("错|錯|错误|無|无"),
        but=_words("但|但是|不过|不過|然而|可是|只是|除了|可惜|遗憾"),
        lacking=_words("缺少|缺乏|缺失|没有|沒有|不见|不对|不正确|不符"),
        negating=_words("没有缺|沒有缺|不缺|无缺|没有任何缺|没有遗漏|没有问题"),
        nothing=_words(
            "无|無|没有|沒有|没有缺失|沒有缺失|没有缺少|没有缺少任何东西|没有缺少任何元素|"
            "没有遗漏|什么都不缺|不缺|无缺失"
        ),
        spaced=False,
    ),
    Language(
        "th",
        yes=_words("ใช่|ตรงกัน|ถูกต้อง"),
        no=_words("ไม่"),
        but=_words("แต่|ยกเว้น"),
        lacking=_words("ขาด|ไม่มี"),
        nothing=_words("ไม่มี|ไม่มีอะไรขาด"),
        spaced=False,
    ),
    Language(
        "ko",
        yes=_words("네, 맞습니다|네 맞습니다|예, 맞습니다|일치합니다|맞습니다"),
        no=_words("아니요|아니오|아뇨|일치하지 않|맞지 않"),
        partly=_words("부분적|거의|대체로"),
        soft_yes=_words("네|예|그렇습니다"),
        soft_no=_words("아니"),
        but=_words("하지만|그러나|다만|그런데|단,"),
        lacking=_words("없습니다|없어요|빠져|부족|누락"),
        negating=_words("빠진 것은 없|누락된 것은 없|부족한 것은 없|없는 것은 없"),
        nothing=_words("없음|없습니다|없어요|빠진 것 없음|빠진 것은 없습니다|누락된 것이 없습니다"),
        spaced=False,
    ),
)
