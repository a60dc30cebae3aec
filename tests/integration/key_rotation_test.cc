// Keys change while two servers work, and one of them is killed now and then.

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/ring_file.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

constexpr int kPeople = 20;
constexpr uint32_t kRotations = 100;

// One who was there before the first rotation, in both apps.
struct Person {
  std::string name;
  v1::LoginResponse login;
  // A token that was refreshed, and what it was refreshed to: the answer is
  // stored, and given again for as long as the overlap lasts.
  std::string old_token;
  std::string new_token;
  v1::LoginResponse web_login;
  nlohmann::json phone;
};

// Reads what is stored of the people, and writes for others, from some threads,
// until it is stopped. Every call must succeed while its server lives.
class Load {
 public:
  Load(World& world, Wxidentd& server, const std::vector<Person>& people,
       int threads, const std::string& name)
      : world_(world), server_(server), people_(people), name_(name) {
    for (int i = 0; i < threads; ++i)
      threads_.emplace_back([this, i] { Run(i); });
  }
  ~Load() { Stop(); }

  void Stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  // What fails from now on is no failure.
  void ForgiveFromNowOn() { dying_ = true; }

  int calls() const { return calls_; }
  int failures() const { return failures_; }

 private:
  void Run(int thread) {
    for (int round = thread; !stopping_ && !dying_; round += 7) {
      Read(people_[static_cast<size_t>(round % kPeople)]);
      if (round % 3 == 0) LogInAndRefresh(absl::StrCat(name_, thread, round));
    }
  }

  void Read(const Person& person) {
    v1::DecryptPhoneRequest decrypt;
    decrypt.set_session_token(person.new_token);
    decrypt.mutable_encrypted()->set_encrypted_data(
        person.phone.at("encrypted_data").get<std::string>());
    decrypt.mutable_encrypted()->set_iv(
        person.phone.at("iv").get<std::string>());
    v1::DecryptPhoneResponse phone;
    Expect("DecryptPhone",
           server_.stub().DecryptPhone(Within().get(), decrypt, &phone));

    v1::GetAccessTokenRequest token;
    token.set_app_id(kMiniProgram);
    v1::GetAccessTokenResponse app_token;
    Expect("GetAccessToken",
           server_.stub().GetAccessToken(Within().get(), token, &app_token));
    token.set_app_id(kWebsite);
    auto& ref = *token.mutable_web()->mutable_identity_ref();
    ref.set_app_id(kWebsite);
    ref.set_openid(person.web_login.identity().openid());
    v1::GetAccessTokenResponse web_token;
    Expect("GetAccessToken of a person",
           server_.stub().GetAccessToken(Within().get(), token, &web_token));

    v1::RefreshSessionRequest refresh;
    refresh.set_session_token(person.old_token);
    v1::RefreshSessionResponse refreshed;
    if (Expect("RefreshSession again",
               server_.stub().RefreshSession(Within().get(), refresh,
                                             &refreshed)) &&
        refreshed.session_token() != person.new_token)
      Fail("RefreshSession again", "another token");

    v1::ExportUserRequest export_user;
    export_user.set_user_id(person.login.user().user_id());
    v1::ExportUserResponse exported;
    Expect("ExportUser",
           server_.admin().ExportUser(Within().get(), export_user, &exported));
  }

  void LogInAndRefresh(const std::string& user) {
    const std::string code = world_.sim().LoginCode(kMiniProgram, user);
    v1::LoginResponse login;
    if (!Expect("Login", Login(server_.stub(), code, &login))) return;
    v1::RefreshSessionRequest refresh;
    refresh.set_session_token(login.session_token());
    v1::RefreshSessionResponse refreshed;
    Expect("RefreshSession",
           server_.stub().RefreshSession(Within().get(), refresh, &refreshed));
  }

  bool Expect(const char* call, const grpc::Status& status) {
    if (dying_) return false;
    ++calls_;
    if (!status.ok())
      Fail(call, ReasonOf(status) + " " + status.error_message());
    return status.ok();
  }
  void Fail(const char* call, const std::string& what) {
    ++failures_;
    ADD_FAILURE() << name_ << ": " << call << ": " << what;
  }

  World& world_;
  Wxidentd& server_;
  const std::vector<Person>& people_;
  const std::string name_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> dying_{false};
  std::atomic<int> calls_{0};
  std::atomic<int> failures_{0};
  std::vector<std::thread> threads_;
};

class KeyRotationTest : public testing::Test {
 protected:
  // Old tokens go on working for as long as this test may run.
  const std::vector<std::string> flags_ = {"--sessions-refresh-overlap=5m"};

  std::vector<Person> People(Wxidentd& server) {
    std::vector<Person> people;
    for (int i = 0; i < kPeople; ++i) {
      Person person;
      person.name = absl::StrCat("person", i);
      world_.sim().Call("users", {{"app_id", kMiniProgram},
                                  {"user", person.name},
                                  {"phone", absl::StrCat(13580000000 + i)}});
      person.login = LogIn(world_, server, person.name);
      person.web_login = LogIn(world_, server, person.name, kWebsite);
      person.old_token = person.login.session_token();
      v1::RefreshSessionRequest refresh;
      refresh.set_session_token(person.old_token);
      v1::RefreshSessionResponse refreshed;
      EXPECT_TRUE(server.stub()
                      .RefreshSession(Within().get(), refresh, &refreshed)
                      .ok());
      person.new_token = refreshed.session_token();
      person.phone = world_.sim().Call("encrypt", {{"app_id", kMiniProgram},
                                                   {"user", person.name},
                                                   {"payload", "phone"}});
      people.push_back(std::move(person));
    }
    return people;
  }

  // SIGHUP, until all servers seal with `id`.
  static void Reload(const std::vector<Wxidentd*>& servers, uint32_t id) {
    for (Wxidentd* server : servers) server->process().Signal(SIGHUP);
    for (Wxidentd* server : servers)
      ASSERT_TRUE(
          server->process()
              .WaitForLine(absl::StrCat("\"sealing_key_id\":\"", id, "\""))
              .has_value());
  }

  static uint32_t RotateKeys(Wxidentd& server) {
    v1::RotateKeysResponse response;
    const grpc::Status status =
        server.admin().RotateKeys(Within().get(), {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.sealing_key_id();
  }

  static v1::GetKeyStatusResponse KeyStatus(Wxidentd& server) {
    v1::GetKeyStatusResponse response;
    const grpc::Status status =
        server.admin().GetKeyStatus(Within().get(), {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  // Values under other keys than `id`; each of them can be read.
  static int64_t ValuesUnderOthers(Wxidentd& server, uint32_t id) {
    int64_t values = 0;
    const v1::GetKeyStatusResponse status = KeyStatus(server);
    EXPECT_EQ(status.resealing().unreadable(), 0);
    for (const v1::KeyStatus& key : status.keys()) {
      EXPECT_TRUE(key.in_ring()) << key.key_id();
      EXPECT_EQ(key.seals(), key.key_id() == id);
      if (key.key_id() != id) values += key.stored_values();
    }
    return values;
  }

  World world_;
};

TEST_F(KeyRotationTest, AHundredRotationsFailNoCallAndLoseNoRow) {
  Wxidentd survivor(world_, flags_);
  auto victim = std::make_unique<Wxidentd>(world_, flags_);
  const std::vector<Person> people = People(survivor);
  Load load(world_, survivor, people, 2, "survivor");
  auto victims_load =
      std::make_unique<Load>(world_, *victim, people, 1, "victim");

  // Each ring holds the next key already, so that whoever reloads later can
  // read what the other has sealed with it.
  std::vector<uint32_t> old_keys;
  int kills = 0;
  for (uint32_t id = 2; id < 2 + kRotations; ++id) {
    std::vector<uint32_t> ids = {id, id + 1, id - 1};
    ids.insert(ids.end(), old_keys.begin(), old_keys.end());
    if (id == 2) {
      WriteRing(world_, RingText(world_, {1, 2}));
      RotateKeys(survivor);
      RotateKeys(*victim);
    }
    WriteRing(world_, RingText(world_, ids));
    Reload({&survivor, victim.get()}, id);
    old_keys.push_back(id - 1);
    EXPECT_EQ(RotateKeys(id % 2 == 0 ? *victim : survivor), id);
    if (id % 20 == 0) {
      // In the midst of its pass.
      victims_load->ForgiveFromNowOn();
      victim->Kill();
      ++kills;
      EXPECT_GT(victims_load->calls(), 0);
      EXPECT_EQ(victims_load->failures(), 0);
      victims_load.reset();
      victim = std::make_unique<Wxidentd>(world_, flags_);
      victims_load =
          std::make_unique<Load>(world_, *victim, people, 1, "victim");
    }
    if (id % 25 == 0) {
      // Old keys go as soon as nothing is under them.
      RotateKeys(survivor);
      while (ValuesUnderOthers(survivor, id) > 0) RotateKeys(survivor);
      old_keys = {id - 1};
    }
  }
  EXPECT_EQ(kills, 5);
  victims_load->Stop();
  load.Stop();
  EXPECT_EQ(victims_load->failures(), 0);
  EXPECT_EQ(load.failures(), 0);
  EXPECT_GT(load.calls(), 1000);

  const uint32_t newest = kRotations + 1;
  RotateKeys(survivor);
  while (ValuesUnderOthers(survivor, newest) > 0) RotateKeys(survivor);
  // Without any other key everything is there.
  WriteRing(world_, RingText(world_, {newest}));
  victim->Kill();
  Wxidentd fresh(world_, flags_);
  Load reads(world_, fresh, people, 1, "fresh");
  while (reads.calls() < 5 * kPeople) std::this_thread::yield();
  reads.Stop();
  EXPECT_EQ(reads.failures(), 0);
  EXPECT_EQ(world_.Orphans(), 0);
  EXPECT_EQ(fresh.Stop(), 0);
  EXPECT_EQ(survivor.Stop(), 0);
}

}  // namespace
}  // namespace wxident
