"""How quickly bots answer: those of the hub (`flow_bots`) and those of other programs (`remote_bots`)."""
