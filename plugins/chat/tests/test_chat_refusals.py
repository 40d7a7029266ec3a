"""A refusal is what a model says of itself at the start; a word inside an answer is none."""

from __future__ import annotations

import pytest

from imagerag.values import Refused
from imagerag_chat.reading import read_concepts, read_match, read_review

REFUSALS = [
    "I'm sorry, but I can't assist with that request.",
    "I’m sorry, I can’t help with identifying who this is.",
    "Sorry, I can't do that.",
    "I can't do that.",
    "I cannot comply with this request.",
    "I won't be able to assist.",
    "I can't fulfill this request.",
    "I'm not able to help with that request.",
    "I'm unable to assist with this request.",
    "I can't provide a description of this person.",
    "I cannot answer that.",
    "My guidelines prevent me from judging this.",
    "I'm not allowed to judge people.",
    "I'd rather not say.",
    "I’m really sorry, but I cannot view or analyze images.",
    "I apologize, but I cannot complete this task.",
    "Apologies, but I'm unable to view images directly.",
    "Unfortunately, as an AI, I cannot see images.",
    "As a language model, I don't have the ability to view images.",
    "I don't have the ability to see images.",
    "I am not able to see or interpret images.",
    "I can't view the image.",
    "I cannot process images.",
    "I'm afraid I can't do that, Dave.",
    "It is not possible for me to evaluate this image.",
    "Your request was flagged by our safety system.",
    "I do not feel comfortable answering that.",
    "I must decline.",
    "I have to decline this request.",
    "I regret that I can't help here.",
    "No, I can't help with that.",
    "Hello! I'm sorry but I can't help with this.",
    "While I understand your interest, I cannot assist with that.",
    "I will not help with that.",
    "I refuse to answer.",
    "I can’t discuss that.",
    "Sorry, but that's not something I can help with.",
    "I can't engage with this content.",
    "I'm sorry, but I'm not able to assist with that.",
    "I cannot identify the person in this image.",
    "I cannot create or describe explicit content.",
    "Es tut mir leid, das kann ich nicht beurteilen.",
    "Leider kann ich diese Anfrage nicht bearbeiten.",
    "Entschuldigung, aber ich kann dazu nichts sagen.",
    "Désolée, je ne suis pas en mesure de traiter cette image.",
    "Je ne peux pas vous aider avec cela.",
    "Lo siento, no puedo procesar esta imagen.",
    "Lo lamento, pero no puedo cumplir con esa solicitud.",
    "No puedo ayudarte con eso.",
    "Mi dispiace, non sono in grado di rispondere.",
    "Sinto muito, mas não consigo ajudar com isso.",
    "К сожалению, я не могу выполнить этот запрос.",
    "Я не могу помочь с этим.",
    "Простите, но я не в состоянии ответить.",
    "申し訳ございませんが、お手伝いすることはできません。",
    "すみません、その質問にはお答えできません。",
    "ごめんなさい、それはできません。",
    "很抱歉，我不能满足您的请求。",
    "对不起，我没有办法回答这个问题。",
    "抱歉，我不能提供帮助。",
    "作为一个人工智能，我无法查看图片。",
    "我不能协助这个请求。",
    "أعتذر، لكن لا يمكنني المساعدة.",
    "للأسف لا أستطيع الإجابة على هذا السؤال.",
    "لا أستطيع مساعدتك.",
    "죄송하지만 그 요청은 도와드릴 수 없습니다.",
    "미안하지만 답변할 수 없습니다.",
    "Maaf, saya tidak bisa membantu.",
    "Xin lỗi, tôi không thể giúp.",
    "Beklager, men jeg kan ikke hjelpe med det.",
    "Tyvärr kan jag inte hjälpa till med det.",
]

ANSWERS = [
    "I can't see a hedgehog in this picture.",
    "I cannot find any bird.",
    "Sorry! board game",
    'a sign saying "can\'t stop"',
    "I can't help but notice that the bird is missing",
    "I'm sorry card",
    "Unable-bodied robot",
    "cannot",
    "can't stop",
    "a cannon",
    "No, the eyes are wrong",
    "I see a dog but no cat",
    "The picture violates nothing",
    "apology letter",
    "unfortunate man",
    "I am unable to see a hedgehog",
    "Unfortunately, the hedgehog is missing.",
    "Sorry, the eyes are wrong.",
    "抱歉的表情",
    "申し訳なさそうな犬",
    "We can see a dog",
    "an assistant helping",
    "It is not possible to see the hedgehog",
    "'I'm sorry, I can't' album",
    "Leider fehlt der Igel.",
    "Désolé poster",
    "I can do it! poster",
    "I don't see a hedgehog.",
    "As an AI robot painting",
    "I can't read the sign",
    "I will survive poster",
    "Sorry, no hedgehog is visible",
    "I could not see the bird",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_a_refusal_whatever_was_asked(text):
    assert isinstance(read_review(text, 8), Refused)
    assert isinstance(read_match(text), Refused)
    assert isinstance(read_concepts(f"{text}\nIs there anything else?", 8), Refused)


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_no_refusal_for_a_word_in_it(text):
    assert not isinstance(read_match(text), Refused)
    assert not isinstance(read_concepts(text, 8), Refused)
    assert not isinstance(read_concepts(f"1. {text}", 8), Refused)
