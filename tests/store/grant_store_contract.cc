#include "server/identity/error.h"
#include "tests/store/store_contract.h"

namespace wxident {
namespace {

TEST_P(GrantStoreContract, AWebLoginLeavesItsGrant) {
  const SignIn in = WebLogin("wx1", "o1", "u1");
  const SignedIn made = MustRecord(in);
  for (const ProfileQuery& query :
       {ProfileQuery(ByOpenid{"wx1", "o1"}),
        ProfileQuery(BySession{in.session_token_hash})}) {
    const auto found = FindGrant(query);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->user.user_id, made.session.user.user_id);
    EXPECT_EQ(found->identity.openid, "o1");
    EXPECT_EQ(found->identity.unionid, "u1");
    ASSERT_TRUE(found->grant.has_value());
    EXPECT_EQ(found->grant->access_token.Expose(), "token of o1");
    EXPECT_EQ(found->grant->access_expires_at, in.grant->access_expires_at);
    EXPECT_EQ(found->grant->refresh_token.Expose(), "refresh token of o1");
    EXPECT_EQ(found->grant->refresh_expires_at, in.grant->refresh_expires_at);
    EXPECT_EQ(found->grant->scope, "snsapi_userinfo");
  }
  EXPECT_TRUE(KeysOf(in.session_token_hash).empty());
}

TEST_P(GrantStoreContract, NoGrantIsNotNobody) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  EXPECT_FALSE(FindGrant(ByOpenid{"wx1", "nobody"}));
  EXPECT_FALSE(FindGrant(BySession{std::string(32, 'x')}));
  const auto found = FindGrant(BySession{in.session_token_hash});
  ASSERT_TRUE(found.has_value());
  EXPECT_FALSE(found->grant.has_value());
  Revoke(in.session_token_hash);
  EXPECT_FALSE(FindGrant(BySession{in.session_token_hash}));
}

TEST_P(GrantStoreContract, ALoginBringsAKeyOrAGrant) {
  SignIn both = Login("wx1", "o1");
  both.grant = GrantOf("t", "snsapi_base");
  EXPECT_TRUE(HasReason(Record(both).status(), Reason::kInternalFault));
  SignIn none = Login("wx1", "o1");
  none.session_key.reset();
  EXPECT_TRUE(HasReason(Record(none).status(), Reason::kInternalFault));
  EXPECT_FALSE(FindUser(ByOpenid{"wx1", "o1"}));
}

// Which of two grants is kept, whichever of them is recorded first.
TEST_P(GrantStoreContract, TheWiderThatLivesThenTheNewestIsKept) {
  const struct {
    const char* older_scope;
    const char* newer_scope;
    bool older_has_ended;
    bool newer_is_kept;
  } kCases[] = {
      {"snsapi_base", "snsapi_base", false, true},
      {"snsapi_userinfo", "snsapi_userinfo", false, true},
      {"snsapi_base", "snsapi_userinfo", false, true},
      {"snsapi_userinfo", "snsapi_base", false, false},
      {"snsapi_login", "snsapi_base", false, false},
      {"snsapi_userinfo", "snsapi_base", true, true},
  };
  int person = 0;
  for (const auto& c : kCases) {
    for (const bool older_first : {true, false}) {
      const std::string openid = absl::StrCat("o", person++);
      SignIn older = WebLogin("wx1", openid, "", c.older_scope);
      older.grant->access_token = Secret("older");
      SignIn newer = WebLogin("wx1", openid, "", c.newer_scope);
      newer.grant->access_token = Secret("newer");
      newer.exchanged_at = older.exchanged_at + absl::Hours(1);
      if (c.older_has_ended)
        older.grant->refresh_expires_at = newer.exchanged_at;
      MustRecord(older_first ? older : newer);
      MustRecord(older_first ? newer : older);
      EXPECT_EQ(
          FindGrant(ByOpenid{"wx1", openid})->grant->access_token.Expose(),
          c.newer_is_kept ? "newer" : "older")
          << c.older_scope << c.newer_scope << older_first;
    }
  }
}

TEST_P(GrantStoreContract, ARefreshReplacesWhatEndsSooner) {
  const SignIn in = WebLogin("wx1", "o1");
  MustRecord(in);
  const auto kept = [&] {
    return FindGrant(ByOpenid{"wx1", "o1"})->grant->access_token.Expose();
  };
  OauthGrant refreshed = *in.grant;
  refreshed.access_token = Secret("refreshed");
  refreshed.access_expires_at += absl::Minutes(1);
  ASSERT_TRUE(SaveGrant(in.identity, refreshed).ok());
  EXPECT_EQ(kept(), "refreshed");

  // What was refreshed before comes late.
  ASSERT_TRUE(SaveGrant(in.identity, *in.grant).ok());
  EXPECT_EQ(kept(), "refreshed");

  // A new login stands before refreshes of the grant it replaced.
  SignIn next = WebLogin("wx1", "o1");
  next.grant->access_token = Secret("next");
  next.grant->refresh_expires_at += absl::Hours(1);
  next.exchanged_at = in.exchanged_at + absl::Hours(1);
  MustRecord(next);
  refreshed.access_expires_at += absl::Hours(9);
  ASSERT_TRUE(SaveGrant(in.identity, refreshed).ok());
  EXPECT_EQ(kept(), "next");
}

TEST_P(GrantStoreContract, ARefreshForNobodyLeavesNothing) {
  EXPECT_TRUE(
      SaveGrant({"wx1", "nobody", ""}, GrantOf("t", "snsapi_base")).ok());
  EXPECT_FALSE(FindGrant(ByOpenid{"wx1", "nobody"}));
}

TEST_P(GrantStoreContract, RacingRefreshesEndWithTheLast) {
  const SignIn in = WebLogin("wx1", "o1");
  MustRecord(in);
  OnThreads(32, [&](int i) {
    OauthGrant grant = *in.grant;
    grant.access_token = Secret(absl::StrCat("t", i));
    grant.access_expires_at += absl::Seconds(i + 1);
    EXPECT_TRUE(SaveGrant(in.identity, grant).ok());
  });
  EXPECT_EQ(FindGrant(ByOpenid{"wx1", "o1"})->grant->access_token.Expose(),
            "t31");
}

TEST_P(GrantStoreContract, AGrantGoesWithItsIdentityInAMerge) {
  const std::string old_id =
      MustRecord(Login("wx1", "o1")).session.user.user_id;
  harness_->PassTime(absl::Seconds(1));
  const SignIn web = WebLogin("wx2", "o2", "u1");
  MustRecord(web);
  MustRecord(Login("wx1", "o1", "u1"));
  const auto found = FindGrant(ByOpenid{"wx2", "o2"});
  EXPECT_EQ(found->user.user_id, old_id);
  EXPECT_TRUE(found->grant.has_value());
  EXPECT_EQ(FindAnswer(web)->signed_in.session.user.user_id, old_id);
}

}  // namespace
}  // namespace wxident
