"""InteractionExampleGen: tables of interactions into Examples."""
