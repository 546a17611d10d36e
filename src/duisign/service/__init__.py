"""The HTTP service `duisign serve`: the API of the DCC's tool, one with problem details, and what running it needs.

Needs the extra ``service``. `duisign.service.server.serve` runs it, `duisign.service.application.Application` is its
ASGI application.
"""
