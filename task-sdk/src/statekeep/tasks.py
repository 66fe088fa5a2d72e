"""`@statekeep.task`: a Python function that can be run as a durable task, from Python."""

from __future__ import annotations

import json
import os
import sys
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, NoReturn, ParamSpec, TypeVar

from ._shared.state.errors import InvalidRequestError, InvalidValueError, StatekeepError, error_from
from ._shared.state.values import encode
from .asset import Asset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .supervisor.job import Job

P = ParamSpec("P")
R = TypeVar("R")


class TaskOutcome(NamedTuple):
    """How a run ended. ``status`` is ``succeeded``, ``already_succeeded`` (nothing was run) or ``failed``, or
    the code of the error that ended it; ``exit_status`` is what ``statekeep run`` exited with.

    ``try_number`` is the last try's; None when none was started.
    """

    status: str
    exit_status: int
    try_number: int | None


class TaskFailedError(StatekeepError):
    """The task ran and failed. Facts: ``task``, ``problem``; the whole is in ``outcome``.

    What it staged is dropped, its own state is kept, and running it again starts its next try.
    """

    code = "task_failed"
    template = "{task} failed: {problem}"

    def __init__(self, outcome: TaskOutcome, **facts: str) -> None:
        super().__init__(**facts)
        self.outcome = outcome

    def __reduce__(self) -> tuple[object, ...]:
        return _task_failed, (self.outcome, self.facts)


def _task_failed(outcome: TaskOutcome, facts: dict[str, str]) -> TaskFailedError:
    return TaskFailedError(outcome, **facts)


class Task(Generic[P, R]):
    """A function that can be run as a durable task. Calling it calls the function, and nothing else."""

    __name__: str
    __wrapped__: Callable[P, R]

    def __init__(
        self,
        function: Callable[P, R],
        *,
        dag: str,
        task: str,
        inlets: Iterable[Asset | str],
        outlets: Iterable[Asset | str],
        retries: int,
        retry_delay_seconds: float,
    ) -> None:
        self._function = function
        self._dag_id = dag
        self._task_id = task
        self._inlets = tuple(map(Asset.of, inlets))
        self._outlets = tuple(map(Asset.of, outlets))
        self._retries = retries
        self._retry_delay_seconds = retry_delay_seconds
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._function(*args, **kwargs)

    def run(
        self,
        run_id: str,
        *args: Any,
        map_index: int = -1,
        wait_seconds: float = 0.0,
        rerun: bool = False,
        fresh: bool = False,
        new_asset: bool = False,
        **kwargs: Any,
    ) -> TaskOutcome:
        """Run the function as the task of this run, in a new interpreter, and wait for its end.

        ``args`` and ``kwargs`` are the function's. They must be JSON values (a ``datetime`` would arrive as a
        ``str``, and is refused), and are handed over in a file without a name, so that they show neither in
        the environment nor in a list of processes. What the function returns is dropped: keep what matters
        in its state. The output is this process's own.

        Raises :class:`TaskFailedError` when the task ran and failed, ``TryRunningError`` while another try
        of it runs, any other error that kept it from starting, and ``InvalidRequestError`` for a function
        that a new interpreter cannot find (a lambda, one inside another function, one typed at a prompt)
        and for bad numbers of retries or seconds, ``InvalidValueError`` for an argument that is no JSON.
        """
        job = self._job(run_id, map_index)._replace(
            wait_seconds=wait_seconds, rerun=rerun, fresh=fresh, new_asset=new_asset
        )
        return self._result(
            run_id, map_index, _supervise(job, importable_target(self._function), args, kwargs)
        )

    def _job(self, run_id: str, map_index: int) -> Job:
        """Return the job without its command, which the supervisor's process makes of the target."""
        # Not at the top: the task's process imports this module, too, and runs nothing.
        from ._shared.state.messages import AssetAddress, TaskAddress
        from ._shared.state.rules import check_task
        from .supervisor.job import Job

        check_task(self._dag_id, run_id, self._task_id, map_index)
        return Job(
            task=TaskAddress(self._dag_id, run_id, self._task_id, map_index),
            command=(),
            inlets=tuple(AssetAddress(*asset) for asset in self._inlets),
            outlets=tuple(AssetAddress(*asset) for asset in self._outlets),
            retries=self._retries,
            retry_delay_seconds=self._retry_delay_seconds,
        )

    def _result(self, run_id: str, map_index: int, report: dict[str, Any]) -> TaskOutcome:
        outcome = TaskOutcome(report["status"], report["exit_status"], report["try_number"])
        if outcome.exit_status == 0:
            return outcome
        refusal = report.get("refusal")
        if refusal is not None and outcome.try_number is None:
            raise error_from(refusal["code"], refusal["facts"])
        index = "" if map_index == -1 else f"[{map_index}]"
        name = f"{self._dag_id}/{run_id}/{self._task_id}{index}"
        raise TaskFailedError(outcome, task=name, problem=_problem(outcome, report))


def _problem(outcome: TaskOutcome, report: dict[str, Any]) -> str:
    if report.get("refusal") is not None:
        return str(error_from(report["refusal"]["code"], report["refusal"]["facts"]))
    if "problem" in report:
        return str(report["problem"])
    return f"try {outcome.try_number} ended with exit status {outcome.exit_status}; its output says why"


def task(
    *,
    dag: str,
    task: str | None = None,
    inlets: Iterable[Asset | str] = (),
    outlets: Iterable[Asset | str] = (),
    retries: int = 0,
    retry_delay_seconds: float = 0.0,
) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a task of the pipeline ``dag``, named ``task`` (by default as the function).

    The function is called as before; ``function.run(run_id, ...)`` runs it as a durable task. Assets are
    given as :class:`Asset`, name or uri.
    """

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        return Task(
            function,
            dag=dag,
            task=task or function.__name__,
            inlets=inlets,
            outlets=outlets,
            retries=retries,
            retry_delay_seconds=retry_delay_seconds,
        )

    return decorate


def importable_target(function: Callable[..., Any]) -> str:
    """Return how a new interpreter finds the function: ``module:function`` or ``/path/file.py:function``.

    Raises ``InvalidRequestError`` when it cannot.
    """
    name, module = function.__qualname__, function.__module__
    if "<" in name:  # <lambda>, outer.<locals>.inner
        raise _not_importable(name, "is a lambda or stands inside another function", "move it to its module")
    if module != "__main__":
        return f"{module}:{name}"
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:  # python -m package.module
        return f"{spec.name}:{name}"
    file = getattr(main, "__file__", None)
    if file is None or not os.path.isfile(file):  # noqa: PTH113 -- pathlib is for people's paths
        raise _not_importable(
            name, "was typed in, so that no other process can import it", "put it in a file, or use open_task"
        )
    return f"{os.path.abspath(file)}:{name}"  # noqa: PTH100 -- as above


def _supervise(job: Job, target: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
    """Supervise the job in a process of its own, and return what that reports in the end."""
    import subprocess  # these are not for the task's own process, which imports this module, too
    import tempfile

    from .supervisor.job import check

    check(job)
    call = {"path": sys.path, "arguments": arguments, "keywords": keywords}
    text = _encoded({"job": job._asdict(), "target": target, **call})
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as file, os.fdopen(reading, "rb") as report:
        file.write(text)
        file.flush()
        command = [sys.executable, "-m", "statekeep.run_task", str(file.fileno()), str(writing)]
        try:
            process = subprocess.Popen(command, pass_fds=(file.fileno(), writing))
        finally:
            os.close(writing)
        with process:
            reported = report.read()
    if not reported:  # it was killed
        problem = f"its supervisor ended with status {process.returncode}"
        return {"status": "failed", "exit_status": 70, "try_number": None, "problem": problem}
    found: dict[str, Any] = json.loads(reported)
    return found


def _encoded(document: dict[str, Any]) -> bytes:
    # Apart from each other: a keyword may have any name.
    encode(
        {"arguments": list(document["arguments"]), "keywords": document["keywords"]},
        what="the task's arguments",
    )
    return json.dumps(document, default=_refuse).encode()


def _refuse(argument: object) -> NoReturn:
    raise InvalidValueError(
        what="the task's arguments",
        problem=f"hold a {type(argument).__name__}, which would not arrive as one",
        remedy="give its JSON form, and convert it in the function",
    )


def _not_importable(name: str, problem: str, remedy: str) -> InvalidRequestError:
    return InvalidRequestError(what=f"the function {name}", problem=problem, remedy=remedy)
