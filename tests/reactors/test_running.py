"""
The reactor that was asked for is the one that runs.
"""

from __future__ import annotations

import os

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests import reactors
from tests.support import PATIENCE, program, until


class RunningTests(TestCase):
    timeout = PATIENCE

    async def test_asked(self) -> None:
        """
        The suite runs on the reactor that it was asked to run on.
        """
        await deferLater(reactor, 0)
        if os.environ.get("TXZMQ_TEST_REACTOR"):
            await until(reactors.isRunning)
        else:
            self.assertIsNone(reactors.isRunning)

    async def test_unknown(self) -> None:
        """
        One that is not there is an error, before a test is run.
        """
        environment = {**os.environ, "TXZMQ_TEST_REACTOR": "nuclear"}
        command = ("-m", "pytest", "-p", "no:cacheprovider", __file__)
        out, err, code = await program(*command, env=environment)
        self.assertNotEqual(code, 0)
        self.assertIn(b"there is no reactor 'nuclear'", out + err)
        self.assertNotIn(b"passed", out)


#: Imports everything there is, then installs a reactor.
LATE = """
import importlib, pkgutil, sys
import txzmq
from txzmq import *
for module in pkgutil.iter_modules(txzmq.__path__, "txzmq."):
    importlib.import_module(module.name)
assert "twisted.internet.reactor" not in sys.modules
reactors = importlib.import_module("twisted.internet." + sys.argv[1])
reactors.install()
from twisted.internet import reactor
assert type(reactor).__module__ == reactors.__name__
factory = ZmqFactory()
factory.registerForShutdown()
pull = ZmqPullConnection(factory, ZmqEndpoint("bind", "tcp://127.0.0.1:*"))
push = ZmqPushConnection(factory, ZmqEndpoint("connect", pull.boundAddresses[0]))
pull.onPull = lambda message: (print(*message), reactor.stop())
push.push(b"late")
reactor.run()
"""


class InstalledLateTests(TestCase):
    timeout = PATIENCE

    async def test_reactors(self) -> None:
        """
        A reactor can be installed after everything of txzmq was imported.
        """
        for name in ("selectreactor", "asyncioreactor"):
            out, err, code = await program("-W", "error", "-c", LATE, name)
            self.assertEqual((out.split(), err, code), ([b"b'late'"], b"", 0))
