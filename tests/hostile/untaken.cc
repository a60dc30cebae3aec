#include "tests/hostile/untaken.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "tests/hostile/http2_frames.h"
#include "tests/hostile/raw_peer.h"

namespace wxident {
namespace {

constexpr uint32_t kStreams = 250;
constexpr int kConnections = 250;

std::string Ask(uint32_t stream, const std::string& fields,
                const std::string& body) {
  return Frame(kHeaders, kEndHeaders, stream, fields) +
         Frame(kData, kEndStream, stream, body);
}

}  // namespace

Outcome AskAndTakeNothing(const Target& target, absl::Time end,
                          absl::string_view path, const std::string& body) {
  const std::string first = Ask(1, Request(path), body);
  std::string others;
  for (uint32_t i = 1; i < kStreams; ++i)
    others += Ask(2 * i + 1, RepeatedRequest(), body);
  Outcome outcome;
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < kConnections && absl::Now() < end; ++i) {
    auto peer = std::make_unique<RawPeer>(target.addr, end, target.source,
                                          target.manner());
    if (!peer->connected()) continue;
    ++outcome.connections;
    if (peer->open() && peer->Hello(true, 0)) peer->Send(first + others);
    peers.push_back(std::move(peer));
  }
  for (size_t at = 0; absl::Now() < end && !peers.empty(); ++at)
    peers[at % peers.size()]->Listen(absl::Milliseconds(10));
  for (const auto& peer : peers)
    if (peer->Listen(absl::ZeroDuration())) ++outcome.closed;
  return outcome;
}

}  // namespace wxident
