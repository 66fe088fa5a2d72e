"""One try from its start to its recorded end."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from .._shared.state import messages as m
from .._shared.state.errors import StatekeepError, error_from
from .._shared.state.wire import to_plain
from . import exit_status
from .finishing import Finishing
from .job import Job, Outcome, shown
from .supervised_try import Place, SupervisedTry
from .task_process import CannotExecuteError, Ended

if TYPE_CHECKING:
    from collections.abc import Callable


class TryLife:
    """A try that the store has started; ``run`` is called once.

    ``may_follow``: whether, after a failure, another try makes sense: nobody asked for the end and nobody
    else has taken over.
    """

    def __init__(
        self,
        place: Place,
        job: Job,
        started: m.Started,
        *,
        patience_seconds: float,
        stops: Callable[[], int],
    ) -> None:
        claims = to_plain(m.TryClaims(started.instance_id, started.try_number))
        self.running = SupervisedTry(place, job, started, claims)
        self.may_follow = False
        self._place = place
        self._job = job
        self.started = started
        self._try_number = started.try_number
        self._finishing = Finishing(
            place.loop,
            place.client,
            claims,
            patience_seconds=patience_seconds,
            say=place.say,
            stops=stops,
        )

    def run(self) -> Outcome:
        """Run the command, record how it went, and return that. The store knows it then, or was away."""
        try:
            ended = self.running.run()
        except CannotExecuteError as error:
            self._place.guardian.rest()
            self._place.say(str(error))
            return self._finish(m.Finish(False, error.exit_status, str(error)), error.exit_status)
        except StatekeepError as error:
            self._place.say(str(error))
            return self._finish(m.Finish(False, None, str(error)), exit_status.of_refusal(error.code))
        if self.running.lost is not None:
            lost = self.running.lost
            return self._refused(lost, exit_status.of_refusal(lost.code))
        return self._record(ended)

    def _record(self, ended: Ended) -> Outcome:
        if ended.exit_status == 0:
            return self._finish(m.Finish(True, 0), 0)
        self.may_follow = self.running.stopped_by is None and not _is_interrupted(ended)
        if ended.signal_number is None:
            reason = f"exit status {ended.exit_status}"
        else:
            reason = f"ended by signal {ended.signal_number} ({_signal_name(ended.signal_number)})"
            self._place.say(f"the command was {reason}")
        return self._finish(m.Finish(False, ended.exit_status, reason), ended.exit_status)

    def _finish(self, request: m.Finish, status: int) -> Outcome:
        self._place.on_step("finish_sent")
        reply = self._finishing.finish(request)
        if isinstance(reply, m.Refusal):
            return self._not_finished(request, reply)
        self._place.on_step("finished")
        return Outcome(reply.status, status, self._try_number)

    def _not_finished(self, request: m.Finish, refusal: m.Refusal) -> Outcome:
        if request.succeeded and exit_status.of_unfinished(refusal.code) == exit_status.CONFLICT:
            # The store has recorded the failure, so that the next try can read and decide anew.
            self.may_follow = self.running.stopped_by is None
            what = (
                f"try {self._try_number} of {shown(self._job.task)} failed when its asset writes were applied"
            )
        else:
            how = "success" if request.succeeded else "failure"
            what = f"the {how} of try {self._try_number} of {shown(self._job.task)} was not recorded"
        self._place.say(f"{what}: {error_from(refusal.code, refusal.facts)}")
        return self._refused(refusal, exit_status.of_unfinished(refusal.code))

    def _refused(self, refusal: m.Refusal, status: int) -> Outcome:
        return Outcome(refusal.code, status, self._try_number, refusal)


def _is_interrupted(ended: Ended) -> bool:
    """Return whether somebody pressed Ctrl-C; at a terminal that goes to the task, not to the supervisor."""
    return ended.exit_status == exit_status.of_signal(signal.SIGINT)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"SIG{number}"
