"""What is wrong with a flow beyond its structure, and how many messages it sends.

flow_checks      check_flow: all problems of a flow
step_checks      problems of one step
branch_checks    problems of conditions
url_checks       problems of URLs: url_problem
graph            the paths of a flow: Graph
billed_messages  most_billed_messages, BilledMessages, Segment, PathEnd
"""
