"""CSV files: imports with a preview, and exports.

Modules and what other packages use of them:

    encodings      the encoding of a file: examples
    columns        names of columns in three languages
    tables         the rows of a file and its columns: Layout, Refused, guess_layout, samples
    rows           the contact in a row
    imports        previews an import and stores it
    import_queue   imports as rows of the worker's lane: Step, content_of, layout_of
    forms          forms of an import: ImportForm, ColumnsForm
    exports        files for download
"""
