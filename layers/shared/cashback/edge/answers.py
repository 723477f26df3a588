"""Answers that are kept whole and given again, for calls about many things at once."""

from collections.abc import Callable

from pydantic import BaseModel

from cashback.edge.caller import Caller, IdempotentRequest
from cashback.edge.http import Response, answer
from cashback.services.answer_once import answer_once
from cashback.services.books import Books


def answer_kept[M: BaseModel](
    books: Books, who: Caller, request: IdempotentRequest, model: type[M], make: Callable[[], tuple[M, bool]]
) -> Response[M]:
    """Return what ``make`` answers, or what it first answered to this very request.

    It says whether its answer is final. Fields that newer code adds to ``model`` need a default: kept answers lack
    them.

    :raises IdempotencyMismatch: the same key with another body.
    """

    def texts() -> tuple[str, bool]:
        made, final = make()
        return made.model_dump_json(), final

    text, replayed = answer_once(books, who.store_id, request.request_hash, request.body_hash, texts)
    return answer(model.model_validate_json(text), replayed=replayed)
