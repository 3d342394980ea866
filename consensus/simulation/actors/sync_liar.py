"""A member that lies to whoever is behind: false heights, false bodies, false headers."""

from __future__ import annotations

from dataclasses import replace

from consensus.header import Block
from consensus.messages import BlockResponse, CertificateMessage, Message
from consensus.simulation.host import Host
from consensus.simulation.toy_ledger import body_of

_INVENTED_PAYMENT = 1_000_000


class SyncLiar(Host):
    """While it is asked for nothing, it plays by the rules."""

    honest = False

    def blocks_for(self, peer: bytes, first_height: int, last_height: int) -> tuple[Block, ...]:
        """A chain by height, with something wrong in it."""
        random = self.world.random
        blocks = list(self.chain.part(first_height, min(last_height, len(self.chain))))
        if not blocks:
            return (self._higher(self.chain.blocks()[-1]),) if len(self.chain) else ()
        place = random.randrange(len(blocks))
        match random.randrange(5):
            case 0:
                blocks[place] = Block(blocks[place].header, body_of([_INVENTED_PAYMENT]))
            case 1:
                blocks[place] = self._higher(blocks[place])
            case 2:
                del blocks[place]
            case 3:
                blocks = blocks[:place]
            case _:
                blocks.append(self._higher(blocks[-1]))
        return tuple(blocks)

    def speak(self, peer: bytes, message: Message) -> None:
        """Bend what answers a question, and sometimes answer nothing."""
        if isinstance(message, BlockResponse):
            block = message.block
            wrong = Block(block.header, body_of([_INVENTED_PAYMENT]))
            for answer in (wrong, self._higher(block)):
                super().speak(peer, BlockResponse(answer))
        elif isinstance(message, CertificateMessage) and message.header is not None:
            higher = replace(message.header, height=message.header.height + 1_000)
            super().speak(peer, CertificateMessage(message.certificate, higher))
            if self.world.random.random() < 0.5:
                super().speak(peer, message)
        else:
            super().speak(peer, message)

    @staticmethod
    def _higher(block: Block) -> Block:
        """The same block as if it stood far above."""
        return Block(replace(block.header, height=block.header.height + 1_000), block.body)
