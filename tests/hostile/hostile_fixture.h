#ifndef WXIDENT_TESTS_HOSTILE_HOSTILE_FIXTURE_H_
#define WXIDENT_TESTS_HOSTILE_HOSTILE_FIXTURE_H_

#include <grpcpp/channel.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/hostile/attacks.h"
#include "tests/hostile/bystander.h"
#include "tests/integration/wxidentd.h"

namespace wxident {

// A real wxidentd under one attack after the other, while an honest caller goes
// on calling: memory stays bounded, the caller is served as before, new
// connections come about, and the server tells of the attack by its name.
//
// The usual run takes a second or so for each attack, in which one slow call of
// some hundred is the p99; it looks at what the machine's other work cannot
// explain. With HOSTILE_CALLS=3000 in the environment each attack goes
// on until there are so many honest calls, and p99 is held to what is promised:
// for a quiet machine.
class HostileTest : public testing::TestWithParam<Attack> {
 protected:
  // Opens a connection of its own for an honest caller.
  using Connect =
      std::function<std::shared_ptr<grpc::Channel>(const std::string& addr)>;

  // For SetUpTestSuite.
  static void Serve(std::shared_ptr<World> world,
                    const std::vector<std::string>& flags, Connect connect,
                    std::shared_ptr<const AttackersTls> tls);
  static void TearDownTestSuite();

  // Lets the attack happen, and expects all of the above.
  void Suffer(const Attack& attack);

 private:
  struct Suite;

  static Outcome Run(const Attack& attack, const Target& target);
  // The most memory that the server has had so far.
  static int PeakMib();
  // What the counter by which the server tells of the attack has come to.
  static double Told(const Attack& attack);
  // Whether its log has a line about it that was written after `since`.
  static bool Logged(const Attack& attack, size_t since);

  static std::unique_ptr<Suite> suite_;
};

std::string NameOf(const testing::TestParamInfo<Attack>& info);

}  // namespace wxident

#endif  // WXIDENT_TESTS_HOSTILE_HOSTILE_FIXTURE_H_
