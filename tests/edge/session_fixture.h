#ifndef WXIDENT_TESTS_EDGE_SESSION_FIXTURE_H_
#define WXIDENT_TESTS_EDGE_SESSION_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/edge/event_loop.h"
#include "server/edge/http2_session.h"
#include "tests/base/fake_clock.h"
#include "tests/edge/h2_client.h"
#include "tests/edge/test_handlers.h"

namespace wxident {

// An Http2Session between a test's bytes and its handlers, with a clock that
// the test moves.
class SessionFixture : public testing::Test, private Http2Session::Owner {
 protected:
  static constexpr size_t kMaxMessage = 64 << 10;

  SessionFixture() {
    methods_["/a/Echo"] =
        TestMethod({.message = [](Call& call, absl::string_view message) {
          call.Reply(std::string(message));
        }});
    // Never answers; what it hears of is counted.
    methods_["/a/Hang"] = TestMethod(
        {.message = [this](Call& call, absl::string_view) { hanging_ = &call; },
         .cancel = [this](Call&) { ++cancelled_; },
         .gone = [this] { ++gone_; }});
  }
  // A test ends with all calls finished.
  ~SessionFixture() override {
    session_.reset();
    Turns();
    EXPECT_EQ(calls_.unfinished, 0);
  }

  void Start() {
    Http2Session::Owner& self = *this;
    session_ = std::make_unique<Http2Session>(
        Http2Session::Options{&methods_, kMaxMessage}, calls_, self, peer_,
        share_);
  }

  // Runs `what` on the loop's thread, and all that it defers.
  void InLoop(absl::FunctionRef<void()> what) {
    loop_.Post([what] { what(); });
    Turns();
  }
  void Turns() {
    for (int i = 0; i < 3; ++i) loop_.Turn(absl::ZeroDuration());
  }

  // What the session says to `bytes`, which come in pieces of `piece`.
  std::string Say(absl::string_view bytes, size_t piece = 16 << 10) {
    std::string out;
    InLoop([&] {
      while (!bytes.empty()) {
        const absl::string_view part = bytes.substr(0, piece);
        bytes.remove_prefix(part.size());
        if (!session_->Receive(part)) break;
      }
    });
    // What came of it may have been deferred.
    InLoop([&] { session_->Produce(out, 1 << 30); });
    return out;
  }
  // Lets both sides say what they have until neither has anything.
  void Exchange(H2Client& client) {
    while (true) {
      const std::string said = client.TakeOutput();
      const std::string heard = Say(said);
      ASSERT_TRUE(client.Feed(heard));
      if (said.empty() && heard.empty()) return;
    }
  }
  // Time goes by; `false` when the client has come to the end of patience.
  bool Wait(absl::Duration time) {
    bool fine = true;
    clock_.Advance(time);
    InLoop([&] { fine = session_->OnTime(); });
    return fine;
  }

  FakeClock clock_;
  EventLoop loop_{clock_};
  LoopCalls calls_{loop_};
  EdgeMethods methods_;
  const std::shared_ptr<EdgePeer> peer_ = std::make_shared<EdgePeer>();
  const std::shared_ptr<PeerShare> share_{new PeerShare{"ip"}};
  Call* hanging_ = nullptr;
  int cancelled_ = 0;
  int gone_ = 0;
  int outputs_ = 0;
  std::unique_ptr<Http2Session> session_;

 private:
  void OnOutput() override { ++outputs_; }
};

// One message of gRPC's.
inline std::string GrpcMessage(absl::string_view text) {
  std::string out(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8)
    out += static_cast<char>(text.size() >> shift & 0xff);
  return out.append(text.data(), text.size());
}

}  // namespace wxident

#endif  // WXIDENT_TESTS_EDGE_SESSION_FIXTURE_H_
