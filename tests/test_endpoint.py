"""
Tests of :mod:`txzmq.endpoint`.
"""

from __future__ import annotations

import pickle

from twisted.trial.unittest import SynchronousTestCase

from txzmq import ZmqEndpoint, ZmqEndpointType


class EndpointTests(SynchronousTestCase):
    """
    Endpoints are plain tuples of plain strings.
    """

    def test_types(self) -> None:
        """
        The two types are the words that old programs write themselves.
        """
        self.assertEqual((ZmqEndpointType.bind, ZmqEndpointType.connect), ("bind", "connect"))

    def test_tuple(self) -> None:
        """
        An endpoint is equal to a tuple, and can be taken apart like one.
        """
        endpointType, address = endpoint = ZmqEndpoint("bind", "inproc://#1")
        self.assertEqual(endpoint, ("bind", "inproc://#1"))
        self.assertEqual((endpoint.type, endpoint.address), (endpointType, address))

    def test_key(self) -> None:
        """
        Equal endpoints find the same entry of a dictionary.
        """
        found = {ZmqEndpoint(ZmqEndpointType.bind, "inproc://#1"): 1}
        self.assertEqual(found[ZmqEndpoint("bind", "inproc://#1")], 1)

    def test_repr(self) -> None:
        """
        It prints as what makes it.
        """
        self.assertEqual(
            repr(ZmqEndpoint(ZmqEndpointType.connect, "inproc://#1")),
            "ZmqEndpoint(type='connect', address='inproc://#1')",
        )

    def test_keywords(self) -> None:
        """
        It can be made with keywords, and survives a pickle.
        """
        endpoint = ZmqEndpoint(address="inproc://#1", type="bind")
        self.assertEqual(pickle.loads(pickle.dumps(endpoint)), ZmqEndpoint("bind", "inproc://#1"))
