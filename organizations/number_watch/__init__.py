"""Warnings about numbers: what pages and mails say, and what Meta reports once a day.

Modules and what other packages use of them:

    warnings       opens and ends warnings, and mails administrators once: FoundWarning, Key, open_warnings, store_warnings
    warning_texts  a warning in words: WarningText, describe_warning
    meta_reports   asks Meta once a day about each number and its token: ask_meta

What is found is decided in `monitoring.number_checks`.
"""
