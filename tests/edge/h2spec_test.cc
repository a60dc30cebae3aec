// h2spec's cases of RFC 7540 and 7541 against a method's path.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/metrics.h"
#include "server/edge/edge_server.h"
#include "server/edge/peer_limiter.h"
#include "tests/edge/gate_programs.h"
#include "tests/edge/interop_service.h"
#include "tests/integration/process.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;

// What fails, always or sometimes, and why that is right. Most requests of
// h2spec are no calls of gRPC's, and are answered before they have ended: with
// fields, and no body.
const std::map<std::string, std::string> kExplained = {
    {"2: 2: Sends a WINDOW_UPDATE frame on half-closed (remote) stream",
     "the answer is there, in HEADERS instead of DATA"},
    {"2: 3: Sends a PRIORITY frame on half-closed (remote) stream", "the same"},
    {"5.1: 5: half closed (remote): Sends a DATA frame",
     "sometimes the answer has closed the stream before, see below"},
    {"5.1: 6: half closed (remote): Sends a HEADERS frame", "the same"},
    {"5.1: 7: half closed (remote): Sends a CONTINUATION frame", "the same"},
    {"6.1: 2: Sends a DATA frame on the stream that is not in \"open\" or "
     "\"half-closed (local)\" state",
     "the same"},
    {"6.1: 3: Sends a DATA frame with invalid pad length", "the same"},
    {"6.9: 2: Sends a WINDOW_UPDATE frame with a flow control window increment "
     "of 0 on a stream",
     "the same"},
    {"8.1.2.1: 3: Sends a HEADERS frame that contains a pseudo-header field as "
     "trailers",
     "the same"},
    {"6.9.1: 3: Sends multiple WINDOW_UPDATE frames increasing the flow "
     "control window to above 2^31-1 on a stream",
     "the same"},
    {"5.1: 8: closed: Sends a DATA frame after sending RST_STREAM frame",
     "what comes on closed streams is passed over, as RFC 9113, 5.1, allows; "
     "AbuseGuard counts it"},
    {"5.1: 9: closed: Sends a HEADERS frame after sending RST_STREAM frame",
     "the same"},
    {"5.1: 11: closed: Sends a DATA frame", "the same"},
    {"5.1: 12: closed: Sends a HEADERS frame", "the same"},
    {"5.1.1: 2: Sends stream identifier that is numerically smaller than "
     "previous",
     "the same: it was closed by the larger one"},
    {"5.1.2: 1: Sends HEADERS frames that causes their advertised concurrent "
     "stream limit to be exceeded",
     "they are answered at once, and so never that many"},
    {"5.3.1: 2: Sends PRIORITY frame that depend on itself",
     "SETTINGS_NO_RFC7540_PRIORITIES: priorities are passed over"},
    {"6.3: 1: Sends a PRIORITY frame with 0x0 stream identifier", "the same"},
    {"8.1: 1: Sends a second HEADERS frame without the END_STREAM flag",
     "the answer has ended the stream"},
    {"8.1.2.6: 1: Sends a HEADERS frame with the \"content-length\" header "
     "field which does not equal the DATA frame payload length",
     "the same"},
    {"8.1.2.6: 2: Sends a HEADERS frame with the \"content-length\" header "
     "field which does not equal the sum of the multiple DATA frames payload "
     "length",
     "the same"},
};

// Every case is a client that misbehaves, and all are of one IP.
constexpr PeerLimiter::Limits kNoPenalties = {.penalty = absl::ZeroDuration(),
                                              .unproductive = {1e6, 1e6, 1e6}};

// "group: case" of each that failed. h2spec prints a group's name, and a line
// for each of its cases, which is written over by the result.
std::set<std::string> FailedCases(const std::string& log) {
  constexpr absl::string_view kFailed = "\xc3\x97 ";
  std::set<std::string> out;
  std::string group;
  for (const absl::string_view line : absl::StrSplit(log, '\n')) {
    const absl::string_view text = absl::StripAsciiWhitespace(line);
    const size_t failed = text.rfind(kFailed);
    if (failed != text.npos)
      out.insert(
          absl::StrCat(group, ": ", text.substr(failed + kFailed.size())));
    else if (!text.empty() && absl::ascii_isdigit(text[0]) &&
             absl::StrContains(text, ". "))
      group = std::string(text.substr(0, text.find(". ")));
  }
  return out;
}

TEST(H2specTest, FailsWhatIsExplainedAlone) {
  signal(SIGPIPE, SIG_IGN);
  Metrics metrics;
  auto server = EdgeServer::Start({.addr = "127.0.0.1:0",
                                   .methods = InteropMethods(),
                                   .limits = kNoPenalties},
                                  metrics);
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string& addr = (*server)->addr();
  Process h2spec({GateProgram("h2spec"), "-h", "127.0.0.1", "-p",
                  addr.substr(addr.rfind(':') + 1), "-P",
                  "/grpc.testing.TestService/UnaryCall"});
  h2spec.Wait();
  ASSERT_THAT(h2spec.log(), HasSubstr("145 tests, "));
  for (const std::string& failed : FailedCases(h2spec.log()))
    EXPECT_EQ(kExplained.count(failed), 1u) << failed << "\n" << h2spec.log();
  for (const auto& [name, why] : kExplained)
    EXPECT_THAT(h2spec.log(), HasSubstr(name.substr(name.find(": ") + 2)));
}

}  // namespace
}  // namespace wxident
