#ifndef WXIDENT_SERVER_RPC_APP_MESSAGES_H_
#define WXIDENT_SERVER_RPC_APP_MESSAGES_H_

#include "absl/time/time.h"
#include "server/identity/apps.h"
#include "server/keeper/token_manager.h"
#include "server/wechat/wechat_api.h"
#include "wxident/v1/admin_service.pb.h"

namespace wxident {

// What AdminService tells of apps.
void Fill(const App& app, v1::AppInfo& message);

// `now` stands for the database's clock while there is no time of its own in
// `state`.
void Fill(const App& app, const TokenManager::AppState& state, absl::Time now,
          v1::GetAppStatusResponse& message);

void Fill(const WechatApi::Breaker& breaker, v1::Breaker& message);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_APP_MESSAGES_H_
