"""News that wait to be told. A contact with many sessions does not keep the others waiting."""

from collections import deque

from .cable_streams import Messages, News, messages


class Turns:
    """News of different contacts take turns, a piece of each; those of one contact are told one after the other."""

    def __init__(self) -> None:
        self._lanes: dict[object, deque[News]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def add(self, news: News) -> None:
        lane = news.contact_id or news  # sessions that are gone have no contact
        self._lanes.setdefault(lane, deque()).append(news)

    def next(self) -> Messages:
        """Return what is told in one turn, and forget the news of which nothing is left then."""
        lanes = [*self._lanes.values()]
        told: Messages = []
        for lane, (piece, rest) in zip(lanes, messages([lane.popleft() for lane in lanes]), strict=True):
            told += piece
            if rest:
                lane.appendleft(rest)
        self._lanes = {name: lane for name, lane in self._lanes.items() if lane}
        return told

    def clear(self) -> None:
        self._lanes.clear()
