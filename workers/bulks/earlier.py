"""What `--reuse all` makes of a submission: what an earlier job has answered is not published.

What was noted stays as it was decided; what was decided and not noted is decided alike. So a
submitter that is started again publishes the same documents.
"""

from collections.abc import Mapping, Sequence

from producers.bulk.chunk import Asked, Known
from producers.bulk.request import Request
from producers.bulk.submission import Begun
from workers.sql.bulk_texts import SqlBulkTexts


def known_to(texts: SqlBulkTexts, request: Request, begun: Begun | None) -> Known | None:
    """What is known of a piece's texts; None: the request does not ask for it.

    Args:
        texts: of all bulk jobs.
        request: what is asked.
        begun: the job, whose decisions are kept; None: nothing is to be published.
    """
    if not request.across:
        return None

    def known(number: int, asked: Sequence[Asked]) -> Mapping[int, str]:
        if begun is None:
            return texts.look(request, asked)
        if number < begun.chunks:
            return texts.decided(begun.bulk_id, asked[0].row, asked[-1].row)
        return texts.decide(begun.bulk_id, request, asked)

    return known
