"""
The tests of txZMQ: Twisted's TestCase, run by pytest.
"""
