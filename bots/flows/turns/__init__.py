"""What a flow does on an event: (flow, state, event) -> (actions, state).

interpreter   run: (flow, state, event) -> Turn
running_turn  one turn while it runs
events        what happens to a conversation: CustomerAnswered, Answer, TimedOut, CallEnded, AiEnded, Event, Facts, DONE
actions       what is to be done: Turn, Action, Send, SetField, AddLabels, RemoveLabels, RecordConsent, Call, AskAi,
              HandOver, Reason, AiReason, End, and the counts Count, Came, WentOn, Left, HandedOver, FellThrough
state         the state between two turns: read_state, read_time
"""
