"""What a server's answer, or its silence, means for the statement."""

import socket
import threading

import pymysql
import pytest

from flyball.client.connection import LostError, NotDoneError, _PyMySQLConnection, _refusal, _Wire
from flyball.client.situation import Address
from flyball.errors import Code, MemberError

ADDRESS = Address("one", "127.0.0.1", 15001, "one.commerce")


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (pymysql.OperationalError(1290, "running with the --super-read-only option"), NotDoneError),
        (pymysql.OperationalError(1290, "running with the --read-only option"), NotDoneError),
        (pymysql.OperationalError(1836, "Running in read-only mode"), NotDoneError),
        (pymysql.OperationalError(3032, "The server is currently in offline mode"), NotDoneError),
        (pymysql.OperationalError(4031, "disconnected because of inactivity"), NotDoneError),
        (pymysql.OperationalError(2006, "gone away: broken pipe"), NotDoneError),
        (pymysql.OperationalError(2013, "Lost connection during query"), LostError),
        (pymysql.OperationalError(1053, "Server shutdown in progress"), LostError),
        (pymysql.OperationalError(3169, "Session was killed"), LostError),
        (pymysql.InterfaceError(0, ""), LostError),
        (pymysql.OperationalError(1290, "running with the --secure-file-priv option"), pymysql.OperationalError),
        (pymysql.OperationalError(1213, "Deadlock found"), pymysql.OperationalError),
        (pymysql.OperationalError(1205, "Lock wait timeout exceeded"), pymysql.OperationalError),
        (pymysql.IntegrityError(1062, "Duplicate entry"), pymysql.IntegrityError),
    ],
)
def test_an_answer_means(error, meaning):
    assert type(_PyMySQLConnection(ADDRESS, None)._meaning(error)) is meaning


def test_a_login_that_is_refused_differs_from_a_member_that_lets_nobody_in():
    denied = _refusal(ADDRESS, pymysql.OperationalError(1045, "Access denied"))
    assert isinstance(denied, MemberError)
    assert denied.code is Code.MEMBER_LOGIN
    for error in (
        pymysql.OperationalError(2003, "refused"),
        pymysql.OperationalError(3032, "offline"),
        pymysql.OperationalError(1040, "Too many connections"),
        pymysql.OperationalError(2013, "lost"),
    ):
        assert isinstance(_refusal(ADDRESS, error), NotDoneError)


@pytest.fixture
def wires():
    """Two ends of a connection, ours inside PyMySQL's class."""
    ours, theirs = socket.socketpair()
    wire = _Wire(defer_connect=True)
    wire._sock, wire._rfile = ours, ours.makefile("rb")
    wire._read_timeout = wire._write_timeout = wire._current_timeout = 5
    wire.server_status = 2
    yield wire, theirs
    wire._force_close()
    theirs.close()


def test_a_server_that_hung_up_between_statements_is_noticed_before_the_next_is_sent(wires):
    wire, theirs = wires
    connection = _PyMySQLConnection(ADDRESS, wire)
    assert not connection.is_lost()
    theirs.close()
    assert connection.is_lost()


def test_a_server_that_does_not_answer_is_given_up_when_told(wires):
    wire, _ = wires
    asked = []

    def abandoned():
        asked.append(1)
        return len(asked) == 3

    with pytest.raises(LostError):
        _PyMySQLConnection(ADDRESS, wire).execute("INSERT", (), abandoned)
    assert len(asked) == 3
    assert not wire.open


def test_a_server_that_dies_over_a_statement_leaves_its_outcome_unknown(wires):
    wire, theirs = wires

    def die():
        theirs.recv(1000)
        theirs.close()

    thread = threading.Thread(target=die)
    thread.start()
    with pytest.raises(LostError):
        _PyMySQLConnection(ADDRESS, wire).execute("INSERT", (), lambda: False)
    thread.join()
