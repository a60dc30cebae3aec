// h2spec's cases of RFC 7540 and 7541 against a method's path.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "server/base/metrics.h"
#include "server/edge/edge_server.h"
#include "tests/edge/gate_programs.h"
#include "tests/edge/interop_service.h"
#include "tests/integration/process.h"

namespace wxident {
namespace {

TEST(H2specTest, FailsWhatIsExplainedAndNothingElse) {
  signal(SIGPIPE, SIG_IGN);
  Metrics metrics;
  auto server = EdgeServer::Start(
      {.addr = "127.0.0.1:0", .methods = InteropMethods()}, metrics);
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string& addr = (*server)->addr();
  Process h2spec({GateProgram("h2spec"), "-h", "127.0.0.1", "-p",
                  addr.substr(addr.rfind(':') + 1), "-P",
                  "/grpc.testing.TestService/UnaryCall"});
  h2spec.Wait();
  EXPECT_EQ(h2spec.log(), "");
}

}  // namespace
}  // namespace wxident
