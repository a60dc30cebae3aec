#include "server/app/call_counter.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

namespace wxident {
namespace {

using Result = CountedCall::Result;

class CountedCallTest : public testing::Test {
 protected:
  const std::shared_ptr<CallCounts> counts_ = std::make_shared<CallCounts>();
};

// gRPC may be seconds late to destroy a call, while its peer makes hundreds.
TEST_F(CountedCallTest, RunsNoLongerThanPeerAndHandlerWorkOnIt) {
  CountedCall served(counts_, /*is_unary=*/true);
  EXPECT_EQ(counts_->running, 1);
  EXPECT_EQ(counts_->running_unary, 1);
  served.OnHandlerEnded();
  EXPECT_EQ(counts_->running, 1);
  served.OnClosed(Result::kServed);
  EXPECT_EQ(counts_->running, 0);
  EXPECT_EQ(counts_->running_unary, 0);
}

TEST_F(CountedCallTest, ACancelledCallRunsUntilItsHandlerEndsIt) {
  CountedCall cancelled(counts_, /*is_unary=*/true);
  cancelled.OnClosed(Result::kWasted);
  EXPECT_EQ(counts_->running, 1);
  cancelled.OnHandlerEnded();
  EXPECT_EQ(counts_->running, 0);
}

TEST_F(CountedCallTest, EndsOnceWhateverGrpcTellsOfIt) {
  for (const int ends : {0, 1, 2, 3}) {
    std::optional<CountedCall> call;
    call.emplace(counts_, /*is_unary=*/false);
    call->OnAnswer();
    call->OnAnswer();
    EXPECT_EQ(counts_->running_answered, 1);
    if (ends & 1) call->OnHandlerEnded();
    if (ends & 2) call->OnClosed(Result::kServed);
    call.reset();
    EXPECT_EQ(counts_->running, 0) << ends;
    EXPECT_EQ(counts_->running_unary, 0) << ends;
    EXPECT_EQ(counts_->running_answered, 0) << ends;
  }
}

TEST_F(CountedCallTest, TellsServedFromWasted) {
  for (const Result result :
       {Result::kServed, Result::kServed, Result::kWasted, Result::kNone})
    CountedCall(counts_, /*is_unary=*/true).OnClosed(result);
  EXPECT_EQ(counts_->served, 2);
  EXPECT_EQ(counts_->wasted, 1);
}

}  // namespace
}  // namespace wxident
