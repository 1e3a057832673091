"""Version 1 of the API: its URLs, and what each of them returns.

Packages: `contacts`, `conversations` with their messages, and `administration`. Modules: `media`, `message_templates`,
`canned_replies`, `numbers`; `urls`; `lookups`, which finds objects by their ids.

The bodies of events have the same representations: `ContactSerializer`, `with_labels`, `ConversationSerializer`,
`MessageSerializer`, `message_context`, `NumberSerializer`, `MessageTemplateSerializer`.
"""
