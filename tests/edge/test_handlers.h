#ifndef WXIDENT_TESTS_EDGE_TEST_HANDLERS_H_
#define WXIDENT_TESTS_EDGE_TEST_HANDLERS_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/edge/call.h"

namespace wxident {

// A handler made of what a test says.
class TestHandler final : public CallHandler {
 public:
  using Do = std::function<void(Call&)>;
  using DoMessage = std::function<void(Call&, absl::string_view)>;
  struct Steps {
    DoMessage message;
    Do half_close;
    Do written;
    Do drain;
    Do cancel;
    std::function<void()> gone;
  };

  TestHandler(Call& call, Steps steps)
      : call_(call), steps_(std::move(steps)) {}
  ~TestHandler() override {
    if (steps_.gone) steps_.gone();
  }
  void OnMessage(absl::string_view message) override {
    if (steps_.message) steps_.message(call_, message);
  }
  void OnHalfClose() override {
    if (steps_.half_close) steps_.half_close(call_);
  }
  void OnWritten() override {
    if (steps_.written) steps_.written(call_);
  }
  void OnDrain() override {
    if (steps_.drain) steps_.drain(call_);
  }
  void OnCancel() override {
    if (steps_.cancel) steps_.cancel(call_);
  }

 private:
  Call& call_;
  const Steps steps_;
};

inline EdgeMethod TestMethod(TestHandler::Steps steps,
                             bool takes_stream = false) {
  return {[steps = std::move(steps)](Call& call) {
            return std::make_unique<TestHandler>(call, steps);
          },
          takes_stream};
}

}  // namespace wxident

#endif  // WXIDENT_TESTS_EDGE_TEST_HANDLERS_H_
