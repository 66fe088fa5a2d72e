"""A store client that has its answers beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from statekeep._shared.state.wire import Plain, from_plain, to_plain


class Answers:
    """A store client that gives these answers, the last one for ever."""

    def __init__(self, *answers: Any) -> None:
        self.asked: list[tuple[Any, str]] = []
        self._answers = list(answers)

    def submit(
        self, claims: Plain, request: Plain, request_id: str, *, on_reply: Callable[[Plain], None]
    ) -> None:
        self.asked.append((from_plain(request), request_id))
        on_reply(to_plain(self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]))

    def ask(self, claims: Plain, request: Plain, request_id: str) -> Plain:
        raise NotImplementedError

    def close(self) -> None:
        pass
