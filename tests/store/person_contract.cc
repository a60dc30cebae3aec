#include <algorithm>
#include <array>

#include "tests/store/store_contract.h"

namespace wxident {
namespace {

constexpr int kMini = 0;
constexpr int kOfficial = 1;
constexpr int kWebsite = 2;
constexpr const char* kApps[] = {"wx_mini", "wx_official", "wx_website"};

// When and how WeChat tells an app the unionid.
enum class Told {
  kAtFirst,
  kLaterAtLogin,
  kLaterInProfile,
  kLaterInOauthProfile,
  kLaterAsFollower,
  kNever,
};

const std::vector<Told>& WaysOf(int app) {
  static const std::vector<Told>& mini =
      *new std::vector<Told>({Told::kAtFirst, Told::kLaterAtLogin,
                              Told::kLaterInProfile, Told::kNever});
  static const std::vector<Told>& official = *new std::vector<Told>(
      {Told::kAtFirst, Told::kLaterAtLogin, Told::kLaterInOauthProfile,
       Told::kLaterAsFollower, Told::kNever});
  static const std::vector<Told>& website =
      *new std::vector<Told>({Told::kAtFirst, Told::kLaterAtLogin,
                              Told::kLaterInOauthProfile, Told::kNever});
  return app == kMini ? mini : app == kOfficial ? official : website;
}

struct Person {
  int number;
  // Which app is met first, second, third.
  std::array<int, 3> order;
  // Whether what is told later comes in that order or in the opposite one.
  bool told_backwards;
  std::array<Told, 3> told;
  // By app: the user that the first login was answered with, and its session.
  std::array<std::string, 3> first_user_ids;
  std::array<std::string, 3> sessions;

  std::string openid() const { return absl::StrCat("openid", number); }
  std::string unionid() const { return absl::StrCat("unionid", number); }
};

std::vector<Person> EveryPerson() {
  std::vector<Person> persons;
  std::array<int, 3> order = {kMini, kOfficial, kWebsite};
  do {
    for (const bool backwards : {false, true})
      for (const Told mini : WaysOf(kMini))
        for (const Told official : WaysOf(kOfficial))
          for (const Told website : WaysOf(kWebsite))
            persons.push_back({static_cast<int>(persons.size()),
                               order,
                               backwards,
                               {mini, official, website},
                               {},
                               {}});
  } while (std::next_permutation(order.begin(), order.end()));
  return persons;
}

Profile ProfileFrom(Told told) {
  Profile profile;
  profile.nickname = "x";
  profile.fetched_at = absl::FromUnixSeconds(1767323045);
  if (told == Told::kLaterInOauthProfile)
    profile.source = ProfileSource::kOauth;
  if (told == Told::kLaterAsFollower) {
    profile.source = ProfileSource::kFollower;
    profile.subscribe = true;
  }
  return profile;
}

TEST_P(PersonContract, EveryOrderEndsWithOneUserAndTheRightSurvivor) {
  std::vector<Person> persons = EveryPerson();
  ASSERT_EQ(persons.size(), 960u);
  const auto login = [&](const Person& person, int app, bool with_unionid) {
    const std::string unionid = with_unionid ? person.unionid() : "";
    return app == kMini ? Login(kApps[app], person.openid(), unionid)
                        : WebLogin(kApps[app], person.openid(), unionid);
  };
  // All persons live at once, each on one thread at a time.
  const auto everybody = [&](const auto& step) {
    constexpr int kThreads = 16;
    OnThreads(kThreads, [&](int thread) {
      for (size_t i = thread; i < persons.size(); i += kThreads)
        step(persons[i]);
    });
  };

  for (int at = 0; at < 3; ++at) {
    everybody([&](Person& person) {
      const int app = person.order[at];
      const SignIn in = login(person, app, person.told[app] == Told::kAtFirst);
      person.first_user_ids[app] = MustRecord(in).session.user.user_id;
      person.sessions[app] = in.session_token_hash;
    });
    harness_->PassTime(absl::Seconds(1));
  }
  for (int at = 0; at < 3; ++at) {
    everybody([&](Person& person) {
      const int app = person.order[person.told_backwards ? 2 - at : at];
      const Told told = person.told[app];
      if (told == Told::kAtFirst || told == Told::kNever) return;
      if (told == Told::kLaterAtLogin) {
        MustRecord(login(person, app, true));
        return;
      }
      const auto owner = SaveProfile(
          {kApps[app], person.openid(), person.unionid()}, ProfileFrom(told));
      EXPECT_TRUE(owner.ok()) << owner.status();
    });
  }
  // WeChat stops telling; nothing is forgotten.
  everybody([&](Person& person) {
    for (int app = 0; app < 3; ++app) MustRecord(login(person, app, false));
  });

  everybody([&](Person& person) {
    std::vector<int> known;
    for (const int app : person.order)
      if (person.told[app] != Told::kNever) known.push_back(app);
    const auto user = FindUser(ByUnionid{"account", person.unionid()});
    ASSERT_EQ(user.has_value(), !known.empty());
    if (user.has_value()) {
      ASSERT_EQ(user->identities.size(), known.size());
      for (size_t i = 0; i < known.size(); ++i)
        EXPECT_EQ(user->identities[i].app_id, kApps[known[i]]);
    }
    for (int app = 0; app < 3; ++app) {
      const bool is_known = person.told[app] != Told::kNever;
      // The oldest of those who are one; who was never told of stays apart.
      const std::string& survivor =
          person.first_user_ids[is_known ? known.front() : app];
      const auto found = FindUsers({ByOpenid{kApps[app], person.openid()},
                                    ByUserId{person.first_user_ids[app]}});
      ASSERT_TRUE(found[0].has_value() && found[1].has_value());
      EXPECT_EQ(found[0]->user.user_id, survivor) << person.number;
      EXPECT_EQ(found[1]->user.user_id, survivor) << person.number;
      EXPECT_EQ(found[0]->identities.size(), is_known ? known.size() : 1);
      const auto session = FindSession(person.sessions[app]);
      ASSERT_TRUE(session.has_value());
      EXPECT_EQ(session->user.user_id, survivor);
      EXPECT_EQ(session->identity.unionid, is_known ? person.unionid() : "");
    }
  });
}

}  // namespace
}  // namespace wxident
