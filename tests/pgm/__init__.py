"""
Tests of multicast, which need a libzmq with PGM and networks of their own:
``tox -e pgm``.
"""
