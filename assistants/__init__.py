"""The MCP server, by which AI assistants read conversations and propose messages (docs/assistants.md). It is a client of the API.

tools       the tools of the server
hub_api     the requests to the API
"""
