"""The server's log: its two forms, and what no line holds."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from statekeep_core import config
from statekeep_core.server.telemetry import logs

SECRET = "hunter2"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, whose handlers and level are put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:], root.level = handlers, level


def logged(root: logging.Logger, act: object, **options: str) -> str:
    stream = io.StringIO()
    given = {f"server.log_{name}": text for name, text in options.items()}
    logs.configure(config.load({"STATEKEEP_CONFIG": ""}, given).server, stream)
    assert callable(act)
    act(logging.getLogger("statekeep_core.server.test"))
    return stream.getvalue()


def test_a_json_line_holds_the_event_and_its_figures(root: logging.Logger) -> None:
    said = logged(
        root,
        lambda log: log.info("listening on %s", "x", extra=logs.event("ready", url="x", workers=2)),
        format="json",
    )
    line = json.loads(said)
    assert said.count("\n") == 1
    assert {"time", "pid"} <= line.keys()
    del line["time"], line["pid"]
    assert line == {
        "level": "info",
        "event": "ready",
        "message": "listening on x",
        "logger": "statekeep_core.server.test",
        "url": "x",
        "workers": 2,
    }


def test_a_text_line_is_one_line_whatever_is_in_it(root: logging.Logger) -> None:
    said = logged(root, lambda log: log.warning("a\nb", extra=logs.event("e", peer='x y"\n', n=1)))
    assert said.count("\n") == 1
    assert 'WARNING a\\nb peer="x y\\"\\n" n=1 pid=' in said


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_tells_where_and_not_what(root: logging.Logger, form: str) -> None:
    def fail(log: logging.Logger) -> None:
        try:
            try:
                int(SECRET)
            except ValueError as error:
                raise KeyError(SECRET) from error
        except KeyError:
            log.exception("a fault", extra=logs.event("fault", request_id="r"))

    said = logged(root, fail, format=form)
    assert SECRET not in said
    assert "builtins.KeyError" in said
    assert "builtins.ValueError" in said
    assert "in fail" in said


def test_what_is_below_the_level_is_not_said(root: logging.Logger) -> None:
    assert logged(root, lambda log: log.info("quiet"), level="warning") == ""


def test_a_process_without_stderr_says_nothing(
    root: logging.Logger, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure(config.load({"STATEKEEP_CONFIG": ""}, {}).server, None)
    logging.getLogger("statekeep_core.server.test").error("an error")
    logs.finish()
    assert capfd.readouterr() == ("", "")


def test_what_has_a_descriptor_is_written_to_there(root: logging.Logger, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        logs.configure(config.load({"STATEKEEP_CONFIG": ""}, {}).server, file)
        logging.getLogger("statekeep_core.server.test").error("an error")
        logs.finish()
        root.handlers[0].close()
    assert "ERROR an error pid=" in (tmp_path / "log").read_text()


def test_other_libraries_say_what_they_have_to_in_the_same_form(root: logging.Logger) -> None:
    def others(_: logging.Logger) -> None:
        logging.getLogger("uvicorn.error").info("Started server process")
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")

    [line] = logged(root, others, format="json").splitlines()
    assert json.loads(line)["message"] == "Invalid HTTP request received."


def test_who_sends_no_http_has_ten_lines_a_minute(root: logging.Logger) -> None:
    def flood(_: logging.Logger) -> None:
        for _number in range(1_000):
            logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
        logging.getLogger("uvicorn.error").error("something else")

    lines = logged(root, flood).splitlines()
    assert len(lines) == 11
    assert "something else" in lines[-1]
