"""What `mull doctor` finds: facts about this machine and this installation, and what follows from them."""
