"""CSV files: imports with a preview, and exports.

Modules and what other packages use of them:

    encodings      the encoding of a file: example_words
    columns        names of columns in three languages: Column
    tables         the rows of a file and its columns: FileRefused, Layout, guess_layout, sample_cells
    rows           the contact in a row
    consents       decisions about marketing messages in rows
    imports        previews an import and stores it
    import_queue   imports as rows of the worker's lane: Step, content_of, layout_of
    forms          forms of an import: ColumnsForm, ImportForm
    exports        files for download: contact_cells, contact_headers, csv_text, example_file, export_contacts, label_names,
                   number_names, time_cell
"""
