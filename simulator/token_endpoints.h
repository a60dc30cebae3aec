#ifndef WXIDENT_SIMULATOR_TOKEN_ENDPOINTS_H_
#define WXIDENT_SIMULATOR_TOKEN_ENDPOINTS_H_

#include "simulator/api.h"

namespace wxident::simulator {

// GET /cgi-bin/token: a new ordinary access_token, always.
Answer OrdinaryToken(World& world, ApiCall& call);

// POST /cgi-bin/stable_token: the current stable access_token.
Answer StableToken(World& world, ApiCall& call);

// GET /cgi-bin/ticket/getticket: the current jsapi (or card) ticket.
Answer GetTicket(World& world, ApiCall& call);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_TOKEN_ENDPOINTS_H_
