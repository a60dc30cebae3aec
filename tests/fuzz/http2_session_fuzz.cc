// What a client sends over one connection. The first byte is the number of
// pieces, each steered by two of the bytes that follow; the rest is cut so:
//   bits 13-15  which of kPauses goes by before
//   bit 12      whether the server's output is taken after it
//   bits 0-11   its size; 0 is all that is left
// They begin again when there is more. With none, all comes at once. The
// greeting need not be there: without it, it is put before.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/edge/abuse_guard.h"
#include "server/edge/event_loop.h"
#include "server/edge/http2_session.h"
#include "tests/base/fake_clock.h"
#include "tests/edge/test_handlers.h"

namespace {

using wxident::Call;
using wxident::EdgeMethods;
using wxident::EdgePeer;
using wxident::EventLoop;
using wxident::FakeClock;
using wxident::Http2Session;
using wxident::LoopCalls;
using wxident::PeerShare;
using wxident::TestMethod;

constexpr int kPauses[] = {0, 1, 50, 100, 500, 2'000, 5'000, 11'000};  // ms
constexpr absl::string_view kGreeting = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kMaxMessage = 4 << 10;

void Check(bool ok) {
  if (!ok) std::abort();
}

class Owner final : public Http2Session::Owner {
 public:
  void OnOutput() override {}
};

// One method of each kind: answers at once, never until it is cancelled, and
// as often as it is asked.
EdgeMethods Methods() {
  EdgeMethods out;
  out["/e"] = TestMethod({.message = [](Call& call, absl::string_view message) {
    call.Reply(std::string(message));
  }});
  out["/h"] = TestMethod({.cancel = [](Call& call) { call.Finish({}); }});
  out["/s"] = TestMethod({.message =
                              [](Call& call, absl::string_view message) {
                                call.Write(std::string(message));
                              },
                          .half_close = [](Call& call) { call.Finish({}); },
                          .cancel = [](Call& call) { call.Finish({}); }},
                         true);
  return out;
}

struct Piece {
  int pause = 0;
  bool produce = true;
  absl::string_view bytes;
};

// Takes the next piece off `rest`; `steers` is what steers them.
Piece Next(absl::string_view steers, size_t number, absl::string_view& rest) {
  Piece out;
  size_t size = rest.npos;
  if (!steers.empty()) {
    const size_t at = number % (steers.size() / 2) * 2;
    const int steer = static_cast<uint8_t>(steers[at]) << 8 |
                      static_cast<uint8_t>(steers[at + 1]);
    out.pause = kPauses[steer >> 13];
    out.produce = (steer & 0x1000) != 0;
    if ((steer & 0xfff) != 0) size = steer & 0xfff;
  }
  out.bytes = rest.substr(0, size);
  rest.remove_prefix(out.bytes.size());
  return out;
}

void Serve(absl::string_view steers, absl::string_view said) {
  static const EdgeMethods& methods = *new EdgeMethods(Methods());
  FakeClock clock;
  EventLoop loop(clock);
  LoopCalls calls{loop};
  Owner owner;
  const std::shared_ptr<PeerShare> share(new PeerShare{"ip"});
  auto session = std::make_unique<Http2Session>(
      Http2Session::Options{&methods, kMaxMessage}, calls, owner,
      std::make_shared<EdgePeer>(), share);
  std::string out;
  for (size_t number = 0; !said.empty(); ++number) {
    const Piece piece = Next(steers, number, said);
    clock.Advance(absl::Milliseconds(piece.pause));
    loop.Post([&] {
      session->OnTime();
      session->Receive(piece.bytes);
    });
    loop.Turn(absl::ZeroDuration());
    loop.Turn(absl::ZeroDuration());
    out.clear();
    if (piece.produce) loop.Post([&] { session->Produce(out, 1 << 20); });
    loop.Turn(absl::ZeroDuration());
    Check(session->streams() <= wxident::AbuseGuard::kMaxStreams);
    Check(share->unfinished >= 0);
    Check(share->waiting >= 0);
    if (!session->violation().empty()) break;
  }
  session.reset();
  for (int i = 0; i < 3; ++i) loop.Turn(absl::ZeroDuration());
  Check(calls.unfinished == 0);
  Check(share->unfinished == 0);
  Check(share->waiting == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  absl::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const size_t steered = 2 * static_cast<size_t>(data[0]);
  input.remove_prefix(1);
  if (input.size() < steered) return 0;
  const absl::string_view steers = input.substr(0, steered);
  input.remove_prefix(steered);
  if (absl::StartsWith(input, kGreeting.substr(0, 3))) {
    Serve(steers, input);
  } else {
    const std::string said = absl::StrCat(kGreeting, input);
    Serve(steers, said);
  }
  return 0;
}
