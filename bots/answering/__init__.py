"""Computes the answers of automatic messages and bots, and queues them: the lanes of the worker.

    load      locks the conversations of a lease, and reads what their answers depend on (`conversations`)
    decide    computes the answer of each, without a database (`decisions`)
    store     writes all answers in few statements, in the same transaction (`answers`)

Modules and what other packages use of them:

    turns         the lane of customers' messages: LANE
    timers        the lane of reminders and time-outs of flows: LANE
    web_calls     the lane of web calls of flows: LANE
    conversations, decisions, answers   shared by the lanes
"""
