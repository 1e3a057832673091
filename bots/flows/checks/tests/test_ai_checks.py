"""Problems of steps at which a flow asks an AI."""

from typing import Any

import pytest

from bots.flows.checks.flow_checks import check_flow
from bots.flows.flow import Flow
from bots.flows.tests.sample_flows import flow, send, step, text

FREE: dict[str, Any] = {
    "type": "ai_answer",
    "ai": "sol",
    "instructions": "Responda.",
    "until": "o cliente agradecer",
    "next": "end",
}
BRANCHES = [{"name": name, "description": f"Fala de {name}", "next": "end"} for name in ("Entrega", "Preço")]
CHOICE: dict[str, Any] = {
    "type": "ai_branch",
    "ai": "sol",
    "question": "Do que se trata?",
    "branches": BRANCHES,
    "otherwise": "end",
}
REMINDER = {"minutes": 30, "message": text("Ainda aí?")}


def branches(*names: str, description: str = "Palavras") -> list[dict[str, Any]]:
    return [{"name": name, "description": description, "next": "end"} for name in names]


def problems(sample: Flow) -> list[tuple[str, str]]:
    found = check_flow(sample, is_ai=lambda key: key == "sol")
    assert all(problem.text and "%(" not in problem.text for problem in found)
    return [(problem.code, problem.field) for problem in found]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        (FREE, []),
        (FREE | {"failed": "end", "timeout": {"minutes": 60, "next": "end"}, "reminder": REMINDER}, []),
        (FREE | {"ai": "lua"}, [("unknown_ai", "ai")]),
        (FREE | {"ai": ""}, [("empty", "ai")]),
        (FREE | {"instructions": ""}, [("empty", "instructions")]),
        (FREE | {"until": ""}, [("empty", "until")]),
        (FREE | {"instructions": "O nome é {{first_name}}"}, [("no_placeholder_here", "instructions")]),
        (FREE | {"until": "{{name}} agradecer"}, [("no_placeholder_here", "until")]),
        (FREE | {"max_answers": 0}, [("too_small", "max_answers")]),
        (FREE | {"max_answers": 21}, [("too_big", "max_answers")]),
        (FREE | {"example": ["1", "2", "3", "4"]}, [("too_many", "example")]),
        (FREE | {"timeout": {"minutes": 20, "next": "end"}, "reminder": REMINDER}, [("reminder_too_late", "reminder.minutes")]),
        (FREE | {"failed": "nowhere"}, [("unknown_step", "failed")]),
        (CHOICE, []),
        (CHOICE | {"ai": "lua"}, [("unknown_ai", "ai")]),
        (CHOICE | {"question": ""}, [("empty", "question")]),
        (CHOICE | {"question": "{{name}}?"}, [("no_placeholder_here", "question")]),
        (CHOICE | {"branches": branches("Entrega")}, [("too_few", "branches")]),
        (CHOICE | {"branches": branches("Entrega", "entrega ")}, [("repeated_branch", "branches.1.name")]),
        (CHOICE | {"branches": branches("Entrega", "")}, [("empty", "branches.1.name")]),
        (CHOICE | {"branches": branches("Entrega", "Done")}, [("reserved_variable", "branches.1.name")]),
        (
            CHOICE | {"branches": branches("Entrega", "Preço", description="")},
            [("empty", "branches.0.description"), ("empty", "branches.1.description")],
        ),
        (
            CHOICE | {"branches": branches("Entrega", "Preço", description="{{name}}")},
            [("no_placeholder_here", "branches.0.description"), ("no_placeholder_here", "branches.1.description")],
        ),
        (CHOICE | {"example": "Outra"}, [("no_such_branch", "example")]),
        (CHOICE | {"example": "Preço"}, []),
    ],
)
def test_each_problem_names_its_field(fields: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert problems(flow({"id": "a"} | fields, step("end", "end"))) == found


def test_without_an_organization_no_ai_is_known() -> None:
    sample = flow({"id": "a"} | FREE, step("end", "end"))
    (problem,) = check_flow(sample)
    assert (problem.code, problem.blocks) == ("unknown_ai", True)
    assert "sol" in problem.text


def test_an_ai_that_answers_waits_for_the_customer_and_one_that_chooses_does_not() -> None:
    assert problems(flow({"id": "a"} | FREE | {"next": "a"})) == []
    assert ("silent_loop", "") in problems(flow({"id": "a"} | CHOICE | {"otherwise": "a"}, step("end", "end")))
    assert ("silent_loop", "") in problems(flow({"id": "a"} | CHOICE | {"branches": branches("x", "y")} | {"otherwise": "b"}, send(
        "b", "Oi", "a"), step("end", "end")))  # fmt: skip


def test_the_paths_of_an_ai_lead_to_steps() -> None:
    sample = flow(
        {"id": "a"} | CHOICE | {"branches": [BRANCHES[0], BRANCHES[1] | {"next": "b"}]}, send("b", "Oi", "end"), step("end", "end")
    )
    assert problems(sample) == []
    assert ("unreachable", "") in problems(flow({"id": "a"} | CHOICE, send("b", "Oi", "end"), step("end", "end")))


def test_messages_of_an_answer_and_those_that_follow_are_counted_together() -> None:
    sends = [send(f"m{index}", "Oi", f"m{index + 1}" if index < 7 else "end") for index in range(8)]
    found = problems(flow({"id": "a"} | FREE | {"next": "m0"}, *sends, step("end", "end")))
    assert found == [("too_many_messages", "")]
