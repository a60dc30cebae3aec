#ifndef WXIDENT_SIMULATOR_OAUTH_ENDPOINTS_H_
#define WXIDENT_SIMULATOR_OAUTH_ENDPOINTS_H_

#include "simulator/api.h"

namespace wxident::simulator {

// GET /sns/oauth2/access_token: an OAuth code for the user's tokens.
Answer OauthAccessToken(World& world, ApiCall& call);

// GET /sns/oauth2/refresh_token: more time, or a new access_token.
Answer OauthRefreshToken(World& world, ApiCall& call);

// GET /sns/auth: is this the user's access_token?
Answer OauthCheck(World& world, ApiCall& call);

// GET /sns/userinfo: the user's profile, by the user's access_token.
Answer OauthUserinfo(World& world, ApiCall& call);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_OAUTH_ENDPOINTS_H_
