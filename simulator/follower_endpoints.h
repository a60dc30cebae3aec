#ifndef WXIDENT_SIMULATOR_FOLLOWER_ENDPOINTS_H_
#define WXIDENT_SIMULATOR_FOLLOWER_ENDPOINTS_H_

#include "simulator/api.h"

namespace wxident::simulator {

// GET /cgi-bin/user/info: what an official account may know of one user.
Answer FollowerInfo(World& world, ApiCall& call);

// POST /cgi-bin/user/info/batchget: the same of up to 100. One bad openid
// fails them all.
Answer FollowerInfoBatch(World& world, ApiCall& call);

// What both tell of a user.
Json FollowerToJson(World& world, const App& app, const Member& member);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_FOLLOWER_ENDPOINTS_H_
