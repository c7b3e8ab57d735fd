"""Tests of the HTTP API, over real sockets and with real servers behind it."""
