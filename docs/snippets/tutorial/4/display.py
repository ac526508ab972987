"""
A display: shows what is measured at some places, or at all, until the hub
closes.

    python display.py tcp://127.0.0.1:5551 oslo bergen
"""

import sys

from twisted.internet import reactor

from txzmq import ZmqEndpoint, ZmqEndpointType, ZmqFactory, ZmqSubConnection


class Display(ZmqSubConnection):
    def gotMessage(self, message, tag):
        if tag == b"hub":
            print(message.decode(), flush=True)
            reactor.stop()
        else:
            print(f"{tag.decode()}: {message.decode()} degrees", flush=True)


address, *places = sys.argv[1:]
factory = ZmqFactory()
factory.registerForShutdown()
display = Display(factory, ZmqEndpoint(ZmqEndpointType.connect, address))
display.subscribe("hub")
for place in places or [""]:
    display.subscribe(place)
reactor.run()
