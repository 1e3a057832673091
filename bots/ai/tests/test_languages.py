"""In which language an answer is."""

import pytest

from bots.ai.languages import is_in_other_language

TEXTS = {
    "pt": [
        "Olá! O buquê de rosas custa R$ 89,90 e a entrega é grátis no centro da cidade.",
        "Abrimos de segunda a sábado, das 8h às 18h, e aos domingos só com hora marcada.",
        "Sim, temos. Posso ajudar com mais alguma coisa? É só me dizer.",
        "O seu pedido nº 4471 saiu para entrega hoje às 14:30 e chega até as 18:00.",
    ],
    "es": [
        "¡Hola! El ramo de rosas cuesta 89,90 y la entrega es gratis en el centro de la ciudad.",
        "Abrimos de lunes a sábado, de 8 a 18 horas, y los domingos solo con cita previa.",
    ],
    "en": [
        "Hello! The rose bouquet costs R$ 89.90 and delivery is free in the city centre.",
        "We are open Monday to Saturday, from 8am to 6pm, on Sundays by appointment only.",
    ],
    "fr": ["Bonjour ! Le bouquet de roses coûte 89,90 et la livraison est gratuite au centre-ville."],
    "de": ["Hallo! Der Rosenstrauß kostet 89,90 und die Lieferung ist im Zentrum kostenlos."],
    "ru": ["Здравствуйте! Букет роз стоит восемьдесят девять реалов, доставка бесплатная."],
}


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("allowed", [("pt",), ("es",), ("en",), ("pt", "es"), ("pt", "es", "en")])
def test_a_sentence_is_in_an_allowed_language_or_not(language: str, allowed: tuple[str, ...]) -> None:
    for text in TEXTS[language]:
        assert is_in_other_language([text], allowed) == (language not in allowed), text


@pytest.mark.parametrize(
    "text",
    ["", "OK!", "Hello there", "Bonjour, merci!", "R$ 89,90 1234567890 1234567890 1234567890 12/12/2026", "👍" * 60, "\n" * 100],
)
def test_short_texts_pass(text: str) -> None:
    assert not is_in_other_language([text], ["pt"])


def test_names_and_links_in_a_sentence_do_not_count() -> None:
    text = "Veja aqui: https://www.thebestflowershopintown.example/roses-and-more?lang=en-us o Red Naomi Premium Bouquet por R$ 99"
    assert not is_in_other_language([text], ["pt"])


def test_several_messages_count_together() -> None:
    assert is_in_other_language(["Bonjour et merci!", "Le bouquet coûte douze euros,", "livraison comprise."], ["pt"])


@pytest.mark.parametrize("text", ["a" * 100_000, "\ud800" * 50 + "texto " * 20, "\x00" * 100 + "palavra " * 30, "ب" * 80])
def test_odd_texts_raise_nothing(text: str) -> None:
    is_in_other_language([text], ["pt", ""])
