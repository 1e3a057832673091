"""Automatic messages and business hours of a number, and their settings page.

Modules and what other packages use of them:

    business_hours  when a number is open, in words too, without a database: BusinessHours, public_holidays, states_of
    calendar_words  words of days and times for customers: customers_language
"""
