#include "server/person/session_key_check.h"

#include <utility>

#include "server/keeper/app_token_call.h"

namespace wxident {

void CheckSessionKey(TokenManager& tokens, WechatApi& wechat,
                     const AuthorizedKeys& keys, Deadline deadline,
                     Done<bool> done) {
  if (keys->session_keys.empty()) return std::move(done)(false);
  CallWithAppToken<bool>(
      tokens, *keys.app(), "checksession", deadline,
      [&wechat, app = keys.app(), openid = keys->session.identity.openid,
       key = keys->session_keys.front(),
       deadline](const Secret& token, Done<bool> done) {
        wechat.CheckSessionKey(*app, token, openid, key, deadline,
                               std::move(done));
      },
      std::move(done));
}

}  // namespace wxident
