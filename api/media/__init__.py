"""Files that programs upload to the hub, and send in messages.

Modules and what other packages use of them:

    uploads        stores a file and finds it again: expire_media, media_of, sendable_file, store_media
    downloads      responses with a stored file: respond_with_file
    expired_media  the chore that deletes expired files: delete_expired_media
"""
