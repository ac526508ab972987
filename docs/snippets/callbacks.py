from twisted.internet import defer, task, threads
from twisted.logger import LogLevel, globalLogBeginner

from txzmq import ZmqEndpoint, ZmqEndpointType, ZmqFactory, ZmqREPConnection, ZmqREQConnection


class Divider(ZmqREPConnection):
    async def gotMessage(self, messageId, dividend, divisor):
        try:
            quotient = await threads.deferToThread(self.divide, int(dividend), int(divisor))
        except ZeroDivisionError:
            self.reply(messageId, "error", "there is no such number")
        else:
            self.reply(messageId, "ok", str(quotient))

    def divide(self, dividend, divisor):
        return dividend // divisor


failures = defer.DeferredQueue()


def watchLog(event):
    if event["log_level"] is LogLevel.critical:
        failures.put(event["log_failure"].type.__name__)


async def main(reactor):
    globalLogBeginner.beginLoggingTo([watchLog], redirectStandardIO=False)
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    divider = Divider(factory, ZmqEndpoint(ZmqEndpointType.bind, "tcp://127.0.0.1:*"))
    client = ZmqREQConnection(
        factory, ZmqEndpoint(ZmqEndpointType.connect, divider.boundAddresses[0])
    )
    print(await client.sendMsg("42", "7"))
    print(await client.sendMsg("42", "0"))
    unanswered = client.sendMsg("42", "seven")
    print("logged:", await failures.get())
    print(unanswered.called)


task.react(main)
