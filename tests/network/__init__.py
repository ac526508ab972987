"""
Tests over bad networks, which need root and network namespaces, and with a
thousand clients: ``tox -e network``.
"""
