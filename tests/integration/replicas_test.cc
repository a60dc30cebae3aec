// Two server processes on one database.

#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

class ReplicasTest : public testing::Test {
 protected:
  ReplicasTest() : replicas_{Wxidentd(world_), Wxidentd(world_)} {}
  ~ReplicasTest() override {
    for (Wxidentd& replica : replicas_) EXPECT_EQ(replica.Stop(), 0);
  }

  Simulator& sim() { return world_.sim(); }
  v1::IdentityService::Stub& stub(int racer) {
    return replicas_[static_cast<size_t>(racer % 2)].stub();
  }

  World world_;
  std::array<Wxidentd, 2> replicas_;
};

TEST_F(ReplicasTest, OneCodeIsOneSessionOnEveryReplica) {
  constexpr int kRacers = 64;
  constexpr int kCodes = 200;
  std::vector<std::string> codes;
  for (int i = 0; i < kCodes; ++i)
    codes.push_back(i % 2 == 0
                        ? sim().LoginCode(kMiniProgram, absl::StrCat("u", i))
                        : sim().OauthCode(kWebsite, absl::StrCat("u", i)));
  std::vector<std::vector<v1::LoginResponse>> answers(
      kCodes, std::vector<v1::LoginResponse>(kRacers));
  std::barrier start(kRacers);
  std::vector<std::thread> racers;
  for (int racer = 0; racer < kRacers; ++racer) {
    racers.emplace_back([&, racer] {
      for (int i = 0; i < kCodes; ++i) {
        start.arrive_and_wait();
        const grpc::Status status =
            i % 2 == 0 ? Login(stub(racer), codes[i], &answers[i][racer])
                       : OauthLogin(stub(racer), codes[i], &answers[i][racer]);
        EXPECT_TRUE(status.ok())
            << ReasonOf(status) << ": " << status.error_message();
      }
    });
  }
  for (std::thread& racer : racers) racer.join();

  for (const auto& of_code : answers)
    for (const v1::LoginResponse& answer : of_code)
      EXPECT_EQ(answer.SerializeAsString(), of_code[0].SerializeAsString());
  EXPECT_EQ(world_.Count("SELECT count(*) FROM sessions"), kCodes);
  EXPECT_EQ(world_.Count("SELECT count(*) FROM identities"), kCodes);
  // Each replica asks WeChat once for a code, if at all.
  EXPECT_LE(sim().Calls("/sns/jscode2session"), kCodes);
  EXPECT_LE(sim().Calls("/sns/oauth2/access_token"), kCodes);
}

TEST_F(ReplicasTest, ACodeThatSomebodyElseConsumedIsSaidToBe) {
  const std::string code = sim().LoginCode(kMiniProgram, "lost");
  v1::LoginResponse login;
  ASSERT_TRUE(Login(stub(0), code, &login).ok());
  world_.Query("DELETE FROM login_answers");
  const grpc::Status status = Login(stub(1), code, &login);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "LOGIN_CODE_CONSUMED");
  EXPECT_EQ(MetadataOf(status)["errcode"], "40163");
}

TEST_F(ReplicasTest, AnAnswerIsGivenAgainOnEveryReplicaUntilItsSessionEnds) {
  const std::string code = sim().LoginCode(kMiniProgram, "shy");
  v1::LoginResponse login;
  ASSERT_TRUE(Login(stub(0), code, &login).ok());
  EXPECT_EQ(world_.Count("SELECT count(*) FROM login_answers"
                         " WHERE token_salt IS NOT NULL"
                         " AND session_token IS NULL"),
            1);
  for (const int replica : {0, 1, 0, 1}) {
    v1::LoginResponse again;
    ASSERT_TRUE(Login(stub(replica), code, &again).ok());
    EXPECT_EQ(again.SerializeAsString(), login.SerializeAsString());
  }
  v1::RevokeSessionRequest revoke;
  revoke.set_session_token(login.session_token());
  v1::RevokeSessionResponse revoked;
  ASSERT_TRUE(stub(0).RevokeSession(Within().get(), revoke, &revoked).ok());
  for (const int replica : {0, 1}) {
    v1::LoginResponse again;
    const grpc::Status status = Login(stub(replica), code, &again);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_EQ(ReasonOf(status), "LOGIN_CODE_CONSUMED");
    EXPECT_TRUE(again.session_token().empty());
  }
}

// One person's first logins through three apps at once. The official account's
// come without a unionid in every second round and learn it from the list of
// followers, so that users who exist already have to merge.
class FirstLogins {
 public:
  static constexpr int kRacers = 32;

  FirstLogins(World& world, std::array<Wxidentd, 2>& replicas, int rounds)
      : world_(world), replicas_(replicas), start_(kRacers) {
    for (int round = 0; round < rounds; ++round) Prepare(round);
  }

  void Run() {
    std::vector<std::thread> racers;
    for (int racer = 0; racer < kRacers; ++racer)
      racers.emplace_back([this, racer] {
        for (size_t round = 0; round < codes_.size(); ++round) {
          start_.arrive_and_wait();
          LogIn(static_cast<int>(round), racer);
        }
      });
    for (std::thread& racer : racers) racer.join();
  }

  // The user_ids that the racers of a round were given.
  const std::vector<std::string>& user_ids(int round) const {
    return user_ids_[static_cast<size_t>(round)];
  }

 private:
  static const char* AppOf(int racer) {
    constexpr std::array<const char*, 3> kApps = {kMiniProgram,
                                                  kOfficialAccount, kWebsite};
    return kApps[static_cast<size_t>(racer) % kApps.size()];
  }
  static bool IsSilent(int round, int racer) {
    return round % 2 == 1 && AppOf(racer) == kOfficialAccount;
  }

  void Prepare(int round) {
    const std::string user = absl::StrCat("person", round);
    world_.sim().Call(
        "followers",
        {{"app_id", kOfficialAccount}, {"user", user}, {"subscribe", true}});
    std::vector<std::string>& codes = codes_.emplace_back();
    for (int racer = 0; racer < kRacers; ++racer)
      codes.push_back(AppOf(racer) == kMiniProgram
                          ? world_.sim().LoginCode(kMiniProgram, user)
                          : world_.sim().OauthCode(
                                AppOf(racer), user,
                                IsSilent(round, racer) ? "snsapi_base" : ""));
    user_ids_.emplace_back(kRacers);
  }

  void LogIn(int round, int racer) {
    v1::IdentityService::Stub& stub =
        replicas_[static_cast<size_t>(racer % 2)].stub();
    const std::string& code =
        codes_[static_cast<size_t>(round)][static_cast<size_t>(racer)];
    v1::LoginResponse login;
    const grpc::Status status =
        AppOf(racer) == kMiniProgram
            ? Login(stub, code, &login)
            : OauthLogin(stub, code, &login, AppOf(racer));
    EXPECT_TRUE(status.ok())
        << ReasonOf(status) << ": " << status.error_message();
    user_ids_[static_cast<size_t>(round)][static_cast<size_t>(racer)] =
        login.user().user_id();
    if (!IsSilent(round, racer)) return;
    v1::GetUserInfoRequest ask;
    ask.set_session_token(login.session_token());
    ask.mutable_follower();
    v1::GetUserInfoResponse info;
    const grpc::Status linked = stub.GetUserInfo(Within().get(), ask, &info);
    EXPECT_TRUE(linked.ok())
        << ReasonOf(linked) << ": " << linked.error_message();
  }

  World& world_;
  std::array<Wxidentd, 2>& replicas_;
  std::barrier<> start_;
  std::vector<std::vector<std::string>> codes_;
  std::vector<std::vector<std::string>> user_ids_;
};

TEST_F(ReplicasTest, RacingFirstLoginsOfOnePersonAreOneUser) {
  constexpr int kRounds = 500;
  FirstLogins logins(world_, replicas_, kRounds);
  logins.Run();

  for (int round = 0; round < kRounds; ++round) {
    v1::BatchGetUsersRequest ask;
    for (const std::string& user_id : logins.user_ids(round))
      ask.add_user_ids(user_id);
    v1::BatchGetUsersResponse answer;
    ASSERT_TRUE(stub(round).BatchGetUsers(Within().get(), ask, &answer).ok());
    ASSERT_EQ(answer.users_size(), FirstLogins::kRacers);
    for (const v1::FoundUser& found : answer.users()) {
      EXPECT_TRUE(found.found());
      EXPECT_EQ(found.user().user_id(), answer.users(0).user().user_id());
      EXPECT_EQ(found.identities_size(), 3);
    }
  }
  EXPECT_EQ(world_.Count("SELECT count(*) FROM users"), kRounds);
  EXPECT_EQ(world_.Count("SELECT count(*) FROM union_ids"), kRounds);
  EXPECT_EQ(world_.Count("SELECT count(*) FROM identities"), 3 * kRounds);
  EXPECT_EQ(world_.Orphans(), 0);
}

}  // namespace
}  // namespace wxident
