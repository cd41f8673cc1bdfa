"""After the trades of a command: stops trigger, pegged orders move, until all is quiet.
Section 5 of ``spec/matching.md``. Compiled.

It always ends: a stop triggers once, and pegged orders are gone through again only when
something of the book was used up.
"""

import cython
from cython.cimports.engine.book import Instrument
from cython.cimports.engine.books import Books
from cython.cimports.engine.pegs import Pegs
from cython.cimports.engine.records import PHASE_CONTINUOUS
from cython.cimports.engine.stops import Stops


@cython.final
@cython.cclass
class Settling:
    """Brings instruments to rest."""

    def __cinit__(self, books: Books, stops: Stops, pegs: Pegs):
        self.books = books
        self.stops = stops
        self.pegs = pegs

    def settle(self, instrument):
        terms: cython.pointer(Instrument) = cython.address(
            self.books.instruments[instrument]
        )
        while terms.phase == PHASE_CONTINUOUS and not terms.band_hit:
            if terms.last_price != terms.trailed_price:
                self.stops.trail(instrument)
            if self.stops.trigger_next(instrument):
                continue
            if terms.pegs.count == 0 or not self.pegs.reprice(instrument):
                break
        return 0
