"""Decides which warnings about numbers are open.

traffic     counts how many messages customers wrote to each number in each hour
silence     numbers to which nothing comes, at a time at which customers usually write
no_status   numbers whose accepted messages have no status
watch       the chore, which joins them with what is known of tokens and phone apps: NumberWatch
"""
