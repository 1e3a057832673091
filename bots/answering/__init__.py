"""Computes the answers of automatic messages and bots, and queues them: the lanes of the worker.

    load      locks the conversations of a lease, and reads what their answers depend on (`conversations`)
    decide    computes the answer of each, without a database (`decisions`)
    store     writes all answers in few statements, in the same transaction (`answers`)

Modules and what other packages use of them:

    turns         the lane of customers' messages: LANE
    timers        the lane of reminders and time-outs of flows: LANE
    web_calls     the lane of web calls of flows: LANE
    remote_lane   the lane of requests to webhook bots and AIs: LANE, send
    callbacks     later answers of webhook bots: receive_callback, CallbackResult
    remote_requests, remote_results     requests to webhook bots and AIs, and what their answers lead to: end_requests
    circuits      the circuit breaker of such a bot: end_pause
    ai_limits     what an AI may still use: reserve, settle, today_of, release_lost_reservations
    ai_history    what an AI reads of a conversation: read_history
    conversations, decisions, answers   shared by the lanes
"""
