"""Which sentences a summary is made of, given the belief in each.

The best first, as long as they fit; a sentence is passed over that would repeat three units in a
row (trigram blocking, Paulus et al. 2018; Liu & Lapata 2019). The chosen stand in the order of the
document. Pure.
"""

from collections.abc import Sequence


def choose(
    beliefs: Sequence[float], units: Sequence[Sequence[str]], sentences: int, longest: int
) -> list[int]:
    """Return the numbers of the chosen sentences, ascending; at least one where there is one.

    Args:
        beliefs: the belief in each sentence.
        units: the units of each sentence.
        sentences: most sentences.
        longest: most units of all chosen together; the best sentence is chosen in any case.
    """
    chosen: list[int] = []
    told: set[tuple[str, ...]] = set()
    room = longest
    for number in sorted(range(len(beliefs)), key=lambda at: -beliefs[at]):
        if len(chosen) == sentences:
            break
        size, said = len(units[number]), _trigrams(units[number])
        if chosen and (size > room or said & told):
            continue
        chosen.append(number)
        told |= said
        room -= size
    return sorted(chosen)


def _trigrams(units: Sequence[str]) -> set[tuple[str, ...]]:
    low = [unit.lower() for unit in units]
    return set(zip(low, low[1:], low[2:], strict=False))
