// RotateKeys and GetKeyStatus.

#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

class KeyCallsTest : public ServiceTest {
 protected:
  static KeyRing::Key Key(uint32_t id, char letter) {
    return {id, Secret(std::string(32, letter))};
  }
  v1::GetKeyStatusResponse Status() {
    return Answer(&Admin::GetKeyStatus, "{}");
  }
  void RunToTheEnd() {
    while (reencryptor_.GetStatus().state == Reencryptor::State::kRunning)
      ASSERT_TRUE(timer_.RunNext());
  }
};

TEST_F(KeyCallsTest, ARotationIsSeenFromBeginningToEnd) {
  for (int i = 0; i < 7; ++i) keys_.Add("value");
  v1::GetKeyStatusResponse status = Status();
  ASSERT_EQ(status.keys_size(), 1);
  EXPECT_EQ(status.keys(0).key_id(), 1u);
  EXPECT_TRUE(status.keys(0).seals());
  EXPECT_TRUE(status.keys(0).in_ring());
  EXPECT_EQ(status.keys(0).stored_values(), 7);
  EXPECT_EQ(status.resealing().state(), v1::Resealing::STATE_IDLE);
  EXPECT_FALSE(status.resealing().has_start_time());

  ring_file_ = {{Key(2, 'n'), Key(1, 'k')}};
  EXPECT_EQ(Answer(&Admin::RotateKeys, "{}").sealing_key_id(), 2u);
  status = Status();
  EXPECT_EQ(status.resealing().state(), v1::Resealing::STATE_RUNNING);
  EXPECT_TRUE(status.resealing().has_start_time());
  EXPECT_FALSE(status.resealing().has_end_time());
  RunToTheEnd();

  status = Status();
  ASSERT_EQ(status.keys_size(), 2);
  EXPECT_EQ(status.keys(0).key_id(), 2u);
  EXPECT_TRUE(status.keys(0).seals());
  EXPECT_EQ(status.keys(0).stored_values(), 7);
  EXPECT_FALSE(status.keys(1).seals());
  EXPECT_TRUE(status.keys(1).in_ring());
  EXPECT_EQ(status.keys(1).stored_values(), 0);
  EXPECT_EQ(status.resealing().state(), v1::Resealing::STATE_DONE);
  EXPECT_EQ(status.resealing().resealed(), 7);
  EXPECT_TRUE(status.resealing().has_end_time());
}

TEST_F(KeyCallsTest, ALostKeyIsShown) {
  keys_.Add("value");
  ring_file_ = {{Key(2, 'n')}};
  Answer(&Admin::RotateKeys, "{}");
  RunToTheEnd();
  const v1::GetKeyStatusResponse status = Status();
  ASSERT_EQ(status.keys_size(), 2);
  EXPECT_EQ(status.keys(1).key_id(), 1u);
  EXPECT_FALSE(status.keys(1).in_ring());
  EXPECT_EQ(status.keys(1).stored_values(), 1);
  EXPECT_EQ(status.resealing().unreadable(), 1);
}

TEST_F(KeyCallsTest, ABadFileChangesNothing) {
  keys_.Add("value");
  ring_file_ = absl::InvalidArgumentError("line 1 is bad");
  v1::RotateKeysResponse response;
  const grpc::Status refused = CallJson(&Admin::RotateKeys, "{}", &response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(refused), "REQUEST_INVALID");
  EXPECT_NE(refused.error_message().find("line 1 is bad"), std::string::npos);
  const v1::GetKeyStatusResponse status = Status();
  EXPECT_EQ(status.keys(0).key_id(), 1u);
  EXPECT_EQ(status.resealing().state(), v1::Resealing::STATE_IDLE);
}

TEST_F(KeyCallsTest, ASilentDatabaseIsNoAnswer) {
  keys_.Fail(1);
  EXPECT_EQ(Refusal(&Admin::GetKeyStatus, "{}"), "STORE_UNAVAILABLE");
  keys_.Fail(1);
  EXPECT_EQ(Refusal(&Admin::RotateKeys, "{}"), "STORE_UNAVAILABLE");
}

// Both look at what belongs to every app.
TEST_F(KeyCallsTest, WhoMayNotCallForEveryAppIsRefused) {
  access_.Replace({.allow = {{.caller = "loopback",
                              .methods = {"RotateKeys", "GetKeyStatus"},
                              .apps = {kMini}}}});
  ring_file_ = {{Key(2, 'n'), Key(1, 'k')}};
  EXPECT_EQ(Refusal(&Admin::RotateKeys, "{}"), "CALLER_NOT_ALLOWED");
  EXPECT_EQ(Refusal(&Admin::GetKeyStatus, "{}"), "CALLER_NOT_ALLOWED");
  EXPECT_EQ(key_ring_->sealing_key_id(), 1u);
}

}  // namespace
}  // namespace wxident
