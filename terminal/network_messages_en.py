"""What English speakers read about the life of the network: members, proposals, votes."""

NETWORK_MESSAGES: dict[str, tuple[str, str]] = {
    "change_unknown": (
        "this change of the network does not exist",
        "see which changes can be proposed: democite network propose --help",
    ),
    "change_invalid": (
        "this change contradicts the rules of the network",
        "mend the field that is named, then propose again",
    ),
    "change_without_effect": (
        "this change would change nothing",
        "look at the network as it is: democite network status",
    ),
    "member_exists": (
        "this territory is a member already",
        "propose a change of its keys, or choose another short name",
    ),
    "member_unknown": (
        "no member of the network has this short name",
        "check the spelling: democite network status lists the members",
    ),
    "member_key_used": (
        "this key was registered in the network before",
        "make a new one: a key that was replaced never comes back",
    ),
    "member_last": (
        "no member would be left to vote on blocks",
        "add or resume another member first",
    ),
    "territory_differs": (
        "another territory had this short name",
        "a territory that comes back keeps its accounts, its name and its currencies; "
        "another one takes another short name",
    ),
    "currency_exists": (
        "another territory has a currency with this code",
        "choose another code",
    ),
    "not_a_member": (
        "this territory is no member of the network any more",
        "ask the members to add it again",
    ),
    "proposal_exists": (
        "there is a proposal with this id already",
        "propose again: a new id is drawn",
    ),
    "proposals_too_many": (
        "this territory has too many open proposals",
        "wait until one is decided or has ended",
    ),
    "proposal_unknown": (
        "this proposal does not exist",
        "check the id: democite network status lists the proposals",
    ),
    "proposal_ended": (
        "this proposal is decided, or its time is over",
        "propose it again if it is still wanted",
    ),
    "proposal_outdated": (
        "what this proposal is about has changed since",
        "vote against it, and propose again what is still wanted",
    ),
    "vote_already_cast": (
        "this territory has voted on this proposal already",
        "a vote counts once and stays",
    ),
}
