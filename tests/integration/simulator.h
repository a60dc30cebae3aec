#ifndef WXIDENT_TESTS_INTEGRATION_SIMULATOR_H_
#define WXIDENT_TESTS_INTEGRATION_SIMULATOR_H_

#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "tests/integration/process.h"

namespace wxident {

// A running WeChat simulator and its control API. Failing control calls fail
// the test. Thread-safe.
class Simulator {
 public:
  // Its files go to `dir`.
  explicit Simulator(const std::string& dir);
  ~Simulator();

  const std::string& url() const { return url_; }
  const std::string& ca_file() const { return ca_file_; }
  std::string log() const { return process_->log(); }

  // POST /_sim/<call>, or GET without a body.
  nlohmann::json Call(const std::string& call, const nlohmann::json& body);
  nlohmann::json Get(const std::string& call);

  std::string LoginCode(const std::string& app_id, const std::string& user);
  // An OAuth code of an official account, website or mobile app. An empty scope
  // is the widest that the app's kind has.
  std::string OauthCode(const std::string& app_id, const std::string& user,
                        const std::string& scope = "");
  // Moves WeChat's clock.
  void Advance(absl::Duration time);
  // How many calls of `path` the journal holds, of one app or of all.
  int Calls(const std::string& path, const std::string& app_id = "");

  // The calls that asked for an app's access_token, oldest first, as the
  // journal tells them: both of stable_token and of token.
  std::vector<nlohmann::json> TokenCalls(const std::string& app_id);
  // An app's tokens of one mode, "stable" or "ordinary". They are named by
  // DigestOf.
  struct Tokens {
    int issued = 0;
    int forced_today = 0;
    std::string newest;
    std::vector<std::string> accepted;
  };
  Tokens TokensOf(const std::string& app_id, const std::string& mode);
  static std::string DigestOf(const std::string& token);
  // Somebody else, who knows the secret, fetches a token from WeChat.
  std::string FetchToken(const std::string& app_id, const std::string& secret,
                         const std::string& mode, bool force = false);
  // Adds a fault rule.
  void Fault(const nlohmann::json& rule);
  void ClearFaults();
  void Stop();

  // Every secret and name that it has given out, with what it is; of a stopped
  // one, until then.
  std::vector<std::pair<std::string, std::string>> Issued();

 private:
  // `path` is all that comes after the host.
  nlohmann::json Request(const std::string& method, const std::string& path,
                         const std::string& body);

  std::unique_ptr<Process> process_;
  std::string url_;
  std::string ca_file_;
  std::mutex mutex_;
  void* curl_;
  nlohmann::json issued_ = nlohmann::json::object();
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_INTEGRATION_SIMULATOR_H_
