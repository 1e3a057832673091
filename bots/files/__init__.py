"""Files that messages of bots and automatic messages send, uploaded once and shared by their messages.

stored_files     stores and finds them: FileDetails, files_of, read_and_store, sendable_keys, store_bot_file, ACCEPTED_TYPES
unused_files     the chore that deletes those that nothing names: delete_unused_files
queued_messages  puts them into messages that are to be queued: add_files
urls             urlpatterns
"""
