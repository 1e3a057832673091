"""Flows: what a bot says and asks, as JSON with a schema (`schema.json`, docs/bots-format.md). No models and no settings.

flow            reads a document: read_flow, Flow, InvalidFlow
problems        what is wrong with a flow, in words: Problem
"""
