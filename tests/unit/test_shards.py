"""Which shards came and which did not, in words."""

from __future__ import annotations

import pytest

from pixelgate.domain.keys import ShardId
from pixelgate.domain.shards import came_in_words, listed, missing_of, total_of


@pytest.mark.parametrize(
    ("shards", "words"),
    [
        ([], "no shard came; it is complete when finalize says so"),
        ([(2, 0)], "shard 2 came; it is complete when finalize says so"),
        ([(2, 2)], "shard 2 of 2 came; shard 1 did not yet"),
        ([(1, 4), (3, 4)], "shards 1, 3 of 4 came; shards 2, 4 did not yet"),
        ([(1, 2), (2, 2)], "all of the 2 shards came"),
    ],
)
def test_what_came(shards: list[tuple[int, int]], words: str) -> None:
    assert came_in_words([ShardId(*shard) for shard in shards]) == words


def test_of_many_shards_twenty_are_listed() -> None:
    assert missing_of([ShardId(1, 999)], 999) == list(range(2, 1_000))
    assert total_of([]) == 0
    assert listed(range(1, 21)).endswith("19, 20")
    assert listed(range(1, 22)).endswith("19, 20, …")
