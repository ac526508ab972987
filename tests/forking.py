"""
A program that forks while it has connections of every kind: ``python -m
tests.forking before CHILD`` and so on; ``test_fork.py`` runs it.

The parent goes on exchanging messages over all of them while the child does what
the scenario says, and after it.  What both find is printed.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Callable

from twisted.application.reactors import installReactor
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.threads import deferToThread

from txzmq import (
    ZmqClosedError,
    ZmqEndpoint,
    ZmqFactory,
    ZmqForkedError,
    ZmqREQConnection,
)

from .everything import ROUNDS, Echo, Program, allowed, now, say, uses

#: Seconds that a child runs the reactor for.
A_WHILE = 0.5


def fork() -> int:
    """
    Fork.  Newer Pythons warn since libzmq has threads; that is the point.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def own(address: str) -> str:
    """
    Ask the parent something, with a factory of one's own.
    """
    reactor = SelectReactor()
    factory = ZmqFactory(reactor)
    req = ZmqREQConnection(factory, ZmqEndpoint("connect", address))
    replies: list[Any] = []
    req.sendMsg(b"question").addBoth(replies.append)
    while not replies:
        reactor.iterate(0.01)
    factory.shutdown()
    return str(replies[0])


# What a child does.


def exits(program: Program) -> None:
    os._exit(0)


def returns(program: Program) -> None:
    """
    The interpreter ends as always, with all that is called then.
    """


def failing(program: Program) -> None:
    raise SystemExit(3)


def collects(program: Program) -> None:
    vars(program).clear()
    gc.collect()


def using(program: Program) -> None:
    wrong = allowed(uses(program), ZmqForkedError, "make a new ZmqFactory")
    say(f"child: allowed: {wrong}")


def closes(program: Program) -> None:
    program.connections[0].shutdown()
    program.transports[0].abortConnection()
    program.transports[1].loseConnection()
    program.factory.shutdown()
    program.factory.shutdown()
    try:
        program.connections[1].send(b"x")
    except ZmqClosedError:
        say("child: closed")


def closesLater(program: Program) -> None:
    now(program.factory.close())
    say("child: closed")


def asks(program: Program) -> None:
    say(f"child: {own(program.rep.boundAddresses[0])}")


def runs(program: Program) -> None:
    """
    What was inherited ends, once, and leaves the reactor.
    """
    lost = Counter[str]()
    for connection in program.connections:
        connection.connectionLost = lambda reason: lost.update([type(reason.value).__name__])
    program.reactor.callLater(A_WHILE, program.reactor.stop)
    program.reactor.run()
    lost.update(type(protocol.lost).__name__ for protocol in program.protocols)
    say(f"child: lost {dict(lost)}")


async def goesOn(program: Program) -> None:
    """
    The child comes out of the callback, into the reactor that runs.
    """
    await program.turn(A_WHILE)
    lost = Counter(type(protocol.lost).__name__ for protocol in program.protocols)
    closed = all(connection.factory is None for connection in program.connections)
    say(f"child: lost {dict(lost)}, closed: {closed}")


async def ensured(result: Any) -> None:
    if result is not None:
        await result


async def untilEnd(program: Program, child: int) -> None:
    """
    Go on while the child lives, then a little more; then close.
    """
    status = None
    while status is None or program.count < ROUNDS:
        await program.exchange()
        if status is None:
            pid, code = os.waitpid(child, os.WNOHANG)
            status = code if pid else None
    await program.exchange()
    end(program, status)


def end(program: Program, status: object) -> None:
    say(f"child: ended with {status}")
    say(f"parent: {program.end()}")


def before(child: Callable[[Program], Any]) -> None:
    """
    Fork before the reactor runs.
    """
    from twisted.internet import reactor

    program = Program(reactor)
    pid = fork()
    if pid == 0:
        child(program)
        return
    program.run(untilEnd(program, pid))


def during(child: Callable[[Program], Any]) -> None:
    """
    Fork in a callback, when messages have gone through everything.
    """
    from twisted.internet import reactor

    program = Program(reactor)

    async def main() -> None:
        await program.goOn()
        pid = fork()
        if pid == 0:
            await ensured(child(program))
            os._exit(0)
        await untilEnd(program, pid)

    program.run(main())


def ask(address: str) -> None:
    say(f"child: {own(address)}")


def processes(method: str) -> None:
    """
    A process of multiprocessing, while everything is in use.
    """
    from twisted.internet import reactor

    program = Program(reactor)

    async def main() -> None:
        await program.exchange()
        address = program.rep.boundAddresses[0]
        process = multiprocessing.get_context(method).Process(target=ask, args=(address,))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        while process.is_alive():
            await program.exchange()
        end(program, process.exitcode)

    program.run(main())


def pool(method: str) -> None:
    """
    A pool of processes, whose results are waited for in threads.
    """
    from twisted.internet import reactor

    program = Program(reactor)

    async def main() -> None:
        await program.exchange()
        address = program.rep.boundAddresses[0]
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as executor:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                futures = [executor.submit(own, address) for _ in range(4)]
            for future in futures:
                waiting = deferToThread(future.result)
                while not waiting.called:
                    await program.exchange()
                say(f"child: {await waiting}")
        end(program, 0)

    program.run(main())


def daemon(address: str) -> None:
    """
    Detach with a factory that was made before, and serve until told to stop.
    """
    from twisted.internet import reactor

    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    if fork():
        os._exit(0)
    os.setsid()
    if fork():
        os._exit(0)
    # For the last reply.
    factory.lingerPeriod = 10_000
    rep = Echo(factory, ZmqEndpoint("bind", address))
    rep.stop = lambda: reactor.callLater(0, reactor.stop)  # type: ignore[attr-defined]
    reactor.run()  # type: ignore[attr-defined]
    say("daemon: ended")


def main(what: str, argument: Any, reactor: str = "default") -> None:
    installReactor(reactor)
    act = globals()[what]
    act(globals()[argument] if what in ("before", "during") else argument)


if __name__ == "__main__":
    main(*sys.argv[1:])
