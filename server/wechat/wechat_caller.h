#ifndef WXIDENT_SERVER_WECHAT_WECHAT_CALLER_H_
#define WXIDENT_SERVER_WECHAT_WECHAT_CALLER_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/base/metrics.h"
#include "server/base/wall_clocks.h"
#include "server/crypto/random.h"
#include "server/crypto/secret.h"
#include "server/http/http_client.h"
#include "server/wechat/breaker.h"
#include "server/wechat/errcode.h"
#include "server/wechat/hosts.h"
#include "server/wechat/response.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// One request to WeChat but for the host it goes to.
struct WechatCall {
  std::string app_id;
  HttpRequest::Method method;
  Secret path_and_query;
  Secret body;
  // Names it in metrics and logs: "jscode2session". A breaker of its own for
  // each app decides whether it is asked.
  std::string endpoint;
  ErrcodeContext context;
};

// Makes calls to WeChat, each at most once: WechatClient says how. Lives in a
// shared_ptr, which the calls under way share. Thread-safe.
class WechatCaller : public std::enable_shared_from_this<WechatCaller> {
 public:
  // `base_urls` is not empty. The references must outlive it; `wall_clocks` is
  // told what WeChat's clock says.
  WechatCaller(HttpClient& http, std::vector<std::string> base_urls,
               Clock& clock, WallClocks& wall_clocks, Random& random,
               Metrics& metrics);

  // Answers with what `read` makes of a response whose errcode is 0 and of the
  // time.
  template <typename T, typename Reader>
  void Ask(WechatCall call, Deadline deadline, Reader read, Done<T> done) {
    Send(std::move(call), deadline,
         [self = shared_from_this(), read = std::move(read),
          done = std::move(done)](
             absl::StatusOr<WechatResponse> response) mutable {
           if (!response.ok()) {
             std::move(done)(response.status());
             return;
           }
           std::move(done)(read(*response, self->clock_.Now()));
         });
  }

  std::vector<WechatApi::Breaker> BreakersOf(const std::string& app_id) {
    return breakers_.StatesOf(app_id);
  }

 private:
  struct Attempt;
  using AttemptPtr = std::unique_ptr<Attempt>;

  void Send(WechatCall call, Deadline deadline, Done<WechatResponse> done);
  // To the next host.
  void SendTo(AttemptPtr attempt);
  void OnAnswered(AttemptPtr attempt, Hosts::Pick pick,
                  absl::StatusOr<HttpResponse> response);
  void End(AttemptPtr attempt, Breakers::Outcome outcome,
           absl::StatusOr<WechatResponse> answer);
  // WeChat's own answer, or an error when it is none.
  absl::StatusOr<WechatResponse> Read(const WechatCall& call,
                                      const HttpResponse& http);
  absl::Status RefusalOf(const WechatCall& call,
                         const WechatResponse& response);

  HttpClient& http_;
  Hosts hosts_;
  Breakers breakers_;
  Clock& clock_;
  WallClocks& wall_clocks_;
  Metrics& metrics_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_WECHAT_WECHAT_CALLER_H_
