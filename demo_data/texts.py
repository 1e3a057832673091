"""Names, sentences and API objects of demonstration data: customers of Brazilian businesses."""

import json
import unicodedata
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from cloud_api.payloads.texts import content_of


def _listed(words: str) -> list[str]:
    """Splits a text at bars or, if it has none, at spaces."""
    return words.split("|" if "|" in words else " ")


FIRST_NAMES = _listed(
    "José João Antônio Francisco Carlos Paulo Pedro Lucas Luiz Marcos Rafael Daniel Marcelo Bruno Eduardo Felipe "
    "Rodrigo Manoel Mateus André Fernando Fábio Leonardo Gustavo Guilherme Leandro Tiago Anderson Ricardo Márcio "
    "Jorge Sebastião Alexandre Roberto Diego Vítor Sérgio Cláudio Matheus Thiago Geraldo Adriano Luciano Júlio "
    "Renato Alex Vinícius Rogério Samuel Ronaldo Mário Flávio Douglas Igor Davi Manuel Jeferson Cícero Victor Miguel "
    "Robson Mauricio Danilo Henrique Caio Reginaldo Joaquim Benedito Gilberto Marco Alan Nelson Cristiano Elias "
    "Wilson Valdir Emerson Luan Damião Artur Ítalo Otávio Zaqueu Quirino Ubirajara Maria Ana Francisca Antônia "
    "Adriana Juliana Márcia Fernanda Patrícia Aline Sandra Camila Amanda Bruna Jéssica Letícia Júlia Luciana Vanessa "
    "Mariana Gabriela Vera Vitória Larissa Cláudia Beatriz Luana Rita Sônia Renata Eliane Josefa Simone Natália "
    "Cristiane Carla Débora Rosângela Jaqueline Rosa Daniela Aparecida Marlene Terezinha Raimunda Andréia Fabiana "
    "Lúcia Raquel Ângela Rafaela Joana Luzia Elaine Daniele Isabel Tatiane Conceição Alice Sílvia Priscila Bianca "
    "Michele Helena Tereza Yasmin Rosana Joseane Inês Célia Lívia Íris Yolanda Zuleide Noêmia Iracema Jacira Dandara "
    "Anaís Thaís Laís Estér Graça Glória"
)
LAST_NAMES = _listed(
    "Silva Santos Oliveira Souza Rodrigues Ferreira Alves Pereira Lima Gomes Costa Ribeiro Martins Carvalho Almeida "
    "Lopes Soares Fernandes Vieira Barbosa Rocha Dias Nascimento Andrade Moreira Nunes Marques Machado Mendes "
    "Freitas Cardoso Ramos Gonçalves Santana Teixeira Araújo Pinto Azevedo Brito Cavalcante Monteiro Moura Correia "
    "Farias Melo Barros Campos Batista Cunha Siqueira Conceição Assunção Magalhães Guimarães Simões Brandão Leitão "
    "Falcão Galvão Aragão Sá Tavares Peixoto Queiroz Xavier Sampaio Fonseca Duarte Pires Coelho Macedo Rezende "
    "Figueiredo Bezerra Pacheco Bittencourt Camargo Toledo Prado Vasconcelos Lacerda Mourão Valença Quintanilha "
    "Albuquerque Drummond Schneider Zanatta Nakamura Tanaka Bianchi Kowalski Müller Haddad Abrahão Uchôa"
)

GREETINGS = ("Oi", "Olá", "Bom dia", "Boa tarde", "Boa noite", "Oi, tudo bem?", "Opa", "Oii", "Por favor", "Amigo", "Moça", "Gente")
CUSTOMER_SAYS = (
    "queria saber se vocês têm {thing} {quality}",
    "quanto custa {thing}?",
    "vocês entregam {thing} no bairro {place}?",
    "meu pedido {code} ainda não chegou",
    "o {document} de {month} já saiu?",
    "preciso da segunda via do {document}",
    "posso buscar {thing} {day}?",
    "qual o horário de vocês {day}?",
    "comprei {thing} e veio {fault}, como faço pra trocar?",
    "{thing} ainda está {quality} ou já acabou?",
    "aceitam {payment}?",
    "já paguei por {payment}, segue o comprovante",
    "gostaria de marcar {service} para {day} às {hour}",
    "dá pra remarcar {service} para {day}?",
    "meu endereço é rua {place}, {number}",
    "a cor {colour} tem em estoque?",
    "quero {thing} na cor {colour}, {number} unidades",
    "minha filha quer {service} ainda {day}",
    "estou esperando há {number} minutos, alguém pode me atender?",
    "obrigada, adorei {thing}!",
    "o entregador deixou {thing} na portaria da {place}",
    "consigo parcelar {thing} em {number} vezes?",
    "vi no Instagram {thing} {quality}, ainda tem?",
    "quero cancelar {service} de {day}",
)
BUSINESS_SAYS = (
    "claro! {thing} sai por R$ {price},90 no {payment}",
    "temos sim, {thing} {quality} na cor {colour}",
    "seu pedido {code} saiu para entrega e chega {day}",
    "o {document} de {month} já está disponível no aplicativo",
    "confirmamos {service} para {day} às {hour}",
    "infelizmente {thing} está em falta, chega {day}",
    "pode me passar o CEP e o número da casa, por favor?",
    "o técnico vai até o bairro {place} {day} entre {hour} e 18h",
    "registramos a troca, o protocolo é {code}",
    "sobre {thing}: se veio {fault}, trocamos sem custo",
    "aceitamos {payment} e parcelamos em até {number} vezes",
    "a loja da {place} fica aberta {day} até as {hour}",
    "{service} custa R$ {price},00",
    "vou verificar com o setor de {sector} e já retorno",
    "segue o {document} de {month}, qualquer dúvida é só chamar",
)
SHORT_CUSTOMER = _listed(
    "Ok Obrigada! Obrigado Sim Não 👍 Perfeito Combinado Certo Blz Valeu! 🙏🙏 Isso Fechado Entendi ? Alô Amanhã Show Ótimo! kkkk"
)
SHORT_BUSINESS = (
    "Por nada! 😊",
    "Disponha!",
    "Um momento, por favor.",
    "Certo, anotado.",
    "Já verifico.",
    "Posso ajudar em algo mais?",
)
SLOTS = {
    "thing": _listed(
        "o botijão de gás|a furadeira|o bolo de cenoura|a ração do gato|o armário da cozinha|o vestido longo|"
        "o óculos de grau|o tênis|a geladeira frost free|o kit de ferramentas|a cadeira gamer|o colchão de casal|"
        "a bicicleta aro 29|o remédio da pressão|a película do celular|o carregador turbo|a tinta acrílica|"
        "o piso laminado|a torneira|o chuveiro elétrico|o cimento|o açaí|a marmita fit|a pizza de calabresa|"
        "o buquê de rosas|a cesta de café da manhã|o pneu|a bateria do carro|o filtro de óleo|o livro de matemática|"
        "o uniforme da escola|a mochila|o berço|o carrinho de bebê|a fantasia de carnaval|o violão|o teclado|"
        "a máquina de costura|a parafusadeira|o ventilador de teto|o ar-condicionado|a cafeteira|o liquidificador|"
        "a jabuticabeira|o berimbau|a tapioqueira|o paralelepípedo|a rabeca|o acordeão|a pitangueira|o escapulário|"
        "a rede de tucum|a moringa"
    ),
    "quality": _listed(
        "novo|em promoção|usado|à pronta entrega|importado|nacional|com garantia|em tamanho G|da marca boa|personalizado"
    ),
    "document": _listed(
        "boleto|contrato|orçamento|laudo|carnê|recibo|comprovante|exame|histórico escolar|certificado|extrato|alvará"
    ),
    "month": _listed("janeiro|fevereiro|março|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro"),
    "day": _listed(
        "hoje|amanhã|segunda|terça|quarta|quinta|sexta|sábado|domingo|depois do feriado|na semana que vem|no fim do mês"
    ),
    "hour": _listed("8h|9h|9h30|10h|11h15|13h|14h|15h30|16h|17h45|19h"),
    "payment": _listed("Pix|cartão de crédito|boleto|débito|vale-alimentação|transferência|dinheiro|cartão da loja"),
    "service": _listed(
        "a consulta|a limpeza do sofá|a revisão do carro|o corte de cabelo|a manicure|a instalação|a visita técnica|o banho e tosa|"
        "a vacina|a aula experimental|a avaliação física|o frete|a mudança|a dedetização|o exame de sangue|a fisioterapia|a poda"
    ),
    "fault": _listed(
        "quebrado|errado|faltando uma peça|com defeito|rasgado|na cor errada|vencido|arranhado|desmontado|molhado|trincado"
    ),
    "colour": _listed("azul|preta|branca|vermelha|verde|cinza|amarela|rosa|bege|marrom|lilás|turquesa|grafite|magenta|fúcsia|ocre"),
    "sector": _listed("financeiro|trocas|entregas|vendas|ouvidoria|cobrança|montagem|matrículas|agendamento|almoxarifado"),
}
PLACES = _listed(
    "Asa Norte|Taguatinga|Guará|Ceilândia|Águas Claras|Sobradinho|Pinheiros|Tatuapé|Mooca|Itaquera|Savassi|Pampulha|"
    "Boa Viagem|Casa Forte|Aldeota|Messejana|Batel|Moema|Copacabana|Tijuca|Méier|Madureira|Barra Funda|Cidade Baixa|"
    "Trindade|Itapuã|Pituba|Brotas|Umarizal|Marambaia|Adrianópolis|Setor Bueno|Jardim América|Coxipó|Cabo Branco|"
    "Ponta Verde|Capim Macio|Jurerê|Icaraí|Xapuri|Quixeramobim|Pindamonhangaba|Itaquaquecetuba|Jaboticabal|"
    "Guaraqueçaba|Oiapoque|Caruaru|Sabará|Xique-Xique|Paraty"
)
NOTES = (
    "Prefere ser atendido à tarde.",
    "Pediu para não ligar, só mensagem.",
    "Cliente desde a inauguração da loja.",
    "Aguardando retorno do financeiro sobre o estorno.",
    "Combinado desconto de 10% na próxima compra.",
)
SENTENCES = 30_000
"""Sentences of each side. Combined with greetings and with each other, they give many more texts."""
OBJECTS = 600
"""API objects of each kind that is not text."""

ContentAndObject = tuple[str, str]
"""The readable text of a message, and its part of the API object: JSON without the outer braces."""


def full_name(random: Random) -> str:
    """Returns a profile name: mostly two or three words, sometimes one, rarely with an emoji or in lower case."""
    first = _common(random, FIRST_NAMES)
    if random.random() < 0.2:
        first = f"{first} {_common(random, FIRST_NAMES)}"
    luck = random.random()
    if luck < 0.08:
        return first
    last = _common(random, LAST_NAMES)
    if luck > 0.6:
        last = f"{last} {_common(random, LAST_NAMES)}"
    name = f"{first} {'da ' if luck > 0.9 else ''}{last}"
    if luck < 0.11:
        return f"{name} {random.choice('🌻💙🙏✨⚽🐶')}"
    return name.lower() if luck < 0.14 else name


def username(random: Random, name: str) -> str:
    """Returns a username for the name, such as “@ana.lima42”."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name.lower()) if letter in "abcdefghijklmnopqrstuvwxyz ")
    return f"@{'.'.join(plain.split()[:2])}{random.randint(1, 999)}"


def _common(random: Random, names: Sequence[str]) -> str:
    """Returns one of the names, the first ones much more often than the last."""
    return names[int(len(names) * random.random() ** 2)]


class Texts:
    """Texts of both sides, combined from sentences that are made once."""

    def __init__(self, random: Random) -> None:
        self._draw = random.random
        self._customer = [_sentence(random, CUSTOMER_SAYS) for _ in range(SENTENCES)]
        self._business = [_sentence(random, BUSINESS_SAYS) for _ in range(SENTENCES)]

    def customer(self) -> str:
        draw = self._draw
        luck = draw()
        if luck < 0.2:
            return SHORT_CUSTOMER[int(draw() * len(SHORT_CUSTOMER))]
        sentence = self._customer[int(draw() * SENTENCES)]
        if luck < 0.6:
            return f"{GREETINGS[int(draw() * len(GREETINGS))]}, {sentence}"
        return sentence if luck < 0.85 else f"{sentence} {self._customer[int(draw() * SENTENCES)]}"

    def business(self) -> str:
        draw = self._draw
        luck = draw()
        if luck < 0.15:
            return SHORT_BUSINESS[int(draw() * len(SHORT_BUSINESS))]
        sentence = self._business[int(draw() * SENTENCES)]
        return sentence if luck < 0.7 else f"{sentence} {self._business[int(draw() * SENTENCES)]}"


def _sentence(random: Random, templates: Sequence[str]) -> str:
    words = {slot: random.choice(choices) for slot, choices in SLOTS.items()}
    number = random.randint(2, 99)
    code = f"{random.choice('ABCDEFGH')}{random.choice('KLMNPQRT')}-{random.randint(1000, 99999)}"
    template = random.choice(templates)
    return template.format(**words, place=random.choice(PLACES), number=number, code=code, price=random.randint(12, 2400))


def objects(random: Random) -> dict[str, list[ContentAndObject]]:
    """Returns `OBJECTS` contents and API objects for each key of `MAKERS`."""
    return {name: [_with_content(kind, make(random)) for _ in range(OBJECTS)] for name, (kind, make) in MAKERS.items()}


def _with_content(kind: str, payload: dict[str, Any]) -> ContentAndObject:
    return content_of(kind, payload), json.dumps(payload, ensure_ascii=False)[1:-1]


def _media(random: Random, mime_type: str, **more: Any) -> dict[str, Any]:
    number = str(random.randrange(10**15, 10**16))
    url = f"https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid={number}&source=webhook"
    digest = "".join(random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", k=43))
    return more | {"mime_type": mime_type, "sha256": f"{digest}=", "id": number, "url": url}


def _image(random: Random) -> dict[str, Any]:
    caption = {"caption": _sentence(random, CUSTOMER_SAYS)} if random.random() < 0.4 else {}
    return {"image": _media(random, "image/jpeg", **caption)}


def _audio(random: Random) -> dict[str, Any]:
    return {"audio": _media(random, "audio/ogg; codecs=opus") | {"voice": True}}


def _document(random: Random) -> dict[str, Any]:
    what = random.choice(SLOTS["document"])
    name = f"{what.capitalize()} nº {random.randint(1, 9999)}.pdf"
    return {"document": _media(random, "application/pdf", filename=name)}


def _location(random: Random) -> dict[str, Any]:
    latitude, longitude = round(random.uniform(-30, -3), 6), round(random.uniform(-55, -35), 6)
    named = {"name": random.choice(PLACES), "address": f"Rua {random.choice(LAST_NAMES)}, {random.randint(1, 3000)}"}
    return {"location": {"latitude": latitude, "longitude": longitude} | (named if random.random() < 0.5 else {})}


def _contacts(random: Random) -> dict[str, Any]:
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    local = random.randint(70_000_000, 99_999_999)
    phone = {"phone": f"+55 61 9{local // 10_000}-{local % 10_000:04}", "wa_id": f"5561{local}", "type": "CELL"}
    name = {"first_name": first, "last_name": last, "formatted_name": f"{first} {last}"}
    return {"contacts": [{"name": name, "phones": [phone], "origin": "other"}]}


def _buttons(random: Random) -> dict[str, Any]:
    sectors = random.sample(SLOTS["sector"], 3)
    buttons = [{"type": "reply", "reply": {"id": f"setor:{sector}", "title": sector.capitalize()}} for sector in sectors]
    return {"interactive": {"type": "button", "body": {"text": "Com qual setor você quer falar?"}, "action": {"buttons": buttons}}}


def _button_reply(random: Random) -> dict[str, Any]:
    sector = random.choice(SLOTS["sector"])
    return {"interactive": {"type": "button_reply", "button_reply": {"id": f"setor:{sector}", "title": sector.capitalize()}}}


def _order(random: Random) -> dict[str, Any]:
    items = [
        {
            "product_retailer_id": f"sku-{random.randint(100, 9999)}",
            "quantity": random.randint(1, 5),
            "item_price": random.randint(500, 40_000) / 100,
            "currency": "BRL",
        }
        for _ in range(random.randint(1, 3))
    ]
    return {"order": {"catalog_id": "778120045519936", "text": _sentence(random, CUSTOMER_SAYS), "product_items": items}}


def _template(random: Random) -> dict[str, Any]:
    name, code = random.choice(FIRST_NAMES), f"{random.randint(1000, 99999)}"
    parameters = [{"type": "text", "text": name}, {"type": "text", "text": code}]
    components = [{"type": "body", "parameters": parameters}]
    body = {"type": "BODY", "text": "Olá {{1}}, há novidades do seu pedido {{2}}. Responda por aqui se precisar de ajuda."}
    template = {"name": "novidades_do_pedido", "language": {"code": "pt_BR"}, "components": components}
    return {"template": template, "definition": {"components": [body]}}


MAKERS: dict[str, tuple[str, Callable[[Random], dict[str, Any]]]] = {
    "image": ("image", _image),
    "audio": ("audio", _audio),
    "document": ("document", _document),
    "location": ("location", _location),
    "contacts": ("contacts", _contacts),
    "buttons": ("interactive", _buttons),
    "interactive": ("interactive", _button_reply),
    "order": ("order", _order),
    "template": ("template", _template),
}
