"""Messages that assistants propose, and that a person sends or discards in the inbox.

Modules and what other packages use of them:

    services   proposes, sends and discards: AlreadyDecided, TooManyProposals, discard_proposal, open_proposals, propose_message,
               send_proposal
"""
