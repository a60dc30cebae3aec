#ifndef WXIDENT_SERVER_PERSON_SESSION_KEY_CHECK_H_
#define WXIDENT_SERVER_PERSON_SESSION_KEY_CHECK_H_

#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/keeper/token_manager.h"
#include "server/person/authorized.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// Asks WeChat whether the newest session_key of a session is its current one;
// if none is kept, none is. `tokens` and `wechat` must outlive it. Errors:
// those of TokenManager::Get and WechatApi::CheckSessionKey.
void CheckSessionKey(TokenManager& tokens, WechatApi& wechat,
                     const AuthorizedKeys& keys, Deadline deadline,
                     Done<bool> done);

}  // namespace wxident

#endif  // WXIDENT_SERVER_PERSON_SESSION_KEY_CHECK_H_
