"""Files of messages: downloads from Meta, uploads, thumbnails, voice notes, and serving them.

Modules and what other packages use of them:

    download_queue   queues the files of received messages: expect_files
    downloads        the lane of the worker that downloads them
    uploads          files that staff submits: Upload, attach, read_upload
    attachments      the file of a message that is sent: StoredFile, StoredFileUnreadable, attach_again, with_media_id
    message_files    which files messages have: Key, all_files_of, files_of, key_of
    file_storage     storage of files: reason_of
    file_types       the type of a file by its first bytes
    file_names       names of files: submitted_name
    file_display     a file as the template draws it: shown
    file_responses   responses with a file's content: answer, open_stored
    thumbnails, picture_limits, voice_notes, decoding_slots   pictures and sound, within limits of memory and time
"""
