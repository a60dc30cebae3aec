#ifndef WXIDENT_SIMULATOR_SESSION_ENDPOINTS_H_
#define WXIDENT_SIMULATOR_SESSION_ENDPOINTS_H_

#include "simulator/api.h"

namespace wxident::simulator {

// GET /sns/jscode2session: a wx.login code for openid, unionid, session_key.
Answer JsCode2Session(World& world, ApiCall& call);

// GET /wxa/checksession: is this the user's session_key?
Answer CheckSession(World& world, ApiCall& call);

// GET /wxa/resetusersessionkey: a new session_key at once.
Answer ResetUserSessionKey(World& world, ApiCall& call);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_SESSION_ENDPOINTS_H_
