"""Files of messages: downloads from Meta, files that staff submits, thumbnails, voice notes, and serving them.

Modules and what other packages use of them:

    download_queue    queues the files of received messages: queue_downloads
    downloads         the worker lane `LANE` that downloads them
    submitted_files   files that staff submits: SubmittedFile, attach_file, read_submitted_file,
                      save_submitted_file, sha256_of
    attachments       the file of a message that is sent: SharedFile, StoredFile, StoredFileUnreadable, attach_again,
                      with_media_id
    message_files     which files messages have: FileKey, all_files_of, files_of, key_of
    file_storage      storage of files: StorageFailed, delete_files, delete_folder, delete_stored_files, save_file,
                      storage_error_text, storage_errors
    file_types        the type of a file by its first bytes
    file_names        names of files: offered_name, submitted_name
    file_display      a file as the template draws it: describe_file
    file_responses    responses with a file's content: OpenFile, file_response, open_stored_file, stored_file_response
    thumbnails, picture_limits, voice_notes, decoding_slots   pictures and sound, within limits of memory and time
"""
