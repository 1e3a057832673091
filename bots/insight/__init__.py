"""How many customers came to each step of a bot, and how they left it.

The numbers are counted while the bot works, never by reading messages.

counts      adds up the counting actions of turns: record_counts
selectors   the counts of a bot's steps and days
charts      bars of counts for a page: Chart, bar_chart
step_lines  the steps of a flow with their counts
urls        urlpatterns of the page
views       the page
"""
