// The attacks over plain text.

#include <memory>
#include <vector>

#include "tests/base/own_channel.h"
#include "tests/hostile/hostile_fixture.h"

namespace wxident {
namespace {

class PlainHostileTest : public HostileTest {
 protected:
  static void SetUpTestSuite() {
    Serve(
        std::make_shared<World>(), {"--grpc-reflection=true"},
        [](const std::string& addr) { return OwnChannel(addr); }, nullptr);
  }
};

TEST_P(PlainHostileTest, HurtsNobodyElse) { Suffer(GetParam()); }

std::vector<Attack> Attacks() {
  std::vector<Attack> all;
  for (const auto& some : {StreamAttacks(), FrameAttacks(), RequestAttacks(),
                           ConnectionAttacks(), AnswerAttacks()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, PlainHostileTest, testing::ValuesIn(Attacks()),
                         NameOf);

}  // namespace
}  // namespace wxident
