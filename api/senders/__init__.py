"""How one-time codes reach people: one interface, a sender for e-mail, one for demonstrations, one for gateways."""
