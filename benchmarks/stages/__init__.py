"""What a node's processor time per payment goes into, stage by stage."""
