"""Which rows go through a model together, so that little time goes into padding or into reading weights anew."""

from collections.abc import Sequence

MOST = 1024  # tokens of a batch: more are no faster, and take more memory
ANEW = 40  # tokens that a processor reads in the time that one more batch costs: all weights have to come from memory


def cut(lengths: Sequence[int], most: int = MOST, anew: int = ANEW) -> list[list[int]]:
    """The rows of each batch, by their numbers, longest first: batches with padding cost as little as they can.

    Rows of one length are never parted but for `most`; two lengths meet where padding costs less than a batch does.

    Example:
        >>> cut([5, 90, 5, 6, 88, 200])
        [[5], [1, 4], [3, 0, 2]]
    """
    alike: dict[int, list[int]] = {}
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        alike.setdefault(lengths[row], []).append(row)
    groups = list(alike.items())  # longest first
    best, cuts = [0.0], [0]  # of the groups before: the least cost, and where their last batch begins
    for end in range(1, len(groups) + 1):
        rows, tokens, least, where = 0, 0, float("inf"), end - 1
        for start in range(end - 1, -1, -1):
            longest, own = groups[start]
            rows, tokens = rows + len(own), tokens + longest * len(own)
            if longest * rows - tokens > anew * (end - start):
                break  # each length by itself costs less
            if best[start] + longest * rows + anew < least:
                least, where = best[start] + longest * rows + anew, start
        best.append(least)
        cuts.append(where)
    batches: list[list[int]] = []
    end = len(groups)
    while end:
        start = cuts[end]
        together = [row for _, own in groups[start:end] for row in own]
        share = max(1, most // max(1, groups[start][0]))
        batches += reversed([together[at : at + share] for at in range(0, len(together), share)])
        end = start
    return batches[::-1]
