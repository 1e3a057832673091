"""Questions with which an AI is proven before it is published, and their runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bots.ai_pages.proof_checks import fault_text, faults_of
from bots.models import AiProof, AiProofAnswer, Bot
from bots.publishing.services import lock_bot
from bots.remote.exchanges import Problem
from jobs.models import State
from jobs.transactions import in_transaction
from jobs.wakeups import wake_after_commit

MAX_PROOFS = 50
"""Of one AI."""


class RunUnderWay(Exception):
    """Questions of the AI are being answered. They can be changed and asked again when the run has ended."""


class TooManyProofs(Exception):
    """The AI has `MAX_PROOFS` questions already."""


@dataclass(frozen=True)
class ProofResult:
    """The last answer to a question. `is_current` says that the settings have not changed since."""

    row: AiProofAnswer
    is_current: bool

    @property
    def is_under_way(self) -> bool:
        return self.row.state == State.DUE

    @property
    def is_passed(self) -> bool:
        return self.row.state == State.DONE and not self.row.problem and not self.row.faults

    @property
    def fault_texts(self) -> list[str]:
        """What is wrong with the answer, in words."""
        return [fault_text(code, text) for code, text in self.row.faults]

    @property
    def problem_text(self) -> str:
        """Why there is no answer. Empty if there is one."""
        problem = self.row.problem
        return str(Problem(problem).label) if problem in Problem else problem

    @property
    def tokens(self) -> int:
        return self.row.input_tokens + self.row.output_tokens


@dataclass(frozen=True)
class ProofLine:
    """A question with the last answers of the draft and of the published version."""

    proof: AiProof
    draft: ProofResult | None = None
    published: ProofResult | None = None


@dataclass(frozen=True)
class ProofSummary:
    """How the draft did in the proofs. `passed` and `failed` count current answers, `outdated` all other questions."""

    lines: Sequence[ProofLine] = field(default=())
    passed: int = 0
    failed: int = 0
    outdated: int = 0
    under_way: int = 0
    """Answers that are missing, of both versions."""
    asked: int = 0
    """Answers of the run, of both versions."""

    @property
    def needs_look(self) -> bool:
        """Whether the draft failed, or was not proven since it was changed."""
        return bool(self.failed or self.outdated)

    @property
    def done(self) -> int:
        return self.asked - self.under_way


def summarize_proofs(bot: Bot) -> ProofSummary:
    """Returns all questions of the AI with their last answers, and how the draft did. Two queries."""
    lines = _lines(bot, AiProof.objects.filter(bot=bot, is_kept=True).order_by("pk"))
    current = [line.draft for line in lines if line.draft and line.draft.is_current and not line.draft.is_under_way]
    answers = [each for line in lines for each in (line.draft, line.published) if each]
    passed = sum(each.is_passed for each in current)
    return ProofSummary(
        lines=lines,
        passed=passed,
        failed=len(current) - passed,
        outdated=len(lines) - len(current),
        under_way=sum(each.is_under_way for each in answers),
        asked=len(answers),
    )


def latest_question(bot: Bot) -> ProofLine | None:
    """Returns the single question that was asked last."""
    return next(iter(_lines(bot, AiProof.objects.filter(bot=bot, is_kept=False).order_by("-pk")[:1])), None)


def _lines(bot: Bot, proofs: Any) -> list[ProofLine]:
    found = list(proofs.prefetch_related("answers"))
    return [
        ProofLine(
            proof,
            **{
                "draft" if row.is_draft else "published": ProofResult(row, row.document == _document(bot, is_draft=row.is_draft))
                for row in proof.answers.all()
            },
        )
        for proof in found
    ]


def _document(bot: Bot, *, is_draft: bool) -> Mapping[str, Any] | None:
    if is_draft:
        return bot.draft  # type: ignore[no-any-return]
    return bot.published.document if bot.published else None


@in_transaction
def save_proof(*, bot: Bot, proof: AiProof | None, columns: Mapping[str, Any]) -> AiProof:
    """Adds a question, or changes one. Its answers are checked again, or removed if the question is another one. Raises
    TooManyProofs, RunUnderWay, and AiProof.DoesNotExist if the question was deleted."""
    locked = lock_bot(bot)
    if proof is None:
        if AiProof.objects.filter(bot=locked, is_kept=True).count() >= MAX_PROOFS:
            raise TooManyProofs
        return AiProof.objects.create(bot=locked, **columns)
    stored = AiProof.objects.get(pk=proof.pk, bot=locked)
    _require_no_run(stored.answers)
    is_asked_again = stored.question != columns["question"]
    for name, value in columns.items():
        setattr(stored, name, value)
    stored.save()
    if is_asked_again:
        stored.answers.all().delete()
    for row in stored.answers.filter(problem=""):
        row.faults = faults_of(stored, row.messages, hands_over=row.hands_over)
        row.save(update_fields=["faults"])
    return stored


@in_transaction
def delete_proof(*, bot: Bot, proof: AiProof) -> None:
    """Deletes a question and its answers. Raises RunUnderWay."""
    lock_bot(bot)
    _require_no_run(proof.answers)
    proof.delete()


@in_transaction
def start_run(*, bot: Bot, now: datetime) -> int:
    """Queues all questions for the draft, and for the published version where it is another one. Returns how many answers are
    queued. Raises RunUnderWay."""
    locked = lock_bot(bot)
    proofs = list(AiProof.objects.filter(bot=locked, is_kept=True))
    _require_no_run(AiProofAnswer.objects.filter(proof__in=proofs))
    AiProofAnswer.objects.filter(proof__in=proofs).delete()
    return _queue(locked, proofs, now)


@in_transaction
def ask_question(*, bot: Bot, question: str, now: datetime) -> AiProof:
    """Queues one question, which replaces the one before. Raises RunUnderWay while that one is being answered."""
    locked = lock_bot(bot)
    before = AiProof.objects.filter(bot=locked, is_kept=False)
    _require_no_run(AiProofAnswer.objects.filter(proof__in=before))
    before.delete()
    proof = AiProof.objects.create(bot=locked, question=question, is_kept=False)
    _queue(locked, [proof], now)
    return proof


def _require_no_run(answers: Any) -> None:
    """Raises RunUnderWay if the model is being asked. Deleting the row would lose the tokens that are reserved and used for it."""
    if answers.filter(state=State.DUE).exists():
        raise RunUnderWay


def _queue(bot: Bot, proofs: Sequence[AiProof], now: datetime) -> int:
    documents = [(True, bot.draft)]
    if bot.published and bot.published.document != bot.draft:
        documents.append((False, bot.published.document))
    rows = [
        AiProofAnswer(proof=proof, bot=bot, is_draft=is_draft, document=document, create_in=now)
        for proof in proofs
        for is_draft, document in documents
    ]
    AiProofAnswer.objects.bulk_create(rows)
    wake_after_commit(AiProofAnswer)
    return len(rows)
