"""The state of the process after a command."""

from __future__ import annotations

import os
import signal
import warnings

import pytest

from barcodeembed.bundles.signals import signals_held
from barcodeembed.cli import main
from barcodeembed.cli.boundary import boundary
from barcodeembed.cli.console import console
from barcodeembed.errors import InputError, InputWarning


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code or 0


@pytest.fixture
def handler():
    """Install a signal handler, as a program that calls barcodeembed can."""

    def mine(signum, frame): ...

    before = signal.signal(signal.SIGTERM, mine)
    yield mine
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def not_nohup():
    """Let SIGHUP end the process, also if the tests were started with nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def test_the_signal_handler_is_restored(handler, model_bundle, tmp_path, capsys):
    shown = warnings.showwarning
    for arguments, code in (
        (["info", str(model_bundle)], 0),
        (["info", str(tmp_path / "absent")], 1),
        (["info", str(model_bundle), "--no-such-option"], 2),
        (["info", str(model_bundle)], 0),
    ):
        assert run(*arguments) == code
        assert signal.getsignal(signal.SIGTERM) is handler
        assert warnings.showwarning is shown


@pytest.mark.parametrize(
    "number, code, word",
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "hung up")],
)
def test_a_signal_ends_a_command_with_its_code(number, code, word, handler, not_nohup, capsys):
    with pytest.raises(SystemExit) as ended, boundary():
        os.kill(os.getpid(), number)
        signal.pause()
    assert ended.value.code == code
    assert capsys.readouterr().err == f"barcodeembed: error: {word}\n"
    assert signal.getsignal(signal.SIGTERM) is handler
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL


def test_a_command_of_nohup_is_not_hung_up():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with boundary(), signals_held():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_deleted_working_directory_is_named(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "deleted"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert run("index", "build", "reads.fa", "-o", "new.bix") == 1
    assert capsys.readouterr().err.endswith("the working directory: No such file or directory\n")


def test_an_unexpected_error_is_not_caught_but_the_handler_is_restored(handler):
    with pytest.raises(ZeroDivisionError), boundary():
        1 / 0  # noqa: B018
    assert signal.getsignal(signal.SIGTERM) is handler


def test_a_second_command_does_not_inherit_options_or_warnings(capsys):
    for _ in range(2):
        with boundary():
            warnings.warn(InputWarning("reads.fa: odd"), stacklevel=1)
            assert not console.quiet
            console.quiet = True
        assert capsys.readouterr().err == "barcodeembed: warning: reads.fa: odd\n"


def test_debug_shows_the_traceback():
    with pytest.raises(InputError), boundary():
        console.debug = True
        raise InputError("reads.fa: odd")
