#ifndef WXIDENT_TESTS_INTEGRATION_KEEPER_FLEET_H_
#define WXIDENT_TESTS_INTEGRATION_KEEPER_FLEET_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/integration/wxidentd.h"

namespace wxident {

// Printed once, for a run to be repeated: WXIDENT_TEST_SEED in the environment,
// or a random one.
uint64_t TestSeed();

// Asks `condition` until it is true. False: it was not within `limit`.
bool Eventually(absl::Duration limit, const std::function<bool()>& condition);

// What GetAccessToken answered.
struct TokenAnswer {
  grpc::Status status;
  v1::GetAccessTokenResponse token;
};

// Several servers over one World, started side by side.
class Fleet {
 public:
  struct How {
    std::vector<std::string> flags;
    // Of each server, by its number; may be empty.
    std::function<std::vector<std::string>(size_t)> environment;
  };
  Fleet(World& world, size_t size, const How& how = {});
  // Ends them by SIGTERM, which must give exit code 0.
  ~Fleet();

  Wxidentd& operator[](size_t i) { return *servers_[i]; }
  size_t size() const { return servers_.size(); }
  // Ends one for good: at once, or by SIGTERM with exit code 0.
  void Kill(size_t i);
  void Stop(size_t i);

  // GetAccessToken of one server.
  TokenAnswer Ask(size_t server, const std::string& app_id,
                  const std::string& rejected = "");
  // Of all living servers at once, `callers` times in all; the answers are in
  // no order.
  std::vector<TokenAnswer> AskAtOnce(size_t callers, const std::string& app_id,
                                     const std::string& rejected = "");
  // The same for several apps at once, one answer of each app and living
  // server: those of one app follow each other.
  std::vector<std::vector<TokenAnswer>> AskAll(
      const std::vector<std::string>& apps);
  // The one token that all living servers answer, asked until they agree on a
  // generation of at least `generation`; within `limit`, or the test fails.
  v1::GetAccessTokenResponse Agreed(const std::string& app_id,
                                    int64_t generation,
                                    absl::Duration limit = absl::Seconds(10));

  // The sum of a counter over the living servers' metrics.
  double Metric(const std::string& name);

 private:
  std::vector<std::unique_ptr<Wxidentd>> servers_;
  std::vector<bool> living_;
};

// "stable" and "ordinary" by turns.
std::vector<WorldApp> MakeTokenApps(size_t count);
std::vector<std::string> IdsOf(const std::vector<WorldApp>& apps);

// Lets the tokens of all `apps` fall due at the same instant, `rounds` times,
// with callers on all servers asking at that instant. Fails the test unless
// WeChat is asked once for each app and round, and all servers answer the
// newest token.
void ExpireTogether(World& world, Fleet& fleet,
                    const std::vector<WorldApp>& apps, int rounds);

// Has `callers` callers at once report a token that WeChat has killed, then an
// older one. Fails the test unless the first costs one refresh, the second
// none, and all get the newest token. The servers must have no token yet.
void ReportDeadToken(World& world, Fleet& fleet, const WorldApp& app,
                     size_t callers);

}  // namespace wxident

#endif  // WXIDENT_TESTS_INTEGRATION_KEEPER_FLEET_H_
