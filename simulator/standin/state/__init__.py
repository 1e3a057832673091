"""What the stand-in knows, in memory and in a journal.

Modules and what other packages use of them:

    world              numbers, accounts, customers, messages, files, templates and example bots: Account, Content, Customer,
                       ExampleBot, File, Message, Number, Template, World
    journal            stores their changes in a directory: Journal
    identifiers        makes ids in the form of Meta's: account_id, digits_of, new_id, new_user_id, new_wamid
    sample_customers   customers of a new number: missing_samples
"""
