"""Automatic messages and business hours of a number, and their settings page.

Modules and what other packages use of them:

    business_hours  when a number is open, in words too, without a database: BusinessHours
    calendar_words  words of days and times for customers: customers_language
    due_messages    which automatic message a turn gets, and its words: AutomaticKind, automatic_file, contact_facts, due_automatic,
                    facts_for, fill, hand_over_message, message_of, number_facts, value_of
    services        the settings of numbers: hours_of, load_automatic, save_automatic, zone_of
    switching       since when a number answers automatically: update_answers_since
    reminders       the chore that reminds customers before the window closes: mark_as_reminded, send_reminders
    forms           one form each for a message, a day, a closed day and the rules; and how words are read: read_person_words
    page_forms      all forms of the page together
    previews        what the page shows of the settings: messages as a contact reads them, and sentences
    urls            the page's URLs: urlpatterns
"""
