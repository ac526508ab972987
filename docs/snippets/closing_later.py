from twisted.internet.task import react

from txzmq import ZmqEndpoint, ZmqFactory, ZmqPushConnection, ZmqUnsentError


class Push(ZmqPushConnection):
    immediate = True  # what nobody is there for waits in the program


async def main(reactor):
    factory = ZmqFactory(reactor)
    push = Push(factory, ZmqEndpoint("connect", "ipc:///nobody/is/there"))
    push.sendWhenReady("hello").addErrback(lambda failure: print(failure.type.__name__))
    try:
        await factory.close(deadline=0.5)
    except ZmqUnsentError as error:
        print(error.messages, "message,", error.bytes, "bytes")


react(main)
